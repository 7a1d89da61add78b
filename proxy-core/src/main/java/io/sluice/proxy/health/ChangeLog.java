package io.sluice.proxy.health;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Writes a line for each change of an endpoint's state: what, why, and what clients notice. */
final class ChangeLog {
  private static final Logger log = LoggerFactory.getLogger(Endpoint.class);

  private ChangeLog() {}

  static void write(Endpoint endpoint, Status before, Status after) {
    String line = "target {} target={} reason=\"{}\" before={} lastedMillis={} effect=\"{}\"";
    Object[] values = {
      after.state().word(),
      endpoint,
      after.reason(),
      before.state().word(),
      after.since().toEpochMilli() - before.since().toEpochMilli(),
      effect(endpoint, after.state())
    };
    if (after.state() == TargetState.DOWN) {
      log.warn(line, values);
    } else {
      log.info(line, values);
    }
  }

  private static String effect(Endpoint endpoint, TargetState state) {
    return switch (state) {
      case UP -> "it gets clients";
      case STARTING -> "it gets clients, until a check says otherwise";
      case DOWN ->
          endpoint.isHeld()
              ? "it gets no clients until checks are good again"
              : "it gets no clients but one at a time, who finds out";
      case DRAIN, MAINT -> "it gets no new clients until it is set back";
    };
  }
}
