package io.sluice.proxy.observe;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Lets one through per interval, and counts the others; for log lines that may repeat. Any thread.
 */
public final class RateLimit {
  private final long intervalNanos;
  private final AtomicLong nextNanos = new AtomicLong(System.nanoTime());
  private final AtomicInteger suppressed = new AtomicInteger();

  public RateLimit(long intervalMillis) {
    this.intervalNanos = intervalMillis * 1_000_000;
  }

  /** Whether it is time again. */
  public boolean permits() {
    long now = System.nanoTime();
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
