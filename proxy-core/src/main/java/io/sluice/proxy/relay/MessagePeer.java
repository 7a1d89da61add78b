package io.sluice.proxy.relay;

import io.netty.channel.IoEvent;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoEvent;
import io.netty.channel.epoll.EpollIoHandle;
import io.netty.channel.unix.FileDescriptor;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.NativeBuffer;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.target.OwnSources;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * One socket of a message session, the client's or a target's, and what waits to be sent on it.
 * Holds no buffer while nothing waits. Called on the session's loop only.
 */
final class MessagePeer implements EpollIoHandle {
  /** The index of the client. */
  static final int CLIENT = -1;

  private final MessageSession session;
  private final FileDescriptor descriptor;
  private @Nullable IoRegistration registration;

  /** The target's index, or {@link #CLIENT}. */
  final int index;

  /** What it is noted as, because what it sends could come back to us. */
  OwnSources.@Nullable Source ownSource;

  /** The connection isn't made yet. */
  boolean isConnecting;

  /** When connecting to it began. */
  long sinceMillis;

  /** It sent FIN: there is nothing more to read. */
  boolean ended;

  /** We have sent it FIN. */
  boolean finSent;

  /** epoll said that its end is near: read until the end itself is read. */
  boolean hungUp;

  /** epoll said that it broke. */
  boolean errored;

  /** A send failed. */
  boolean isBroken;

  private @Nullable NativeBuffer waiting;
  private int capacity;
  private int from;
  private int until;

  MessagePeer(MessageSession session, int fd, int index) {
    this.session = session;
    this.descriptor = new FileDescriptor(fd);
    this.index = index;
  }

  int number() {
    return descriptor.intValue();
  }

  boolean register(Loop loop) {
    registration = loop.register(this, Loop.ALL_EDGES);
    return registration != null;
  }

  @Override
  public FileDescriptor fd() {
    return descriptor;
  }

  @Override
  public void handle(IoRegistration registration, IoEvent event) {
    try {
      session.ready(this, ((EpollIoEvent) event).ops().value());
    } catch (RuntimeException | Error failure) {
      session.failed(failure); // thrown on, it would cost other sessions their events
    }
  }

  /** Yields to others: epoll reports again what can be read, behind what it has for them. */
  void yieldTurn() {
    if (registration != null) {
      long _ = registration.submit(Loop.ALL_EDGES);
    }
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

  boolean isOpen() {
    return descriptor.isOpen();
  }

  /** Closes the socket. Closing first spares the epoll_ctl: the kernel forgets it by itself. */
  @Override
  public void close() {
    if (descriptor.isOpen()) {
      try {
        descriptor.close();
      } catch (IOException _) {
        // Nothing more can be done about it.
      }
      if (registration != null) {
        registration.cancel();
      }
    }
  }
}
