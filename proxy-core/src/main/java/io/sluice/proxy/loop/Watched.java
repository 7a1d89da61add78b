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
 * it at once. Called on its loop only.
 *
 * <p>epoll reports several descriptors in one batch. If one of them is closed by the event of
 * another, the next socket gets its number, and Netty takes the event that still lies in the batch
 * for the new one's. So sockets are opened after the batch ({@link Loop#execute}), not in it.
 */
public abstract class Watched implements EpollIoHandle {
  public static final int READABLE = EpollIoOps.EPOLLIN.value();
  public static final int WRITABLE = EpollIoOps.EPOLLOUT.value();
  public static final int ERROR = EpollIoOps.EPOLLERR.value();
  private static final int EPOLLHUP = 0x10; // Netty has no constant for it; always reported
  public static final int BROKEN = ERROR | EPOLLHUP;
  public static final int ENDING = BROKEN | EpollIoOps.EPOLLRDHUP.value();

  private final FileDescriptor descriptor;
  private @Nullable IoRegistration registration;
  private boolean isReleased;

  protected Watched(int fd) {
    this.descriptor = new FileDescriptor(fd);
  }

  /** epoll reports something, by the constants above. */
  protected abstract void ready(int events);

  /** {@link #ready} threw. */
  protected abstract void failed(Throwable failure);

  /** The descriptor's number. */
  public final int number() {
    return descriptor.intValue();
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
    return descriptor;
  }

  @Override
  public final void handle(IoRegistration registration, IoEvent event) {
    try {
      ready(((EpollIoEvent) event).ops().value());
    } catch (RuntimeException | Error failure) {
      failed(failure); // thrown on, it would cost others their events
    }
  }

  /** Has epoll report again what there is, in the next round of events. */
  public final void reportAgain(EpollIoOps interest) {
    if (registration != null) {
      long _ = registration.submit(interest);
    }
  }

  public final boolean isOpen() {
    return !isReleased && descriptor.isOpen();
  }

  /** Stops watching; the descriptor stays open, and is somebody else's from now on. */
  public final void release() {
    isReleased = true;
    if (registration != null) {
      registration.cancel();
    }
  }

  /** Closes the descriptor. Closing first spares the epoll_ctl: the kernel forgets it by itself. */
  @Override
  public void close() {
    if (isOpen()) {
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
