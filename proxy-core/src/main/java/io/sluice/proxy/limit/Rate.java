package io.sluice.proxy.limit;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * How much may happen in a second, and how much at once: the generic cell rate algorithm (ITU-T
 * I.371, annex A). Its whole state is one number, kept by the caller: when all that has happened so
 * far would have been due, in nanoseconds of {@link #nowNanos}. 0 is a state in which nothing has
 * happened. Any thread; without locks.
 *
 * @param toleranceNanos how much may happen at once: what this time brings
 */
public record Rate(long perSecond, long toleranceNanos) {
  private static final long SECOND = 1_000_000_000;
  private static final long START = System.nanoTime() - 1;

  /** At once may happen what a second brings. */
  public static Rate perSecond(long perSecond) {
    return new Rate(perSecond, SECOND);
  }

  /** A clock that begins after 0 and never goes back. */
  public static long nowNanos() {
    return System.nanoTime() - START;
  }

  private long nanos(long units) {
    return units * SECOND / perSecond;
  }

  /** Lets one happen; false if it is too early: then nothing is noted. */
  public boolean tryTake(AtomicLongArray cells, int cell, long nowNanos) {
    while (true) {
      long due = cells.get(cell);
      long next = Math.max(due, nowNanos) + nanos(1);
      if (next - nowNanos > toleranceNanos) {
        return false;
      }
      if (cells.compareAndSet(cell, due, next)) {
        return true;
      }
    }
  }

  /** How much may happen now; 0 or more. */
  public long allowed(AtomicLongArray cells, int cell, long nowNanos) {
    long ahead = Math.max(0, cells.get(cell) - nowNanos);
    return ahead >= toleranceNanos ? 0 : (toleranceNanos - ahead) / 1_000 * perSecond / 1_000_000;
  }

  /** Notes that so much has happened, allowed or not. */
  public void spend(AtomicLongArray cells, int cell, long nowNanos, long units) {
    while (true) {
      long due = cells.get(cell);
      if (cells.compareAndSet(cell, due, Math.max(due, nowNanos) + nanos(units))) {
        return;
      }
    }
  }
}
