package io.sluice.proxy.relay;

import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.util.concurrent.SingleThreadEventExecutor;
import io.sluice.config.Config;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.arrival.CaptureSocket;
import io.sluice.proxy.arrival.DatagramHandler;
import io.sluice.proxy.capture.CaptureChange;
import io.sluice.proxy.capture.Captures;
import io.sluice.proxy.connect.OwnSources;
import io.sluice.proxy.limit.Sources;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.lookup.Steering;
import io.sluice.proxy.loop.AcceptGate;
import io.sluice.proxy.loop.BufferLimit;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.loop.SessionLimit;
import io.sluice.proxy.name.Resolver;
import io.sluice.proxy.observe.Counters;
import io.sluice.proxy.observe.Refusal;
import io.sluice.steering.Protocol;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * The TCP path on a single loop that a test can hold up, so that it decides which events come in
 * one batch.
 */
public final class OneLoop implements AutoCloseable {
  private final MultiThreadIoEventLoopGroup group =
      new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
  private final BufferLimit buffers;
  private final Loop loop;
  private final TcpRelay relay;
  private final Counters counters = new Counters();
  private final SessionLimit limit;
  private final Captures captures;
  private final Snapshot snapshot;
  private volatile Runnable atLookup = () -> {};

  public OneLoop(Config config, Resolver resolver) throws InterruptedException {
    this(config, resolver, new Syscalls(), 64 << 20);
  }

  /**
   * One with calls that may fail.
   *
   * @param bufferBytes limits.buffers
   */
  OneLoop(Config config, Resolver resolver, Syscalls syscalls, long bufferBytes)
      throws InterruptedException {
    this.buffers = new BufferLimit(bufferBytes);
    this.loop = new Loop(group.next(), 0, buffers, syscalls, Loop::nowMillis);
    this.limit = new SessionLimit(config.limits().connections());
    this.snapshot = TestDaemon.snapshot(config, null, resolver);
    List<String> _ = resolver.awaitFirstAnswers(5_000);
    AcceptGate gate = new AcceptGate(loop, limit, counters);
    Steering steering = new Steering(this::lookUp, new Sources(1_000), counters);
    this.relay =
        new TcpRelay(
            loop,
            steering,
            gate,
            new OwnSources(),
            (_, _, _, _, _) -> false,
            config.limits().halfClosed().toMillis());
    this.captures =
        new Captures(List.of(new Captures.Worker(loop, gate, relay, new NoDatagrams())));
    CaptureChange change = captures.prepare(config.captures());
    if (!change.failures().isEmpty()) {
      throw new IllegalStateException(change.failures().toString());
    }
    change.commit();
  }

  private Snapshot lookUp() {
    atLookup.run();
    return snapshot;
  }

  /** Runs something on the loop at each lookup: just before the connection to the target begins. */
  void atLookup(Runnable action) {
    atLookup = action;
  }

  Loop loop() {
    return loop;
  }

  TcpRelay relay() {
    return relay;
  }

  /** How much memory is in flight, spare buffers included. */
  long bufferBytes() {
    return buffers.used();
  }

  Snapshot snapshot() {
    return snapshot;
  }

  public long drops(Refusal reason) {
    return counters.drops(reason, Protocol.TCP).sum();
  }

  /** How many connections there are. */
  public int sessions() {
    return limit.active();
  }

  /** How many tasks wait for the loop. */
  int pendingTasks() {
    return ((SingleThreadEventExecutor) loop.events()).pendingTasks();
  }

  /** Holds the loop up, once it comes to it, until the answer is counted down. */
  CountDownLatch stall() {
    CountDownLatch goOn = new CountDownLatch(1);
    loop.execute(() -> {
      try {
        boolean _ = goOn.await(10, TimeUnit.SECONDS);
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
      }
    });
    return goOn;
  }

  /** Waits until the loop has handled what there was. */
  void settle() throws InterruptedException {
    for (int i = 0; i < 3; i++) {
      boolean _ = loop.events().submit(() -> {}).await(10, TimeUnit.SECONDS);
    }
  }

  @Override
  public void close() {
    captures.close();
    boolean _ =
        group.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly(5, TimeUnit.SECONDS);
  }

  /** Of captures that have no UDP. */
  static final class NoDatagrams implements DatagramHandler {
    @Override
    public boolean register(CaptureSocket socket) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void open(CaptureSocket socket) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void pause(CaptureSocket socket) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void letGo(CaptureSocket socket) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void close(CaptureSocket socket) {
      throw new UnsupportedOperationException();
    }
  }
}
