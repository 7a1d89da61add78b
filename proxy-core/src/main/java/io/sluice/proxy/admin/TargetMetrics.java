package io.sluice.proxy.admin;

import static io.sluice.proxy.admin.Scrape.happened;

import io.sluice.proxy.health.LastCheck;
import io.sluice.proxy.observe.Metric;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.observe.TargetCounters;
import io.sluice.proxy.target.Target;
import java.io.IOException;

/** The metrics that each target has. */
final class TargetMetrics {
  private static final double MILLIS = 1e3;

  private TargetMetrics() {}

  /** What the metric has to say of one target; nothing for what it never did. */
  static void write(Metric metric, Target target, MetricText text) throws IOException {
    String label = target.destination().label();
    String name = target.destination().protocol().word() + ":" + target;
    TargetCounters counters = target.counters();
    LastCheck check = target.lastCheck();
    switch (metric) {
      case TARGET_UP -> text.sample(target.isUp() ? 1 : 0, label, name);
      case TARGET_STATE -> text.sample(1, label, name, target.status().state().word());
      case TARGET_STATE_SINCE ->
          text.fraction(target.status().since().toEpochMilli() / MILLIS, label, name);
      case TARGET_SESSIONS_ACTIVE -> {
        if (counters.sessions() > 0) {
          text.sample(target.active(), label, name);
        }
      }
      case TARGET_SESSIONS -> happened(text, counters.sessions(), label, name);
      case TARGET_BYTES -> {
        happened(text, counters.bytesIn.sum(), label, name, "in");
        happened(text, counters.bytesOut.sum(), label, name, "out");
      }
      case TARGET_FAILURES -> {
        for (Refusal reason : Refusal.values()) {
          happened(text, counters.failures(reason), label, name, reason.word());
        }
      }
      case TARGET_CONNECT_SECONDS -> {
        if (!counters.connects().isEmpty()) {
          text.histogram(counters.connects(), label, name);
        }
      }
      case TARGET_CHECK_GOOD -> {
        if (check != null) {
          text.sample(check.isGood() ? 1 : 0, label, name);
        }
      }
      case TARGET_CHECK_SECONDS -> {
        if (check != null) {
          text.fraction(check.tookMillis() / MILLIS, label, name);
        }
      }
      case TARGET_CHECK_AT -> {
        if (check != null) {
          text.fraction(check.at().toEpochMilli() / MILLIS, label, name);
        }
      }
      default -> throw new IllegalArgumentException(metric + " is not of a target");
    }
  }
}
