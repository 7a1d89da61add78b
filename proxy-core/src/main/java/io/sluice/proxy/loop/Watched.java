package io.sluice.proxy.loop;

import io.netty.channel.IoEvent;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoEvent;
import io.netty.channel.epoll.EpollIoHandle;
import io.netty.channel.epoll.EpollIoOps;
import io.netty.channel.unix.FileDescriptor;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * A descriptor that a loop watches, and its only owner: what opens one makes a {@code Watched} of
 * it at once. It is Netty's own kind of descriptor, which spares an object; that compares by
 * number, so don't put it in sets. Called on its loop only.
 *
 * <p>epoll reports several descriptors in one batch. If one of them is closed by the event of
 * another, the next socket gets its number, and Netty takes the event that still lies in the batch
 * for the new one's. So sockets are opened after the batch ({@link Loop#execute}), not in it.
 */
public abstract class Watched extends FileDescriptor implements EpollIoHandle {
  public static final int READABLE = EpollIoOps.EPOLLIN.value();
  public static final int WRITABLE = EpollIoOps.EPOLLOUT.value();
  public static final int ERROR = EpollIoOps.EPOLLERR.value();
  private static final int EPOLLHUP = 0x10; // Netty has no constant for it; always reported
  public static final int BROKEN = ERROR | EPOLLHUP;
  public static final int ENDING = BROKEN | EpollIoOps.EPOLLRDHUP.value();

  private @Nullable IoRegistration registration;

  protected Watched(int fd) {
    super(fd);
  }

  /** epoll reports something, by the constants above. */
  protected abstract void ready(int events);

  /** {@link #ready} threw. */
  protected abstract void failed(Throwable failure);

  /** The descriptor's number. */
  public final int number() {
    return intValue();
  }

  /**
   * Has epoll report what is asked for; false if it refuses, as it does at its limit of watches.
   */
  public final boolean watch(Loop loop, EpollIoOps interest) {
    registration = loop.register(this, interest);
    return registration != null;
  }

  @Override
  public final FileDescriptor fd() {
    return this;
  }

  @Override
  public final void handle(IoRegistration registration, IoEvent event) {
    try {
      ready(((EpollIoEvent) event).ops().value());
    } catch (RuntimeException | Error failure) {
      failed(failure); // thrown on, others would lose their events
    }
  }

  /** Has epoll report again what there is, in the next round of events. */
  public final void reportAgain(EpollIoOps interest) {
    if (registration != null) {
      long _ = registration.submit(interest);
    }
  }

  /** Stops watching for a while: the descriptor stays open, and may be watched again. */
  public final void unwatch() {
    if (registration != null) {
      registration.cancel();
      registration = null;
    }
  }

  /** Stops watching; the descriptor stays open, and is somebody else's from now on. */
  public final void release() {
    if (registration != null) {
      registration.cancel();
    }
    boolean _ = markClosed(); // after that: epoll has to be told of a descriptor that stays open
  }

  /** Closes the descriptor. Closing first spares the epoll_ctl: the kernel forgets it by itself. */
  @Override
  public void close() {
    if (isOpen()) {
      try {
        super.close();
      } catch (IOException _) {
        // Nothing more can be done about it.
      }
      if (registration != null) {
        registration.cancel();
      }
    }
  }
}
