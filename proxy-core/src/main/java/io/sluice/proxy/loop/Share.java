package io.sluice.proxy.loop;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * What one kind of traffic may have of something that runs short. The rest is a floor for the
 * others, which this kind can't take. Any thread.
 */
public final class Share {
  private final AtomicInteger used = new AtomicInteger();
  private volatile long most;

  /** A share of which nothing is used. */
  public Share(long most) {
    this.most = most;
  }

  /** Changes how much it is. What is used beyond it stays so; there is just no more. */
  public void most(long most) {
    this.most = most;
  }

  public long most() {
    return most;
  }

  /** Takes some; false if there are not so many left: then nothing is taken. */
  public boolean tryTake(int count) {
    if (used.addAndGet(count) > most) {
      used.addAndGet(-count);
      return false;
    }
    return true;
  }

  /** Takes some in the place of what is given back at the same moment, or has just been. */
  public void take(int count) {
    used.addAndGet(count);
  }

  /** Gives some back. */
  public void give(int count) {
    used.addAndGet(-count);
  }

  public int used() {
    return used.get();
  }
}
