package io.sluice.proxy.control;

import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.sluice.proxy.loop.Descriptors;

/** The daemon's event loops: a thread and an epoll each. */
final class LoopGroup {
  private LoopGroup() {}

  /** Makes that many. */
  static MultiThreadIoEventLoopGroup of(int count) {
    try {
      return new MultiThreadIoEventLoopGroup(
          count, new DefaultThreadFactory("sluice-loop", true), EpollIoHandler.newFactory());
    } catch (IllegalStateException failure) { // it has no descriptor for epoll
      throw new IllegalStateException(
          "%d loops can't be made: the limit of open files is %d; raise it with LimitNOFILE= or ulimit -n"
              .formatted(count, Descriptors.limit()),
          failure);
    }
  }
}
