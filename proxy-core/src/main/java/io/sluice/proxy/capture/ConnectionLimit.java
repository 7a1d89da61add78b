package io.sluice.proxy.capture;

import java.util.concurrent.atomic.AtomicInteger;

/** How many connections the whole daemon may have at once. Shared by all loops. */
public final class ConnectionLimit {
  private final AtomicInteger active = new AtomicInteger();
  private volatile int limit;

  public ConnectionLimit(int limit) {
    this.limit = limit;
  }

  /** Changes the limit; connections above it live on. */
  public void limit(int limit) {
    this.limit = limit;
  }

  /** Takes a place, if there is one. */
  public boolean tryAcquire() {
    if (active.incrementAndGet() > limit) {
      active.decrementAndGet();
      return false;
    }
    return true;
  }

  public void release() {
    active.decrementAndGet();
  }

  public int active() {
    return active.get();
  }
}
