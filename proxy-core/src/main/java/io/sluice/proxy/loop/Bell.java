package io.sluice.proxy.loop;

import io.netty.channel.epoll.EpollIoOps;
import io.netty.channel.epoll.Native;
import java.io.UncheckedIOException;

/**
 * Has something run in the next round of epoll's events: a descriptor that is always writable, and
 * is asked for anew. A task would not do, as Netty runs tasks that add tasks for up to a second
 * before it polls again. Called on its loop only.
 */
final class Bell extends Watched {
  private static final EpollIoOps ONCE = EpollIoOps.EPOLLOUT.with(EpollIoOps.EPOLLET);

  private final Loop loop;
  private final Runnable rung;
  private boolean isWatched;

  /** Throws a {@link RuntimeException} if there is no descriptor for it. */
  Bell(Loop loop, Runnable rung) {
    super(Native.newEventFd().intValue());
    this.loop = loop;
    this.rung = rung;
  }

  /** False if epoll refuses, for want of memory. */
  boolean ring() {
    try {
      if (isWatched) {
        reportAgain(ONCE);
      } else {
        isWatched = watch(loop, ONCE);
      }
      return isWatched;
    } catch (UncheckedIOException _) {
      return false;
    }
  }

  @Override
  protected void ready(int events) {
    rung.run();
  }

  @Override
  protected void failed(Throwable failure) {
    loop.fault("a round of turns", failure);
  }
}
