package io.sluice.proxy.observe;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One record per session, at its end. The log's queue loses records rather than hold an event loop
 * up.
 */
public final class AccessLog {
  private static final Logger log = LoggerFactory.getLogger(LogSetup.ACCESS);

  private AccessLog() {}

  /** Whether records are written at all: ask before making one. */
  public static boolean isOn() {
    return log.isInfoEnabled();
  }

  /** Writes a record. */
  public static void add(AccessRecord ended) {
    log.info("{}", ended);
  }
}
