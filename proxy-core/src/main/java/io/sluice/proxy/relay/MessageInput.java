package io.sluice.proxy.relay;

import io.sluice.proxy.linux.NativeBuffer;
import io.sluice.proxy.loop.Loop;
import org.jspecify.annotations.Nullable;

/**
 * What a client has sent that isn't steered yet: at most one incomplete message between events,
 * unless a target is busy. Holds no buffer while it is empty. Called on the session's loop only.
 */
final class MessageInput {
  private final int limitBytes;
  private @Nullable NativeBuffer buffer;
  private int capacity;
  private int from;
  private int until;

  /**
   * @param limitBytes the longest message
   */
  MessageInput(int limitBytes) {
    this.limitBytes = limitBytes;
  }

  /** How many bytes there are. */
  int length() {
    return until - from;
  }

  int from() {
    return from;
  }

  int until() {
    return until;
  }

  /** Where the bytes are; there are some, or {@link #read} was just called. */
  NativeBuffer buffer(Loop loop) {
    NativeBuffer held = buffer;
    if (held == null) {
      held = loop.takeBuffer();
      buffer = held;
      capacity = Loop.BUFFER_BYTES;
    }
    return held;
  }

  /**
   * Reads more.
   *
   * @return how many bytes, 0 at FIN, or a negative errno
   */
  long read(Loop loop, int fd) {
    NativeBuffer held = buffer(loop);
    if (from > 0) {
      held.copyFrom(held, from, 0, length());
      until = length();
      from = 0;
    }
    if (until == capacity) {
      held = grow(loop, held);
    }
    long count = loop.syscalls().receive(fd, held.address() + until, capacity - until);
    if (count > 0) {
      until += (int) count;
    }
    return count;
  }

  /** Whether the last read took all that there was room for. */
  boolean isFull() {
    return until == capacity;
  }

  /** A message that fits the limit doesn't fit the buffer. */
  private NativeBuffer grow(Loop loop, NativeBuffer small) {
    int larger = (int) Math.min(2L * capacity, Math.max(limitBytes, capacity + 1L));
    NativeBuffer grown = new NativeBuffer(larger);
    grown.copyFrom(small, 0, until);
    giveBack(loop, small);
    buffer = grown;
    capacity = larger;
    return grown;
  }

  /** Forgets bytes at the front. */
  void consume(int bytes) {
    from += bytes;
  }

  /** Gives the buffer back if it is empty. */
  void release(Loop loop) {
    if (from == until) {
      discard(loop);
    }
  }

  /** Forgets everything. */
  void discard(Loop loop) {
    if (buffer != null) {
      giveBack(loop, buffer);
      buffer = null;
    }
    from = 0;
    until = 0;
  }

  private void giveBack(Loop loop, NativeBuffer old) {
    if (capacity == Loop.BUFFER_BYTES) {
      loop.giveBuffer(old);
    }
  }
}
