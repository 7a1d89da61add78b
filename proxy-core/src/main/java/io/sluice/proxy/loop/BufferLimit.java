package io.sluice.proxy.loop;

import java.util.concurrent.atomic.AtomicLong;

/**
 * How much memory all bytes in flight may take, and take: {@code limits.buffers}. When it is spent,
 * what a receiver can't take stays in the sender's socket, and the kernel's window stops the
 * sender.
 *
 * <p>It is asked before a read, so each loop may go over it by what one read brings. Any thread.
 */
public final class BufferLimit {
  /** The kernel allows a process some 65,000 mappings, and a buffer is at worst one of them. */
  private static final int MOST_BUFFERS = 1 << 14;

  private static final int PAGE_BYTES = 4096;

  private final AtomicLong used = new AtomicLong();
  private volatile long bytes;
  private volatile int leastBytes;

  public BufferLimit(long bytes) {
    set(bytes);
  }

  /** Changes it; what is held is kept. */
  public void set(long bytes) {
    this.bytes = bytes;
    long least = Math.clamp(bytes / MOST_BUFFERS, PAGE_BYTES, Buffers.USUAL_BYTES);
    leastBytes = Integer.highestOneBit((int) least);
  }

  public long bytes() {
    return bytes;
  }

  /** How much is taken now, spare buffers included. */
  public long used() {
    return used.get();
  }

  boolean isSpent() {
    return used.get() >= bytes;
  }

  /** Whether a loop should keep nothing in store: another one may need it. */
  boolean isHalfSpent() {
    return used.get() >= bytes / 2;
  }

  void add(int more) {
    used.addAndGet(more);
  }

  /** The size of the buffer for so many bytes: a power of two. */
  int roundUp(int wanted) {
    int least = Math.max(leastBytes, wanted);
    int size = Integer.highestOneBit(least);
    return size == least || size == 1 << 30 ? least : size << 1;
  }
}
