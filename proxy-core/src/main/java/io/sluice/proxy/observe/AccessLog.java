package io.sluice.proxy.observe;

import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One record per session, at its end, in a fixed order of keys. The log's queue loses records
 * rather than hold an event loop up.
 */
public final class AccessLog {
  private static final Logger log = LoggerFactory.getLogger(LogSetup.ACCESS);

  private AccessLog() {}

  /** Whether records are written at all: ask before making the arguments. */
  public static boolean isOn() {
    return log.isInfoEnabled();
  }

  /**
   * A session or flow has ended, or a connection was refused.
   *
   * @param label the destination's, or {@code -}
   * @param target as configured, or {@code -}
   * @param end the word of a {@code SessionEnd} or {@code Refusal}
   * @param bytesIn from client to target
   * @param bytesOut from target to client
   * @param via who announced the client, like {@code 10.0.0.5:41233}; null if nobody did
   */
  public static void ended(
      Protocol protocol,
      IpAddress client,
      int clientPort,
      IpAddress local,
      int localPort,
      String label,
      String target,
      String end,
      long durationMillis,
      long bytesIn,
      long bytesOut,
      @Nullable String via) {
    log.info(
        "protocol={} client={} local={} label={} target={} end={} ms={} in={} out={}{}",
        protocol.word(),
        IpAddress.withPort(client, clientPort),
        IpAddress.withPort(local, localPort),
        Quoted.of(label),
        Quoted.of(target),
        end,
        durationMillis,
        bytesIn,
        bytesOut,
        via == null ? "" : " via=" + via);
  }
}
