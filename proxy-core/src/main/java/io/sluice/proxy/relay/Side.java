package io.sluice.proxy.relay;

import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.NativeBuffer;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.loop.Pipes;
import org.jspecify.annotations.Nullable;

/**
 * One of the two sockets of a session, and what it has sent that is on its way to the other. Holds
 * no buffer and no pipe while nothing is on its way. Called on the session's loop only.
 */
final class Side extends Peer {
  private static final long NO_PIPE = -1;

  private final TcpSession session;

  /** Its FIN has been passed on to the other side. */
  boolean endPassedOn;

  /** It sent RST, or the way to it broke. */
  boolean broken;

  /** The other side could not take all that this one sent. */
  boolean blocked;

  /** TCP_NODELAY has yet to be set: it makes no difference before the second send. */
  boolean isDelaying;

  /** What it sends fills buffers: splice. */
  boolean bulk;

  /** How much it has sent. */
  long bytes;

  private @Nullable NativeBuffer held;
  private int heldFrom;
  private int heldUntil;
  private long pipe = NO_PIPE;
  private int inPipe;

  Side(TcpSession session, int fd) {
    super(fd);
    this.session = session;
  }

  @Override
  void ready(int events) {
    session.ready(this, events);
  }

  @Override
  void failed(Throwable failure) {
    session.failed(failure);
  }

  /** Sends whatever comes from now on at once. */
  void stopDelaying(Loop loop) {
    if (isDelaying) {
      isDelaying = false;
      int _ = loop.syscalls().setOption(number(), Linux.IPPROTO_TCP, Linux.TCP_NODELAY, 1);
    }
  }

  /** Whether something is on its way. */
  boolean isPending() {
    return held != null || inPipe > 0;
  }

  /** Keeps the rest of what was read into the loop's buffer until the other side can take it. */
  void hold(Loop loop, int from, int until) {
    NativeBuffer kept = loop.takeBuffer();
    kept.copyFrom(loop.buffer(), from, until - from);
    held = kept;
    heldFrom = 0;
    heldUntil = until - from;
    blocked = true;
  }

  /**
   * Sends on what is held or in the pipe.
   *
   * @return 0 when all has gone, else the negative errno of the send that failed
   */
  int flush(Loop loop, Side to) {
    NativeBuffer kept = held;
    while (kept != null) {
      long sent =
          loop.syscalls().send(to.number(), kept.address() + heldFrom, heldUntil - heldFrom);
      if (sent < 0) {
        return (int) sent;
      }
      heldFrom += (int) sent;
      if (heldFrom == heldUntil) {
        loop.giveBuffer(kept);
        kept = null;
        held = null;
      }
    }
    int result = flushPipe(loop, to);
    if (result == 0) {
      releasePipe(loop);
    }
    return result;
  }

  /** Sends on what is in the pipe, and keeps the pipe; answers as {@link #flush}. */
  int flushPipe(Loop loop, Side to) {
    while (inPipe > 0) {
      long sent = loop.syscalls().splice(Pipes.readEnd(pipe), to.number(), inPipe);
      if (sent < 0) {
        return (int) sent;
      }
      inPipe -= (int) sent;
    }
    return 0;
  }

  /** Makes sure of a pipe; false if there is none to be had: then one copies. */
  boolean takePipe(Loop loop) {
    if (pipe == NO_PIPE) {
      long taken = loop.pipes().take();
      if (taken < 0) {
        return false;
      }
      pipe = taken;
    }
    return true;
  }

  /** Reads into the pipe: how many bytes, 0 at FIN, or a negative errno. */
  long spliceIn(Loop loop) {
    long count = loop.syscalls().splice(number(), Pipes.writeEnd(pipe), Pipes.CAPACITY_BYTES);
    if (count > 0) {
      inPipe += (int) count;
    }
    return count;
  }

  /** Gives an empty pipe back. */
  void releasePipe(Loop loop) {
    if (pipe != NO_PIPE && inPipe == 0) {
      loop.pipes().give(pipe);
      pipe = NO_PIPE;
    }
  }

  /** Throws away what is on its way. */
  void discard(Loop loop) {
    if (held != null) {
      loop.giveBuffer(held);
      held = null;
    }
    if (pipe != NO_PIPE) {
      if (inPipe == 0) {
        loop.pipes().give(pipe);
      } else {
        loop.pipes().close(pipe);
      }
      pipe = NO_PIPE;
      inPipe = 0;
    }
    blocked = false;
  }
}
