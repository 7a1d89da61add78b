package io.sluice.proxy.relay;

import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.NativeBuffer;
import io.sluice.proxy.loop.Loop;
import org.jspecify.annotations.Nullable;

/**
 * What a client has sent that isn't steered yet: at most one incomplete message between events,
 * unless a target is busy. While it is steered it lies in the loop's buffer, if it fits; between
 * events in one of its own, as small as may be. Called on the session's loop only.
 */
final class MessageInput {
  /** Up to so much goes back to the loop's buffer before a read: copying it costs little. */
  private static final int SHORT_BYTES = 4096;

  private final Loop loop;
  private final int limitBytes;
  private @Nullable NativeBuffer own;
  private boolean isBorrowed;
  private int from;
  private int until;
  private boolean isFull;

  /**
   * @param limitBytes the longest message
   */
  MessageInput(Loop loop, int limitBytes) {
    this.loop = loop;
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

  /** Where the bytes are. */
  NativeBuffer buffer() {
    NativeBuffer kept = own;
    return kept == null || isBorrowed ? loop.buffer() : kept;
  }

  /**
   * Reads more. While there is no room for more memory, only what fits the buffer that it has; a
   * client without one reads little at a time.
   *
   * @return how many bytes, 0 at FIN, or a negative errno; -ENOBUFS if there is no room
   */
  long read(int fd, int mostBytes) {
    boolean isRoomy = loop.buffers().hasRoom();
    NativeBuffer kept = own;
    if (kept == null || isRoomy && length() <= SHORT_BYTES) {
      return readToLoop(fd, isRoomy ? mostBytes : SHORT_BYTES);
    }
    compact(kept);
    if (until == kept.capacity()) {
      if (!isRoomy) {
        return -Linux.ENOBUFS;
      }
      kept = grow(kept);
      if (kept == null) {
        return -Linux.ENOBUFS;
      }
    }
    return read(fd, kept, Math.min(kept.capacity(), until + mostBytes));
  }

  private long readToLoop(int fd, int mostBytes) {
    NativeBuffer kept = own;
    if (kept != null) {
      loop.buffer().copyFrom(kept, from, 0, length());
    }
    until = length();
    from = 0;
    isBorrowed = true;
    return read(fd, loop.buffer(), mostBytes);
  }

  private long read(int fd, NativeBuffer buffer, int end) {
    long count = loop.syscalls().receive(fd, buffer.address() + until, end - until);
    if (count > 0) {
      until += (int) count;
    }
    isFull = until == end;
    return count;
  }

  /** Whether the last read took all that there was room for. */
  boolean isFull() {
    return isFull;
  }

  private void compact(NativeBuffer kept) {
    if (from > 0) {
      kept.copyFrom(kept, from, 0, length());
      until = length();
      from = 0;
    }
  }

  /** A message that fits the limit doesn't fit the buffer. */
  private @Nullable NativeBuffer grow(NativeBuffer small) {
    long most = Math.max(limitBytes, small.capacity() + 1L);
    NativeBuffer grown = loop.buffers().take((int) Math.min(2L * small.capacity(), most));
    if (grown != null) {
      grown.copyFrom(small, 0, 0, until);
      loop.buffers().give(small);
      own = grown;
    }
    return grown;
  }

  /** Forgets bytes at the front. */
  void consume(int bytes) {
    from += bytes;
  }

  /**
   * Keeps what is left until the next event.
   *
   * @return false if the machine has no memory
   */
  boolean keep() {
    if (from == until) {
      discard();
      return true;
    }
    if (!isBorrowed) {
      return true;
    }
    NativeBuffer kept = own;
    if (kept != null && kept.capacity() < length()) {
      loop.buffers().give(kept);
      kept = null;
      own = null;
    }
    if (kept == null) {
      kept = loop.buffers().take(length());
    }
    if (kept == null) {
      return false;
    }
    kept.copyFrom(loop.buffer(), from, 0, length());
    own = kept;
    until = length();
    from = 0;
    isBorrowed = false;
    return true;
  }

  /** Forgets everything. */
  void discard() {
    if (own != null) {
      loop.buffers().give(own);
      own = null;
    }
    isBorrowed = false;
    from = 0;
    until = 0;
  }
}
