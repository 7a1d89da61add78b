package io.sluice.proxy.loop;

import io.sluice.proxy.limit.Rate;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongArray;
import org.jspecify.annotations.Nullable;

/** How many connections, or flows, the whole daemon may have at once. Shared by all loops. */
public final class SessionLimit {
  private final AtomicInteger active = new AtomicInteger();
  private final List<Runnable> makers = new CopyOnWriteArrayList<>();
  private final AtomicLongArray begun = new AtomicLongArray(1);
  private volatile int limit;
  private volatile @Nullable Rate rate;

  public SessionLimit(int limit) {
    this.limit = limit;
  }

  /** Changes the limit. Sessions beyond it live on; there are just no new ones. */
  public void limit(int limit) {
    this.limit = limit;
  }

  /**
   * Changes how many may begin in a second.
   *
   * @param perSecond 0 for any number
   */
  public void rate(int perSecond) {
    rate = perSecond == 0 ? null : Rate.perSecond(perSecond);
  }

  /** Whether one more may begin now, by the rate. */
  boolean mayBegin() {
    Rate bound = rate;
    return bound == null || bound.allowed(begun, 0, Rate.nowNanos()) > 0;
  }

  /** One has begun. */
  void begun() {
    Rate bound = rate;
    if (bound != null) {
      bound.spend(begun, 0, Rate.nowNanos(), 1);
    }
  }

  /** Counts a session in; false if the limit is reached. */
  public boolean tryOpen() {
    if (active.incrementAndGet() > limit) {
      active.decrementAndGet();
      return false;
    }
    return true;
  }

  /**
   * Counts a session in whose place another one is about to leave: it is never free for a third.
   */
  public void open() {
    active.incrementAndGet();
  }

  /** Takes back {@link #tryOpen} and {@link #open}. */
  public void close() {
    active.decrementAndGet();
  }

  /** Whether there are more than may be. */
  public boolean isExceeded() {
    return active.get() > limit;
  }

  /** Who can end a session on a loop, for a new one on another; called on any thread. */
  public void roomMaker(Runnable maker) {
    makers.add(maker);
  }

  /** Asks all loops to make room: the one that asks has nothing that it could end. */
  public void askForRoom() {
    makers.forEach(Runnable::run);
  }

  /** How many there may be. */
  public int most() {
    return limit;
  }

  /** How many there are. */
  public int active() {
    return active.get();
  }
}
