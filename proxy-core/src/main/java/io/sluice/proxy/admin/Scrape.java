package io.sluice.proxy.admin;

import io.micrometer.core.instrument.binder.jvm.ClassLoaderMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.sluice.proxy.capture.CaptureState;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.loop.SessionLimit;
import io.sluice.proxy.observe.CheckResult;
import io.sluice.proxy.observe.Counters;
import io.sluice.proxy.observe.LogKind;
import io.sluice.proxy.observe.LogSetup;
import io.sluice.proxy.observe.Metric;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.observe.SessionEnd;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.OffloadFallback;
import io.sluice.proxy.target.Target;
import io.sluice.proxy.target.Traffic;
import io.sluice.steering.Family;
import io.sluice.steering.Protocol;
import io.sluice.steering.stream.MessageDrop;
import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The metrics as Prometheus reads them. The counters stay where they are counted; a scrape reads
 * them there, so a destination that a reload brings shows at the next scrape. Any thread.
 */
public final class Scrape implements AutoCloseable {
  private @Nullable PrometheusMeterRegistry registry;
  private @Nullable JvmGcMetrics garbageCollection;
  private final Supplier<Snapshot> snapshots;
  private final Supplier<List<CaptureState>> captures;
  private final SessionLimit connections;
  private final SessionLimit flows;
  private final Counters counters;
  private final String version;

  /**
   * @param captures whether each capture is there
   */
  public Scrape(
      Supplier<Snapshot> snapshots,
      Supplier<List<CaptureState>> captures,
      SessionLimit connections,
      SessionLimit flows,
      Counters counters,
      String version) {
    this.snapshots = snapshots;
    this.captures = captures;
    this.connections = connections;
    this.flows = flows;
    this.counters = counters;
    this.version = version;
  }

  /** Writes everything in Prometheus's text format, a line at a time. */
  public void writeTo(OutputStream out) throws IOException {
    registry().scrape(out);
    MetricText text = new MetricText(out);
    ProcessMetrics.write(text);
    Snapshot snapshot = snapshots.get();
    for (Metric metric : Metric.values()) {
      text.begin(metric);
      write(metric, snapshot, text);
    }
    text.flush();
  }

  /**
   * Made for the first scrape: it would be a good part of a start, and of what an idle daemon
   * takes.
   */
  private synchronized PrometheusMeterRegistry registry() {
    PrometheusMeterRegistry known = registry;
    if (known == null) {
      known = register(new PrometheusMeterRegistry(PrometheusConfig.DEFAULT));
      registry = known;
    }
    return known;
  }

  private PrometheusMeterRegistry register(PrometheusMeterRegistry registry) {
    new ClassLoaderMetrics().bindTo(registry);
    new JvmMemoryMetrics().bindTo(registry);
    new JvmThreadMetrics().bindTo(registry);
    garbageCollection = new JvmGcMetrics();
    garbageCollection.bindTo(registry);
    return registry;
  }

  @Override
  public synchronized void close() {
    if (garbageCollection != null) {
      garbageCollection.close();
    }
    if (registry != null) {
      registry.close();
    }
  }

  /** The samples of a metric: the values of its labels in their order. */
  private void write(Metric metric, Snapshot snapshot, MetricText text) throws IOException {
    switch (metric) {
      case BUILD_INFO -> text.sample(1, version);
      case GENERATION -> text.sample(snapshot.generation());
      case CONFIG_RELOADS -> {
        text.sample(counters.reloads(true).sum(), "ok");
        text.sample(counters.reloads(false).sum(), "refused");
      }
      case BUFFER_BYTES -> text.sample(counters.bufferBytes());
      case BUFFER_LIMIT -> text.sample(counters.bufferLimitBytes());
      case CONNECTIONS -> text.sample(connections.active());
      case CONNECTIONS_LIMIT -> text.sample(connections.most());
      case FLOWS -> text.sample(flows.active());
      case FLOWS_LIMIT -> text.sample(flows.most());
      case CAPTURE_UP -> {
        for (CaptureState capture : captures.get()) {
          text.sample(capture.isUp() ? 1 : 0, capture.capture());
        }
      }
      case ACCEPT_PAUSES -> text.sample(counters.acceptPauses().sum());
      case LOG_LINES_LOST -> {
        for (LogKind kind : LogKind.values()) {
          text.sample(LogSetup.lost(kind), kind.word());
        }
      }
      case DROPS -> {
        for (Refusal reason : Refusal.values()) {
          for (Protocol protocol : Protocol.values()) {
            text.sample(counters.drops(reason, protocol).sum(), reason.word(), protocol.word());
          }
        }
      }
      case SHADOW_DROPS -> {
        for (Refusal reason : Refusal.values()) {
          for (Protocol protocol : Protocol.values()) {
            long count = counters.shadowed(reason, protocol).sum();
            if (count > 0) {
              text.sample(count, reason.word(), protocol.word());
            }
          }
        }
      }
      case SOURCE_OVERFLOWS -> text.sample(counters.sourceOverflows().sum());
      case MISSES -> {
        for (var it : counters.misses().entrySet()) {
          Counters.Miss miss = it.getKey();
          text.sample(
              it.getValue().sum(), miss.label(), miss.family().word(), miss.protocol().word());
        }
      }
      case ASSIGN_ERRORS -> {
        for (var it : counters.assignErrors().entrySet()) {
          text.sample(it.getValue().sum(), it.getKey().program(), it.getKey().errno().name());
        }
      }
      case PROGRAM_ERRORS -> {
        for (var it : counters.programErrors().entrySet()) {
          text.sample(it.getValue().sum(), it.getKey());
        }
      }
      case OFFLOAD_DROPS -> {
        for (var it : counters.kernelDrops().entrySet()) {
          text.sample(it.getValue().sum(), it.getKey().program(), it.getKey().reason().word());
        }
      }
      case OFFLOADED, OFFLOAD_FALLBACKS, TARGET_OFFLOADED -> {
        for (Destination it : snapshot.destinations()) {
          if (it.spec().offload().isWanted()) {
            offload(metric, it, text);
          }
        }
      }
      case LOOKUPS,
          SESSIONS,
          BYTES,
          DATAGRAMS,
          MESSAGES,
          MESSAGES_DROPPED,
          REFUSALS,
          SESSIONS_ACTIVE,
          QUEUED,
          QUEUE_LENGTH -> {
        for (var it : snapshot.traffic().entrySet()) {
          write(metric, it.getKey(), it.getValue(), text);
        }
      }
      case BINDINGS -> {
        for (Destination it : snapshot.destinations()) {
          text.sample(snapshot.bindingsOf(it), it.label(), it.protocol().word());
        }
      }
      case SESSIONS_LIMIT -> {
        for (Destination it : snapshot.destinations()) {
          if (it.spec().maxConnections() > 0) {
            text.sample(it.spec().maxConnections(), it.label(), it.protocol().word());
          }
        }
      }
      case TARGET_UP,
          TARGET_STATE,
          TARGET_STATE_SINCE,
          TARGET_SESSIONS_ACTIVE,
          TARGET_SESSIONS,
          TARGET_BYTES,
          TARGET_FAILURES,
          TARGET_CONNECT_SECONDS,
          TARGET_CHECK_GOOD,
          TARGET_CHECK_SECONDS,
          TARGET_CHECK_AT -> {
        for (Destination it : snapshot.destinations()) {
          for (Target target : it.targets()) {
            TargetMetrics.write(metric, target, text);
          }
        }
      }
      case CHECKS -> {
        for (CheckResult result : CheckResult.values()) {
          text.sample(counters.checks(result).sum(), result.word());
        }
      }
      case CONNECT_SECONDS -> text.histogram(counters.connects());
    }
  }

  private static void offload(Metric metric, Destination destination, MetricText text)
      throws IOException {
    String label = destination.label();
    switch (metric) {
      case OFFLOADED -> {
        for (Family family : Family.values()) {
          text.sample(destination.traffic().offloaded(family).sum(), label, family.word());
        }
      }
      case OFFLOAD_FALLBACKS -> {
        for (OffloadFallback reason : OffloadFallback.values()) {
          text.sample(destination.traffic().fallbacks(reason).sum(), label, reason.word());
        }
      }
      case TARGET_OFFLOADED -> {
        for (Target target : destination.targets()) {
          text.sample(target.offload().isOffloaded() ? 1 : 0, label, "tcp:" + target);
        }
      }
      default -> throw new IllegalArgumentException(metric + " is not of offload");
    }
  }

  private static void write(Metric metric, Snapshot.Key key, Traffic traffic, MetricText text)
      throws IOException {
    String label = key.label();
    String protocol = key.protocol().word();
    switch (metric) {
      case LOOKUPS -> {
        for (Family family : Family.values()) {
          happened(text, traffic.lookups(family).sum(), label, family.word(), protocol);
        }
      }
      case SESSIONS -> {
        for (SessionEnd end : SessionEnd.values()) {
          happened(text, traffic.ends(end).sum(), label, protocol, end.word());
        }
      }
      case BYTES -> {
        happened(text, traffic.bytesIn.sum(), label, protocol, "in");
        happened(text, traffic.bytesOut.sum(), label, protocol, "out");
      }
      case DATAGRAMS -> {
        happened(text, traffic.datagramsIn.sum(), label, protocol, "in");
        happened(text, traffic.datagramsOut.sum(), label, protocol, "out");
      }
      case MESSAGES -> {
        happened(text, traffic.messages.sum(), label, protocol);
      }
      case MESSAGES_DROPPED -> {
        for (MessageDrop reason : MessageDrop.values()) {
          happened(text, traffic.messageDrops(reason).sum(), label, protocol, reason.word());
        }
      }
      case REFUSALS -> {
        for (Refusal reason : Refusal.values()) {
          happened(text, traffic.refusals(reason), label, protocol, reason.word());
        }
      }
      case SESSIONS_ACTIVE -> {
        if (traffic.isUsed()) {
          text.sample(traffic.active(), label, protocol);
        }
      }
      case QUEUED -> {
        if (traffic.line().queued().sum() > 0) {
          text.sample(traffic.line().queued().sum(), label, protocol);
        }
      }
      case QUEUE_LENGTH -> {
        if (traffic.line().queued().sum() > 0) {
          text.sample(traffic.line().length(), label, protocol);
        }
      }
      default -> throw new IllegalArgumentException(metric + " is not of a destination");
    }
  }

  /** A counter that is there only once it counts: most labels have few of all the series. */
  static void happened(MetricText text, long count, String... values) throws IOException {
    if (count > 0) {
      text.sample(count, values);
    }
  }
}
