package io.sluice.proxy.relay;

import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.NativeBuffer;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.target.Endpoint;
import org.jspecify.annotations.Nullable;

/**
 * One socket of a message session, the client's or a target's, and what waits to be sent on it.
 * Holds no buffer while nothing waits. Called on the session's loop only.
 */
final class MessagePeer extends Peer {
  /** The index of the client. */
  static final int CLIENT = -1;

  private final MessageSession session;

  /** The target's index, or {@link #CLIENT}. */
  final int index;

  /** Where the target is reached; null for the client. */
  final @Nullable Endpoint endpoint;

  /** The connection isn't made yet. */
  boolean isConnecting;

  /** When connecting to it began. */
  long sinceMillis;

  /** We have sent it FIN. */
  boolean finSent;

  /** A send failed. */
  boolean isBroken;

  private @Nullable NativeBuffer waiting;
  private int capacity;
  private int from;
  private int until;

  MessagePeer(MessageSession session, int fd, int index, @Nullable Endpoint endpoint) {
    super(fd);
    this.session = session;
    this.index = index;
    this.endpoint = endpoint;
  }

  @Override
  void ready(int events) {
    session.ready(this, events);
  }

  @Override
  void failed(Throwable failure) {
    session.failed(failure);
  }

  /** How much waits to be sent. */
  int pending() {
    return until - from;
  }

  /**
   * Sends, or keeps for later what can't be sent now. The caller sees to it that there is room:
   * {@link Loop#BUFFER_BYTES}, or anything if nothing is pending.
   *
   * @return 0, or the negative errno of the send that failed
   */
  int send(Loop loop, NativeBuffer source, int offset, int length) {
    int sent = 0;
    while (pending() == 0 && sent < length) {
      long more = loop.syscalls().send(number(), source.address() + offset + sent, length - sent);
      if (more == -Linux.EAGAIN) {
        break;
      }
      if (more < 0) {
        return (int) more;
      }
      sent += (int) more;
    }
    if (sent < length) {
      keep(loop, source, offset + sent, length - sent);
    }
    return 0;
  }

  /** Keeps something for {@link #flush}; there is room for it, as {@link #send} says. */
  void keep(Loop loop, NativeBuffer source, int offset, int length) {
    NativeBuffer buffer = waiting;
    if (buffer == null) {
      capacity = Math.max(Loop.BUFFER_BYTES, length);
      buffer = capacity == Loop.BUFFER_BYTES ? loop.takeBuffer() : new NativeBuffer(capacity);
      waiting = buffer;
    } else if (until + length > capacity) {
      buffer.copyFrom(buffer, from, 0, pending());
      until = pending();
      from = 0;
    }
    buffer.copyFrom(source, offset, until, length);
    until += length;
  }

  /**
   * Sends what waits.
   *
   * @return 0 when all has gone, else the negative errno of the send that failed
   */
  int flush(Loop loop) {
    while (waiting != null && from < until) {
      long sent = loop.syscalls().send(number(), waiting.address() + from, pending());
      if (sent < 0) {
        return (int) sent;
      }
      from += (int) sent;
    }
    discard(loop);
    return 0;
  }

  /** Throws away what waits. */
  void discard(Loop loop) {
    if (waiting != null && capacity == Loop.BUFFER_BYTES) {
      loop.giveBuffer(waiting);
    }
    waiting = null;
    from = 0;
    until = 0;
  }
}
