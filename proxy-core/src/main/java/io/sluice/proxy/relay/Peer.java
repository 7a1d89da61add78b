package io.sluice.proxy.relay;

import io.netty.channel.IoEvent;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoEvent;
import io.netty.channel.epoll.EpollIoHandle;
import io.netty.channel.epoll.EpollIoOps;
import io.netty.channel.unix.FileDescriptor;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.target.OwnSources;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * A connected socket of a session, as epoll and the session see it: how it is registered, what is
 * known of its end, and how it is closed. Called on the session's loop only.
 */
abstract class Peer implements EpollIoHandle {
  static final int READABLE = EpollIoOps.EPOLLIN.value();
  static final int WRITABLE = EpollIoOps.EPOLLOUT.value();
  static final int ERROR = EpollIoOps.EPOLLERR.value();
  private static final int EPOLLHUP = 0x10; // Netty has no constant for it; always reported
  static final int BROKEN = ERROR | EPOLLHUP;
  static final int ENDING = BROKEN | EpollIoOps.EPOLLRDHUP.value();

  private final FileDescriptor descriptor;
  private @Nullable IoRegistration registration;

  /** What it is noted as, because what it sends could come back to us. */
  OwnSources.@Nullable Source ownSource;

  /** It sent FIN, or broke: there is nothing more to read. */
  boolean ended;

  /** epoll said that its end is near: read until the end itself is read. */
  boolean hungUp;

  /** epoll said that it broke. What it sent before can still be read, then follows its end. */
  boolean errored;

  Peer(int fd) {
    this.descriptor = new FileDescriptor(fd);
  }

  /** epoll reports something, by the constants above. */
  abstract void ready(int events);

  /** {@link #ready} threw. */
  abstract void failed(Throwable failure);

  final int number() {
    return descriptor.intValue();
  }

  /** Has epoll report every change; false if it refuses. */
  final boolean register(Loop loop) {
    registration = loop.register(this, Loop.ALL_EDGES);
    return registration != null;
  }

  @Override
  public final FileDescriptor fd() {
    return descriptor;
  }

  @Override
  public final void handle(IoRegistration registration, IoEvent event) {
    try {
      int events = ((EpollIoEvent) event).ops().value();
      hungUp |= (events & ENDING) != 0;
      errored |= (events & ERROR) != 0;
      ready(events);
    } catch (RuntimeException | Error failure) {
      failed(failure); // thrown on, it would cost other sessions their events
    }
  }

  /**
   * Yields to others: epoll reports again what can be read by then, behind what it has for them. A
   * task wouldn't do, as Netty runs tasks that add tasks for up to a second before it polls again.
   */
  final void yieldTurn() {
    if (registration != null) {
      long _ = registration.submit(Loop.ALL_EDGES);
    }
  }

  final boolean isOpen() {
    return descriptor.isOpen();
  }

  /** Closes the socket. Closing first spares the epoll_ctl: the kernel forgets it by itself. */
  @Override
  public final void close() {
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
