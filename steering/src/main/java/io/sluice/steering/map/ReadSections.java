package io.sluice.steering.map;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;

/**
 * A grace period for lookups on any thread: each is put between {@link #enter} and {@link #exit},
 * which cost one atomic addition each and never block.
 *
 * {@snippet :
 * int section = sections.enter();
 * try {
 *   verdict = engine.lookup(context);
 * } finally {
 *   sections.exit(section);
 * }
 * }
 */
public final class ReadSections implements GracePeriod {
  /*
   * Two sets of counters of those inside, of which one is entered. Waiting drains the idle set,
   * makes it the entered one, and drains the other. The first draining is for those who read which
   * set to enter before the last exchange, and entered after it (as in the kernel's SRCU).
   *
   * Each thread has one counter of a set, so that a counter that is 0 has nobody inside: each can
   * be waited for by itself. A set has one per stripe, each in a cache line of its own.
   */

  private static final int STRIPES = 16;
  private static final int LINE = 16; // ints of a cache line
  private static final int SET = STRIPES * LINE;
  private static final long PAUSE_NANOS = 50_000;

  private final AtomicIntegerArray inside = new AtomicIntegerArray(2 * SET);
  private final long boundNanos;
  private volatile int entered; // 0 or SET; written under the monitor of this

  /** Sections that are waited for no longer than {@link EventLoops#DEFAULT_BOUND}. */
  public ReadSections() {
    this(EventLoops.DEFAULT_BOUND);
  }

  public ReadSections(Duration bound) {
    this.boundNanos = bound.toNanos();
  }

  /**
   * A lookup begins. Sections may lie within each other.
   *
   * @return for {@link #exit}, on the same thread or another
   */
  public int enter() {
    int counter = entered + ((int) Thread.currentThread().threadId() & STRIPES - 1) * LINE;
    int _ = inside.incrementAndGet(counter);
    return counter;
  }

  /** A lookup has ended. */
  public void exit(int section) {
    int _ = inside.decrementAndGet(section);
  }

  /** {@inheritDoc} Must not be called within a section: it would wait for itself, and time out. */
  @Override
  public synchronized void await() {
    long start = System.nanoTime();
    drain(SET - entered, start);
    entered = SET - entered;
    drain(SET - entered, start);
  }

  private void drain(int set, long start) {
    for (int counter = set; counter < set + SET; counter += LINE) {
      while (inside.get(counter) != 0) {
        if (System.nanoTime() - start > boundNanos) {
          throw new GraceTimeoutException(
              "a lookup has not finished for %d ms"
                  .formatted(TimeUnit.NANOSECONDS.toMillis(boundNanos)));
        }
        LockSupport.parkNanos(this, PAUSE_NANOS);
      }
    }
  }
}
