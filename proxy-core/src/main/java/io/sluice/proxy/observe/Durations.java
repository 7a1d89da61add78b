package io.sluice.proxy.observe;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * How long something took, counted in buckets from 0.1 ms to 30 s. Any thread; nothing is locked or
 * allocated. An array of atomics and not of adders, as each target has one.
 */
public final class Durations {
  private static final long[] BOUNDS_NANOS = {
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_000_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000L,
    5_000_000_000L,
    10_000_000_000L,
    30_000_000_000L
  };

  private static final int BUCKETS = BOUNDS_NANOS.length + 1;
  private static final double NANOS = 1e9;

  private final AtomicLongArray counts = new AtomicLongArray(BUCKETS + 1); // last: the sum, in ns

  /** Counts one. */
  public void add(long nanos) {
    int bucket = 0;
    while (bucket < BOUNDS_NANOS.length && nanos > BOUNDS_NANOS[bucket]) {
      bucket++;
    }
    counts.getAndIncrement(bucket);
    counts.getAndAdd(BUCKETS, nanos);
  }

  /** Upper bounds of the buckets, in seconds; the last bucket has none. */
  public static double[] boundsSeconds() {
    double[] bounds = new double[BOUNDS_NANOS.length];
    for (int i = 0; i < bounds.length; i++) {
      bounds[i] = BOUNDS_NANOS[i] / NANOS;
    }
    return bounds;
  }

  /** How many are in each bucket; not cumulative. */
  public long[] counts() {
    long[] now = new long[BUCKETS];
    for (int i = 0; i < BUCKETS; i++) {
      now[i] = counts.get(i);
    }
    return now;
  }

  /** The buckets, and last the sum in nanoseconds: for another daemon. */
  public long[] raw() {
    long[] now = new long[BUCKETS + 1];
    for (int i = 0; i < now.length; i++) {
      now[i] = counts.get(i);
    }
    return now;
  }

  /** Adds what another daemon has counted; nothing if it has other buckets. */
  public void addRaw(long[] others) {
    for (int i = 0; i < others.length && others.length == BUCKETS + 1; i++) {
      counts.getAndAdd(i, others[i]);
    }
  }

  /** Whether there were none. */
  public boolean isEmpty() {
    return counts.get(BUCKETS) == 0;
  }

  /** How long all took together. */
  public double sumSeconds() {
    return counts.get(BUCKETS) / NANOS;
  }

  /**
   * How long this part of them took at most, as far as the buckets tell: between two bounds it is
   * taken to grow evenly, as Prometheus does. Above the last bound, the last bound.
   *
   * @param part 0.99 for p99
   * @return 0 if there were none
   */
  public double quantileSeconds(double part) {
    long[] now = counts();
    long all = 0;
    for (long count : now) {
      all += count;
    }
    double rank = part * all;
    long below = 0;
    for (int i = 0; i < BOUNDS_NANOS.length; i++) {
      if (now[i] > 0 && below + now[i] >= rank) {
        double from = i == 0 ? 0 : BOUNDS_NANOS[i - 1] / NANOS;
        return from + (BOUNDS_NANOS[i] / NANOS - from) * (rank - below) / now[i];
      }
      below += now[i];
    }
    return all == 0 ? 0 : BOUNDS_NANOS[BOUNDS_NANOS.length - 1] / NANOS;
  }
}
