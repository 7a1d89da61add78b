package io.sluice.proxy.control;

import io.sluice.proxy.api.Sessions;
import io.sluice.proxy.flow.UdpRelay;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.observe.SessionFilter;
import io.sluice.proxy.observe.SessionState;
import io.sluice.proxy.observe.SessionWalk;
import io.sluice.proxy.relay.TcpRelay;
import io.sluice.steering.Protocol;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The sessions and flows of all loops, asked for in small steps: each is a task of its own, which
 * is given to the loop once the one before is done. So epoll is asked between two steps; a task
 * that put itself back would run again before that.
 */
final class LoopSessions implements Sessions {
  /** How many are looked at in one step: about a tenth of a millisecond. */
  private static final int STEP = 128;

  private static final int PATIENCE_SECONDS = 5;

  private final List<Relays> loops;

  /** What has the sessions of one loop. */
  record Relays(Loop loop, TcpRelay tcp, UdpRelay udp) {}

  LoopSessions(List<Relays> loops) {
    this.loops = List.copyOf(loops);
  }

  @Override
  public List<SessionState> list(SessionFilter filter) throws IOException, InterruptedException {
    List<SessionState> found = new ArrayList<>();
    for (Relays it : loops) {
      if (filter.protocol() != Protocol.UDP) {
        walk(it.loop, () -> it.tcp.list(filter, found));
      }
      if (filter.protocol() != Protocol.TCP) {
        walk(it.loop, () -> it.udp.list(filter, found));
      }
    }
    return found;
  }

  @Override
  public int kill(SessionFilter filter) throws IOException, InterruptedException {
    AtomicInteger killed = new AtomicInteger();
    for (Relays it : loops) {
      if (filter.protocol() != Protocol.UDP) {
        walk(it.loop, () -> it.tcp.kill(filter, killed::incrementAndGet));
      }
      if (filter.protocol() != Protocol.TCP) {
        walk(it.loop, () -> it.udp.kill(filter, killed::incrementAndGet));
      }
    }
    return killed.get();
  }

  private static void walk(Loop loop, Callable<SessionWalk> start)
      throws IOException, InterruptedException {
    SessionWalk walk = onLoop(loop, start);
    try {
      boolean hasMore = true;
      while (hasMore) {
        hasMore = onLoop(loop, () -> walk.step(STEP));
      }
    } finally {
      loop.execute(walk::close);
    }
  }

  /** Has a loop do something, and waits for it. */
  static <T extends @Nullable Object> T onLoop(Loop loop, Callable<T> task)
      throws IOException, InterruptedException {
    FutureTask<T> future = new FutureTask<>(task);
    loop.execute(future);
    try {
      return future.get(PATIENCE_SECONDS, TimeUnit.SECONDS);
    } catch (TimeoutException stuck) {
      boolean _ = future.cancel(false);
      throw new IOException("loop " + loop.index() + " doesn't answer", stuck);
    } catch (ExecutionException failed) {
      throw new IllegalStateException(failed.getCause());
    }
  }
}
