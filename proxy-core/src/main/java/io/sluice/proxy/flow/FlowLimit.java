package io.sluice.proxy.flow;

import java.util.concurrent.atomic.AtomicInteger;

/** How many flows there may be on all loops together ({@code limits.flows}). Any thread. */
public final class FlowLimit {
  private final AtomicInteger active = new AtomicInteger();
  private volatile int limit;

  public FlowLimit(int limit) {
    this.limit = limit;
  }

  /** Changes the limit. Flows beyond it live on; there are just no new ones. */
  public void limit(int limit) {
    this.limit = limit;
  }

  /** How many flows there are. */
  public int active() {
    return active.get();
  }

  /** Counts a flow in; false if the limit is reached. */
  boolean tryOpen() {
    if (active.incrementAndGet() > limit) {
      active.decrementAndGet();
      return false;
    }
    return true;
  }

  /** Takes back {@link #tryOpen}. */
  void close() {
    active.decrementAndGet();
  }
}
