package io.sluice.proxy.relay;

import io.sluice.proxy.handover.Packer;
import io.sluice.proxy.handover.Unpacker;
import io.sluice.proxy.linux.NativeBuffer;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.loop.Pipes;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * What waits to be sent on a socket: first what is in a buffer, then what is in a pipe. Holds
 * neither while nothing waits. Called on its loop only.
 */
final class Backlog {
  private static final long NO_PIPE = -1;

  private final Loop loop;
  private @Nullable NativeBuffer held;
  private int from;
  private int until;
  private long pipe = NO_PIPE;
  private int inPipe;
  private int charged;

  Backlog(Loop loop) {
    this.loop = loop;
  }

  boolean isEmpty() {
    return until == from && inPipe == 0;
  }

  int lengthBytes() {
    return until - from + inPipe;
  }

  /**
   * Keeps something behind what waits already.
   *
   * @param roomBytes how much will be kept all in all, if that is known
   * @return false if the machine has no memory
   */
  boolean keep(NativeBuffer source, int offset, int length, int roomBytes) {
    NativeBuffer buffer = held;
    if (buffer == null) {
      buffer = loop.buffers().take(Math.max(length, roomBytes));
    } else if (until + length > buffer.capacity()) {
      int waiting = until - from;
      NativeBuffer wide =
          waiting + length > buffer.capacity() ? loop.buffers().take(waiting + length) : buffer;
      if (wide != null) {
        wide.copyFrom(buffer, from, 0, waiting);
        from = 0;
        until = waiting;
        if (wide != buffer) {
          loop.buffers().give(buffer);
        }
      }
      buffer = wide;
    }
    if (buffer == null) {
      return false;
    }
    buffer.copyFrom(source, offset, until, length);
    held = buffer;
    until += length;
    return true;
  }

  /**
   * Sends what waits.
   *
   * @return 0 when all has gone, else the negative errno of the call that didn't take it
   */
  int flush(int fd) {
    while (held != null && from < until) {
      long sent = loop.syscalls().send(fd, held.address() + from, until - from);
      if (sent < 0) {
        return (int) sent;
      }
      from += (int) sent;
    }
    dropHeld();
    return flushPipe(fd);
  }

  /** Makes sure of a pipe; false if there is none to be had. */
  boolean takePipe() {
    if (pipe == NO_PIPE) {
      long taken = loop.pipes().take();
      if (taken < 0) {
        return false;
      }
      pipe = taken;
    }
    return true;
  }

  /**
   * Reads from a socket into the pipe, which is empty, what fits and is allowed.
   *
   * @return how many bytes, 0 at FIN, or a negative errno
   */
  long fillPipe(int fd, int mostBytes) {
    int length = Math.min(mostBytes, Pipes.CAPACITY_BYTES);
    long count = loop.syscalls().splice(fd, Pipes.writeEnd(pipe), length);
    if (count > 0) {
      inPipe += (int) count;
    }
    return count;
  }

  /** Sends what is in the pipe, and keeps the pipe; answers as {@link #flush}. */
  int flushPipe(int fd) {
    int result = 0;
    while (inPipe > 0 && result == 0) {
      long sent = loop.syscalls().splice(Pipes.readEnd(pipe), fd, inPipe);
      inPipe -= (int) Math.max(0, sent);
      result = (int) Math.min(0, sent);
    }
    charge();
    return result;
  }

  /** Counts what waits in the pipe as memory in flight. */
  private void charge() {
    if (charged != inPipe) {
      loop.buffers().charge(inPipe - charged);
      charged = inPipe;
    }
  }

  /** Describes what waits; a pipe goes with what is in it. */
  void pack(Packer out) {
    NativeBuffer buffer = held;
    out.bytes(buffer == null ? ByteBuffer.allocate(0) : buffer.bytes().slice(from, until - from));
    out.i32(inPipe);
    if (inPipe > 0) {
      out.descriptor(Pipes.readEnd(pipe)).descriptor(Pipes.writeEnd(pipe));
    }
  }

  /** Takes what {@link #pack} described; false if the machine has no memory. */
  boolean unpack(Unpacker in) {
    byte[] bytes = in.bytes();
    inPipe = in.i32();
    if (inPipe > 0) {
      pipe = loop.pipes().adopt(in.descriptor(), in.descriptor());
      charge();
    }
    if (bytes.length == 0) {
      return true;
    }
    NativeBuffer buffer = loop.buffers().take(bytes.length);
    if (buffer == null) {
      return false;
    }
    buffer.copyFrom(bytes);
    held = buffer;
    until = bytes.length;
    return true;
  }

  /** Gives an empty pipe back. */
  void releasePipe() {
    if (pipe != NO_PIPE && inPipe == 0) {
      loop.pipes().give(pipe);
      pipe = NO_PIPE;
    }
  }

  /** Throws away what waits. */
  void discard() {
    dropHeld();
    if (inPipe > 0) {
      loop.pipes().close(pipe);
      pipe = NO_PIPE;
      inPipe = 0;
      charge();
    }
    releasePipe();
  }

  private void dropHeld() {
    if (held != null) {
      loop.buffers().give(held);
      held = null;
    }
    from = 0;
    until = 0;
  }
}
