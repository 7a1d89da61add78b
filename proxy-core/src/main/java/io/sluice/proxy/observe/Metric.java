package io.sluice.proxy.observe;

import java.util.List;
import java.util.Locale;

/**
 * Every metric of Sluice's own. The scrape has a line for each constant, and the table in {@code
 * docs/operations.md} is made of these: a new metric is a new constant, a case in the scrape, and a
 * row that the test of the table prints.
 */
public enum Metric {
  BUILD_INFO("sluice_build_info", Type.GAUGE, "The version that runs; always 1.", "version"),
  GENERATION("sluice_generation", Type.GAUGE, "Which configuration is in force, counted from 1."),
  CONFIG_RELOADS(
      "sluice_config_reloads_total",
      Type.COUNTER,
      "Configurations that were asked for after the first: `ok`, `refused`.",
      "result"),
  CAPTURE_UP(
      "sluice_capture_up", Type.GAUGE, "0 while a capture isn't, or not wholly, there.", "capture"),
  ACCEPT_PAUSES(
      "sluice_accept_pauses_total",
      Type.COUNTER,
      "How often a loop stopped accepting for 100 ms, out of descriptors or source ports."),
  BUFFER_BYTES(
      "sluice_buffer_bytes",
      Type.GAUGE,
      "Memory that bytes in flight take now, spare buffers included."),
  BUFFER_LIMIT(
      "sluice_buffer_limit_bytes",
      Type.GAUGE,
      "How much they may take: `limits.buffers`, or its default."),
  CONNECTIONS(
      "sluice_connections_active",
      Type.GAUGE,
      "TCP connections that there are now, those that wait for a PROXY header included."),
  CONNECTIONS_LIMIT(
      "sluice_connections_limit", Type.GAUGE, "How many there may be: `limits.connections`."),
  FLOWS("sluice_flows_active", Type.GAUGE, "UDP flows that there are now."),
  FLOWS_LIMIT("sluice_flows_limit", Type.GAUGE, "How many there may be: `limits.flows`."),
  LOG_LINES_LOST(
      "sluice_log_lines_lost_total",
      Type.COUNTER,
      "Lines that were lost because the log could not be written: `access` records, and all else,"
          + " `log`.",
      "kind"),
  DROPS(
      "sluice_drops_total",
      Type.COUNTER,
      "Refused connections and datagrams, by reason.",
      "reason",
      "protocol"),
  SHADOW_DROPS(
      "sluice_shadow_drops_total",
      Type.COUNTER,
      "What `perSource` with `shadow: true` would have refused; there only once there is one.",
      "reason",
      "protocol"),
  SOURCE_OVERFLOWS(
      "sluice_source_overflows_total",
      Type.COUNTER,
      "Connections and flows that were let in without a limit, because the table of sources had no"
          + " place."),
  REFUSALS(
      "sluice_refusals_total",
      Type.COUNTER,
      "Those of `sluice_drops_total` that were for a destination.",
      "label",
      "protocol",
      "reason"),
  MISSES(
      "sluice_misses_total",
      Type.COUNTER,
      "Lookups whose label matched, but has no socket; there only once there is one.",
      "label",
      "family",
      "protocol"),
  ASSIGN_ERRORS(
      "sluice_assign_errors_total",
      Type.COUNTER,
      "Assigns of programs that the engine refused; there only once there is one.",
      "program",
      "errno"),
  PROGRAM_ERRORS(
      "sluice_program_errors_total",
      Type.COUNTER,
      "Runs of a program that threw, or answered neither pass nor drop; there only once there is"
          + " one.",
      "program"),
  LOOKUPS(
      "sluice_lookups_total",
      Type.COUNTER,
      "Lookups that found a socket.",
      "label",
      "family",
      "protocol"),
  OFFLOADED(
      "sluice_offloaded_total",
      Type.COUNTER,
      "Lookups by which the kernel gave a connection to a target's own socket.",
      "label",
      "family"),
  OFFLOAD_FALLBACKS(
      "sluice_offload_fallbacks_total",
      Type.COUNTER,
      "Connections that the kernel left to the relay: `elsewhere`, `absent`, `unfit`.",
      "label",
      "reason"),
  OFFLOAD_DROPS(
      "sluice_offload_drops_total",
      Type.COUNTER,
      "Connections that the kernel refused by a program of ours; there only once there is one.",
      "program",
      "reason"),
  TARGET_OFFLOADED(
      "sluice_target_offloaded",
      Type.GAUGE,
      "1 while the kernel gives connections to the target's own socket.",
      "label",
      "target"),
  SESSIONS(
      "sluice_sessions_total",
      Type.COUNTER,
      "Sessions and flows that ended, by how.",
      "label",
      "protocol",
      "end"),
  BYTES(
      "sluice_bytes_total",
      Type.COUNTER,
      "Payload that was moved; `in` is from the client, `out` is to it.",
      "label",
      "protocol",
      "direction"),
  DATAGRAMS(
      "sluice_datagrams_total",
      Type.COUNTER,
      "Datagrams that were moved; only of UDP destinations.",
      "label",
      "protocol",
      "direction"),
  MESSAGES(
      "sluice_messages_total",
      Type.COUNTER,
      "Messages that a target's socket took as a whole; only of destinations with `affinity:"
          + " message`.",
      "label",
      "protocol"),
  MESSAGES_DROPPED(
      "sluice_messages_dropped_total",
      Type.COUNTER,
      "Messages that went nowhere, by reason; only of destinations with `affinity: message`.",
      "label",
      "protocol",
      "reason"),
  SESSIONS_ACTIVE(
      "sluice_sessions_active",
      Type.GAUGE,
      "Sessions and flows that there are now.",
      "label",
      "protocol"),
  QUEUED(
      "sluice_queued_total",
      Type.COUNTER,
      "Connections that had to wait for a target; there only once there is one.",
      "label",
      "protocol"),
  QUEUE_LENGTH(
      "sluice_queue_length",
      Type.GAUGE,
      "Connections that wait for a target now; there only once there was one.",
      "label",
      "protocol"),
  SESSIONS_LIMIT(
      "sluice_sessions_limit",
      Type.GAUGE,
      "How many there may be: the destination's `maxConnections`.",
      "label",
      "protocol"),
  BINDINGS("sluice_bindings", Type.GAUGE, "Bindings in force.", "label", "protocol"),
  TARGET_UP(
      "sluice_target_up",
      Type.GAUGE,
      "0 while a target is passed over, also while one connection finds out whether it is back, and"
          + " while its name has no address; `target` is like `tcp:127.0.0.1:8081`.",
      "label",
      "target"),
  TARGET_STATE(
      "sluice_target_state",
      Type.GAUGE,
      "Always 1: `state` says which one the target is in: `up`, `down`, `drain`, `maint` or"
          + " `starting`.",
      "label",
      "target",
      "state"),
  TARGET_STATE_SINCE(
      "sluice_target_state_timestamp_seconds",
      Type.GAUGE,
      "Since when it has been in this state, as seconds since 1970.",
      "label",
      "target"),
  TARGET_SESSIONS_ACTIVE(
      "sluice_target_sessions_active",
      Type.GAUGE,
      "Sessions and flows that a target has now.",
      "label",
      "target"),
  TARGET_SESSIONS(
      "sluice_target_sessions_total",
      Type.COUNTER,
      "Connections that were made to a target, and flows.",
      "label",
      "target"),
  TARGET_BYTES(
      "sluice_target_bytes_total",
      Type.COUNTER,
      "Payload that was moved; `in` is to the target, `out` is from it.",
      "label",
      "target",
      "direction"),
  TARGET_FAILURES(
      "sluice_target_failures_total",
      Type.COUNTER,
      "Connections and datagrams that a target failed, also where another target took over; the"
          + " reasons are some of those of `sluice_drops_total`.",
      "label",
      "target",
      "reason"),
  TARGET_CONNECT_SECONDS(
      "sluice_target_connect_seconds",
      Type.HISTOGRAM,
      "How long it took to connect to a target, where that succeeded; only of TCP.",
      "label",
      "target"),
  TARGET_CHECK_GOOD(
      "sluice_target_check_good",
      Type.GAUGE,
      "Whether the last check was good; only of targets that are checked.",
      "label",
      "target"),
  TARGET_CHECK_SECONDS(
      "sluice_target_check_seconds",
      Type.GAUGE,
      "How long the last check took.",
      "label",
      "target"),
  TARGET_CHECK_AT(
      "sluice_target_check_timestamp_seconds",
      Type.GAUGE,
      "When the last check ended, as seconds since 1970.",
      "label",
      "target"),
  CHECKS(
      "sluice_checks_total",
      Type.COUNTER,
      "Checks of targets that were `good`, `bad`, or `skipped` for want of a descriptor or port.",
      "result"),
  CONNECT_SECONDS(
      "sluice_connect_seconds",
      Type.HISTOGRAM,
      "How long it took to connect to a target, retries included.");

  private final String exposedName;
  private final Type type;
  private final String help;

  @SuppressWarnings("ImmutableEnumChecker") // List.of can't be changed
  private final List<String> labels;

  /** What kind of number it is. */
  public enum Type {
    /** Only grows. */
    COUNTER,
    GAUGE,
    HISTOGRAM;

    /** As Prometheus writes it. */
    public String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  Metric(String exposedName, Type type, String help, String... labels) {
    this.exposedName = exposedName;
    this.type = type;
    this.help = help;
    this.labels = List.of(labels);
  }

  /** As Prometheus knows it. */
  public String exposedName() {
    return exposedName;
  }

  public Type type() {
    return type;
  }

  /** One sentence on what it counts. */
  public String help() {
    return help;
  }

  /** The names of its labels, in the order in which the scrape gives their values. */
  public List<String> labels() {
    return labels;
  }
}
