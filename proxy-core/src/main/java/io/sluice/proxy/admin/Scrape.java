package io.sluice.proxy.admin;

import io.micrometer.core.instrument.binder.jvm.ClassLoaderMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmGcMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmMemoryMetrics;
import io.micrometer.core.instrument.binder.jvm.JvmThreadMetrics;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;
import io.prometheus.metrics.model.registry.MultiCollector;
import io.prometheus.metrics.model.snapshots.ClassicHistogramBuckets;
import io.prometheus.metrics.model.snapshots.CounterSnapshot;
import io.prometheus.metrics.model.snapshots.GaugeSnapshot;
import io.prometheus.metrics.model.snapshots.HistogramSnapshot;
import io.prometheus.metrics.model.snapshots.Labels;
import io.prometheus.metrics.model.snapshots.MetricSnapshots;
import io.prometheus.metrics.model.snapshots.Unit;
import io.sluice.proxy.capture.CaptureState;
import io.sluice.proxy.metrics.Counters;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.SessionEnd;
import io.sluice.proxy.target.Snapshot;
import io.sluice.proxy.target.Target;
import io.sluice.steering.DropReason;
import io.sluice.steering.Family;
import io.sluice.steering.Protocol;
import io.sluice.steering.stream.MessageDrop;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
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
  private final Counters counters;
  private final String version;

  /**
   * @param captures whether each capture is there
   */
  public Scrape(
      Supplier<Snapshot> snapshots,
      Supplier<List<CaptureState>> captures,
      Counters counters,
      String version) {
    this.snapshots = snapshots;
    this.captures = captures;
    this.counters = counters;
    this.version = version;
  }

  /** Everything, in Prometheus's text format. */
  public String text() {
    return registry().scrape();
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
    registry.getPrometheusRegistry().register((MultiCollector) this::collect);
    registry.getPrometheusRegistry().register((MultiCollector) ProcessMetrics::collect);
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

  private MetricSnapshots collect() {
    Snapshot snapshot = snapshots.get();
    MetricSnapshots.Builder all = MetricSnapshots.builder();
    collectDaemon(snapshot, all);
    collectRefusals(all);
    collectDestinations(snapshot, all);
    collectConnects(all);
    return all.build();
  }

  private void collectDaemon(Snapshot snapshot, MetricSnapshots.Builder all) {
    Gauge info = new Gauge("sluice_build_info", "The version that runs; always 1.");
    info.add(1, "version", version);
    Gauge generation =
        new Gauge("sluice_generation", "Which configuration is in force, counted from 1.");
    generation.add(snapshot.generation());
    Counter reloads =
        new Counter("sluice_config_reloads", "Configurations that were asked for after the first.");
    reloads.add(counters.reloads(true).sum(), "result", "ok");
    reloads.add(counters.reloads(false).sum(), "result", "refused");
    Gauge up = new Gauge("sluice_capture_up", "0 while a capture isn't, or not wholly, there.");
    for (CaptureState capture : captures.get()) {
      up.add(capture.isUp() ? 1 : 0, "capture", capture.capture());
    }
    Counter pauses =
        new Counter(
            "sluice_accept_pauses",
            "How often a loop stopped accepting for a moment, being out of descriptors or ports.");
    pauses.add(counters.acceptPauses().sum());
    all.metricSnapshot(info.build())
        .metricSnapshot(generation.build())
        .metricSnapshot(reloads.build())
        .metricSnapshot(up.build())
        .metricSnapshot(pauses.build());
  }

  private void collectRefusals(MetricSnapshots.Builder all) {
    Counter drops = new Counter("sluice_drops", "Refused connections and datagrams, by reason.");
    for (DropReason reason : DropReason.values()) {
      for (Protocol protocol : Protocol.values()) {
        long count = counters.drops(reason, protocol).sum();
        drops.add(count, "reason", reason.word(), "protocol", protocol.word());
      }
    }
    Counter misses =
        new Counter("sluice_misses", "Lookups whose label matched, but has no socket.");
    counters
        .misses()
        .forEach((miss, count) ->
            misses.add(
                count.sum(),
                "label",
                miss.label(),
                "family",
                miss.family().word(),
                "protocol",
                miss.protocol().word()));
    Counter errors =
        new Counter("sluice_assign_errors", "Assigns of programs that the engine refused.");
    counters
        .assignErrors()
        .forEach((error, count) ->
            errors.add(count.sum(), "program", error.program(), "errno", error.errno().name()));
    Counter failures =
        new Counter("sluice_program_errors", "Runs of a program that threw or answered nonsense.");
    counters
        .programErrors()
        .forEach((program, count) -> failures.add(count.sum(), "program", program));
    all.metricSnapshot(drops.build())
        .metricSnapshot(misses.build())
        .metricSnapshot(errors.build())
        .metricSnapshot(failures.build());
  }

  private void collectDestinations(Snapshot snapshot, MetricSnapshots.Builder all) {
    Counter lookups = new Counter("sluice_lookups", "Lookups that found a socket, by its label.");
    Counter sessions = new Counter("sluice_sessions", "Sessions and flows that ended, by how.");
    Counter bytes = new Counter("sluice_bytes", "Payload that was moved.");
    Counter datagrams = new Counter("sluice_datagrams", "Datagrams that were moved.");
    Counter messages = new Counter("sluice_messages", "Messages that were steered to a target.");
    Counter messageDrops =
        new Counter("sluice_messages_dropped", "Messages that were thrown away, by reason.");
    Gauge active = new Gauge("sluice_sessions_active", "Sessions and flows that there are now.");
    Gauge bindings = new Gauge("sluice_bindings", "Bindings in force.");
    Gauge up = new Gauge("sluice_target_up", "0 while a target is passed over.");
    for (Destination it : snapshot.destinations()) {
      String label = it.label();
      String protocol = it.protocol().word();
      Destination.Traffic traffic = it.traffic();
      for (Family family : Family.values()) {
        long count = traffic.lookups(family).sum();
        lookups.add(count, "label", label, "family", family.word(), "protocol", protocol);
      }
      for (SessionEnd end : SessionEnd.values()) {
        long count = traffic.ends(end).sum();
        sessions.add(count, "label", label, "protocol", protocol, "end", end.word());
      }
      active.add(traffic.active(), "label", label, "protocol", protocol);
      inAndOut(bytes, label, protocol, traffic.bytesIn, traffic.bytesOut);
      if (it.protocol() == Protocol.UDP) {
        inAndOut(datagrams, label, protocol, traffic.datagramsIn, traffic.datagramsOut);
      }
      if (it.messages() != null) {
        messages.add(traffic.messages.sum(), "label", label, "protocol", protocol);
        for (MessageDrop reason : MessageDrop.values()) {
          long count = traffic.messageDrops(reason).sum();
          messageDrops.add(count, "label", label, "protocol", protocol, "reason", reason.word());
        }
      }
      for (Target target : it.targets()) {
        up.add(target.isUp() ? 1 : 0, "label", label, "target", protocol + ":" + target);
      }
      bindings.add(snapshot.bindingsOf(it), "label", label, "protocol", protocol);
    }
    all.metricSnapshot(lookups.build())
        .metricSnapshot(sessions.build())
        .metricSnapshot(bytes.build())
        .metricSnapshot(datagrams.build())
        .metricSnapshot(messages.build())
        .metricSnapshot(messageDrops.build())
        .metricSnapshot(active.build())
        .metricSnapshot(bindings.build())
        .metricSnapshot(up.build());
  }

  private static void inAndOut(
      Counter counter, String label, String protocol, LongAdder in, LongAdder out) {
    counter.add(in.sum(), "label", label, "protocol", protocol, "direction", "in");
    counter.add(out.sum(), "label", label, "protocol", protocol, "direction", "out");
  }

  private void collectConnects(MetricSnapshots.Builder all) {
    long[] boundsMillis = Counters.connectBoundsMillis();
    double[] bounds = new double[boundsMillis.length + 1];
    long[] counts = new long[bounds.length];
    for (int i = 0; i < bounds.length; i++) {
      bounds[i] = i < boundsMillis.length ? boundsMillis[i] / 1e3 : Double.POSITIVE_INFINITY;
      counts[i] = counters.connects()[i].sum();
    }
    all.metricSnapshot(
        HistogramSnapshot.builder()
            .name("sluice_connect_seconds")
            .unit(Unit.SECONDS)
            .help("How long it took to connect to a target, retries included.")
            .dataPoint(
                HistogramSnapshot.HistogramDataPointSnapshot.builder()
                    .classicHistogramBuckets(ClassicHistogramBuckets.of(bounds, counts))
                    .sum(counters.connectMillis().sum() / 1e3)
                    .build())
            .build());
  }

  /** A counter with labels; the text format adds {@code _total}. */
  static final class Counter {
    private final CounterSnapshot.Builder builder;

    Counter(String name, String help) {
      this.builder = CounterSnapshot.builder().name(name).help(help);
    }

    void add(long value, String... labels) {
      add((double) value, labels);
    }

    void add(double value, String... labels) {
      builder.dataPoint(
          CounterSnapshot.CounterDataPointSnapshot.builder()
              .value(value)
              .labels(Labels.of(labels))
              .build());
    }

    CounterSnapshot build() {
      return builder.build();
    }
  }

  /** A gauge with labels. */
  static final class Gauge {
    private final GaugeSnapshot.Builder builder;

    Gauge(String name, String help) {
      this.builder = GaugeSnapshot.builder().name(name).help(help);
    }

    void add(long value, String... labels) {
      add((double) value, labels);
    }

    void add(double value, String... labels) {
      builder.dataPoint(
          GaugeSnapshot.GaugeDataPointSnapshot.builder()
              .value(value)
              .labels(Labels.of(labels))
              .build());
    }

    GaugeSnapshot build() {
      return builder.build();
    }
  }
}
