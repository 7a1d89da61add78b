package io.sluice.proxy.admin;

import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.observe.Counters;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.target.Traffic;
import io.sluice.steering.Family;
import io.sluice.steering.Protocol;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * How much went on in the last hour, every ten seconds: what the status page draws. Some 12 kB.
 * Used on one thread at a time.
 */
final class Rates {
  /** How far apart the samples are. */
  static final int STEP_SECONDS = 10;

  private static final int SAMPLES = 360;
  private static final double NANOS = 1e9;

  private final Supplier<Snapshot> snapshots;
  private final Counters counters;
  private final double[][] perSecond = new double[Kind.values().length][SAMPLES];
  private int next;
  private int count;
  private @Nullable Totals last;
  private @Nullable Totals lastShown;

  /** What is drawn. */
  private enum Kind {
    SESSIONS,
    BYTES,
    DATAGRAMS,
    REFUSALS
  }

  /** What all counters came to at a moment. */
  private record Totals(long atNanos, long sessions, long bytes, long datagrams, long refusals) {
    private long of(Kind kind) {
      return switch (kind) {
        case SESSIONS -> sessions;
        case BYTES -> bytes;
        case DATAGRAMS -> datagrams;
        case REFUSALS -> refusals;
      };
    }

    double since(@Nullable Totals before, Kind kind) {
      if (before == null) {
        return 0;
      }
      double seconds = Math.max(1, atNanos - before.atNanos) / NANOS;
      // A label that a reload took away takes its counts along.
      return Math.max(0, of(kind) - before.of(kind)) / seconds;
    }
  }

  Rates(Supplier<Snapshot> snapshots, Counters counters) {
    this.snapshots = snapshots;
    this.counters = counters;
  }

  private Totals totals() {
    long sessions = 0;
    long bytes = 0;
    long datagrams = 0;
    for (Traffic it : snapshots.get().traffic().values()) {
      for (Family family : Family.values()) {
        sessions += it.lookups(family).sum();
      }
      bytes += it.bytesIn.sum() + it.bytesOut.sum();
      datagrams += it.datagramsIn.sum() + it.datagramsOut.sum();
    }
    long refusals = 0;
    for (Refusal reason : Refusal.values()) {
      for (Protocol protocol : Protocol.values()) {
        refusals += counters.drops(reason, protocol).sum();
      }
    }
    return new Totals(System.nanoTime(), sessions, bytes, datagrams, refusals);
  }

  /** To be called every {@link #STEP_SECONDS}. */
  void sample() {
    Totals now = totals();
    for (Kind kind : Kind.values()) {
      perSecond[kind.ordinal()][next] = now.since(last, kind);
    }
    last = now;
    next = (next + 1) % SAMPLES;
    count = Math.min(count + 1, SAMPLES);
  }

  /** The last hour, the oldest first, for each kind. */
  Map<String, Object> hour() {
    Map<String, Object> json = new LinkedHashMap<>();
    for (Kind kind : Kind.values()) {
      double[] its = perSecond[kind.ordinal()];
      json.put(
          word(kind),
          IntStream.range(0, count)
              .mapToObj(i -> Math.round(its[(next - count + i + SAMPLES) % SAMPLES] * 10) / 10.0)
              .toList());
    }
    return json;
  }

  /** What went on per second since this was asked last. */
  Map<String, Object> now() {
    Totals now = totals();
    Map<String, Object> json = new LinkedHashMap<>();
    for (Kind kind : Kind.values()) {
      json.put(word(kind), Math.round(now.since(lastShown, kind) * 10) / 10.0);
    }
    lastShown = now;
    return json;
  }

  private static String word(Kind kind) {
    return kind.name().toLowerCase(Locale.ROOT);
  }
}
