package io.sluice.proxy.target;

import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * Who waits for a place on one of a destination's targets, the longest first. It belongs to the
 * label, so a reload moves nobody. Shared by all loops, without locks.
 *
 * <p>Who gives up stays in the list, as an empty entry, until it comes to the front.
 */
public final class WaitingLine {
  private final ConcurrentLinkedQueue<Waiter> waiters = new ConcurrentLinkedQueue<>();
  private final AtomicInteger length = new AtomicInteger();
  private final LongAdder queued = new LongAdder();
  private volatile @Nullable Destination destination;

  /** Somebody who waits; in one line, once. */
  public abstract static class Waiter {
    private static final int WAITING = 0;
    private static final int OUT = 1;

    private final AtomicInteger state = new AtomicInteger(WAITING);

    /**
     * A target has a place, which is now its own, as is one of the destination's sessions. On any
     * thread.
     */
    protected abstract void called(Target target);
  }

  /** The destination that the label stands for now. */
  void of(Destination inForce) {
    destination = inForce;
    serve();
  }

  /** Whether nobody waits. */
  public boolean isEmpty() {
    return length.get() == 0;
  }

  /** How many wait. */
  public int length() {
    return length.get();
  }

  /** How many have begun to wait so far. */
  public LongAdder queued() {
    return queued;
  }

  /** Puts one at the end; false if so many wait already. It may be called at once. */
  public boolean enter(Waiter waiter, int most) {
    if (length.incrementAndGet() > most) {
      length.decrementAndGet();
      waiter.state.set(Waiter.OUT);
      return false;
    }
    queued.increment();
    waiters.add(waiter);
    serve(); // somebody may have left a place in between
    return true;
  }

  /** Gives up; false if it has been called. */
  public boolean leave(Waiter waiter) {
    if (!waiter.state.compareAndSet(Waiter.WAITING, Waiter.OUT)) {
      return false;
    }
    length.decrementAndGet();
    dropEmpty();
    return true;
  }

  private void dropEmpty() {
    Waiter first = waiters.peek();
    while (first != null && first.state.get() == Waiter.OUT) {
      boolean _ = waiters.remove(first);
      first = waiters.peek();
    }
  }

  /** Calls as many as there are places. */
  void serve() {
    while (!isEmpty()) {
      Destination now = destination;
      Target target = now == null ? null : now.places().free();
      if (target == null) {
        return;
      }
      Waiter next = next();
      if (next == null) {
        target.leavePlace();
        target.destination().close();
        return;
      }
      next.called(target);
    }
  }

  private @Nullable Waiter next() {
    while (true) {
      Waiter next = waiters.poll();
      if (next == null || next.state.compareAndSet(Waiter.WAITING, Waiter.OUT)) {
        if (next != null) {
          length.decrementAndGet();
        }
        return next;
      }
    }
  }
}
