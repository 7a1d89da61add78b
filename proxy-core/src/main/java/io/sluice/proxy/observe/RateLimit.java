package io.sluice.proxy.observe;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;

/**
 * Lets one through per interval, and counts the others; for log lines that may repeat. Any thread.
 */
public final class RateLimit {
  private final long intervalNanos;
  private final LongSupplier nanos;
  private final AtomicLong nextNanos;
  private final AtomicInteger suppressed = new AtomicInteger();

  public RateLimit(long intervalMillis) {
    this(intervalMillis, System::nanoTime);
  }

  /**
   * @param nanos the clock
   */
  RateLimit(long intervalMillis, LongSupplier nanos) {
    this.intervalNanos = intervalMillis * 1_000_000;
    this.nanos = nanos;
    this.nextNanos = new AtomicLong(nanos.getAsLong());
  }

  /** Whether it is time again. */
  public boolean permits() {
    long now = nanos.getAsLong();
    long next = nextNanos.get();
    if (now - next >= 0 && nextNanos.compareAndSet(next, now + intervalNanos)) {
      return true;
    }
    suppressed.incrementAndGet();
    return false;
  }

  /** How many were not let through since the last time this was asked. */
  public int suppressed() {
    return suppressed.getAndSet(0);
  }
}
