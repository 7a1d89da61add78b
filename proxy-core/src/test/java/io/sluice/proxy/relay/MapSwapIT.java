package io.sluice.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.sluice.config.Config;
import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.capture.CaptureChange;
import io.sluice.proxy.capture.Captures;
import io.sluice.proxy.connect.OwnSources;
import io.sluice.proxy.limit.Sources;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.lookup.Steering;
import io.sluice.proxy.loop.AcceptGate;
import io.sluice.proxy.loop.BufferLimit;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.loop.SessionLimit;
import io.sluice.proxy.name.Resolver;
import io.sluice.proxy.observe.Counters;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.target.Destination;
import io.sluice.steering.ListenerTable;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Program;
import io.sluice.steering.ProgramChain;
import io.sluice.steering.Protocol;
import io.sluice.steering.SkLookup;
import io.sluice.steering.Socket;
import io.sluice.steering.map.ArrayOfMaps;
import io.sluice.steering.map.EventLoops;
import io.sluice.steering.map.HashOfMaps;
import io.sluice.steering.map.SockMap;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.IntFunction;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A map of maps takes real traffic from one set of servers to another: the daemon's own loops,
 * captures and relay, with a program that looks up the inner map, and in it the socket.
 *
 * <p>The set in force after swap <i>n</i> is <i>n</i> modulo 2. A connection is begun when at least
 * {@code returned} swaps have returned, and has its answer when at most {@code begun} have begun:
 * so if these are equal, the lookup between them can only have found that one set.
 */
@Timeout(120)
final class MapSwapIT {
  private static final int LOOPS = 2;
  private static final int CLIENTS = 3;
  private static final int SWAPS = 100;
  private static final int SERVERS = 2;
  private static final String[] SETS = {"a", "b"};

  private final MultiThreadIoEventLoopGroup group =
      new MultiThreadIoEventLoopGroup(LOOPS, EpollIoHandler.newFactory());
  private final Counters counters = new Counters();
  private volatile int begun;
  private volatile int returned;
  private volatile boolean done;
  private final LongAdder connects = new LongAdder();
  private final LongAdder certain = new LongAdder();
  private final LongAdder toOldSet = new LongAdder();
  private final ConcurrentLinkedQueue<String> failures = new ConcurrentLinkedQueue<>();
  private final AtomicIntegerArray checkedSwap = new AtomicIntegerArray(CLIENTS);

  @ParameterizedTest
  @ValueSource(strings = {"ARRAY_OF_MAPS", "HASH_OF_MAPS"})
  void nobodyIsRefusedAndNobodyReachesTheOldSetAfterASwapReturned(String type) throws Exception {
    int port = TestDaemon.freePort();
    List<TestServer> servers = new ArrayList<>();
    StringBuilder yaml = new StringBuilder("bindings:\n");
    for (String set : SETS) {
      yaml.append("  - {label: %s, protocol: tcp, prefix: ".formatted(set))
          .append(set.equals("a") ? "127.0.0.1/32" : "127.0.0.2/32")
          .append(", port: %d}%n".formatted(port));
    }
    yaml.append("destinations:\n");
    for (String set : SETS) {
      List<String> targets = new ArrayList<>();
      for (int i = 0; i < SERVERS; i++) {
        TestServer server = TestServer.start(connection -> answer(connection, set));
        servers.add(server);
        targets.add("\"127.0.0.1:" + server.port() + "\"");
      }
      yaml.append("  - {label: %s, protocol: tcp, targets: %s}%n".formatted(set, targets));
    }
    Config config = TestDaemon.config(yaml.toString());
    List<Loop> loops = new ArrayList<>();
    for (int i = 0; i < LOOPS; i++) {
      loops.add(new Loop(group.next(), i, new BufferLimit(64 << 20)));
    }
    EventLoops eventLoops = EventLoops.of(loops.stream().map(Loop::events).toList());
    try (Resolver resolver = new Resolver()) {
      Snapshot made = Snapshot.of(config, null, resolver);
      List<SockMap> sets = made.destinations().stream().map(MapSwapIT::sockets).toList();
      Outer outer = outer(type, sets.getFirst(), eventLoops);
      assertThat(outer.update.applyAsInt(sets.getFirst())).isZero();
      Snapshot snapshot = with(made, outer);
      List<TcpRelay> relays = new ArrayList<>();
      Captures captures = capture(config, loops, snapshot, relays);
      try {
        swapUnderTraffic(type, port, sets, outer);
      } finally {
        captures.close();
        end(loops, relays);
        for (TestServer server : servers) {
          server.close();
        }
      }
    }
    assertThat(failures).isEmpty();
    assertThat(toOldSet.sum()).as("connections that reached the old set").isZero();
    for (Refusal reason : Refusal.values()) {
      assertThat(counters.drops(reason, Protocol.TCP).sum()).as("%s", reason).isZero();
    }
    assertThat(certain.sum()).isGreaterThanOrEqualTo((long) SWAPS * CLIENTS);
    assertThat(servers).allMatch(server -> server.accepted() > 0);
  }

  private void swapUnderTraffic(String type, int port, List<SockMap> sets, Outer outer)
      throws InterruptedException {
    List<Thread> clients = new ArrayList<>();
    for (int i = 0; i < CLIENTS; i++) {
      int client = i;
      clients.add(Thread.ofPlatform().start(() -> connectWithoutPause(port, client)));
    }
    long sum = 0;
    long max = 0;
    for (int swap = 1; swap <= SWAPS; swap++) {
      begun = swap;
      long start = System.nanoTime();
      int result = outer.update.applyAsInt(sets.get(swap % 2));
      long took = System.nanoTime() - start;
      returned = swap;
      assertThat(result).isZero();
      sum += took;
      max = Math.max(max, took);
      int current = swap;
      TestDaemon.until(
          "every client has connected since swap " + swap,
          () -> !failures.isEmpty() || everyClientHasSeen(current));
    }
    done = true;
    for (Thread client : clients) {
      client.join();
    }
    System.out.printf(
        "map-in-map swap under traffic: type=%s swaps=%d connects=%d certain=%d refused=%d"
            + " toOldSet=%d meanMicros=%d maxMicros=%d%n",
        type,
        SWAPS,
        connects.sum(),
        certain.sum(),
        failures.size(),
        toOldSet.sum(),
        TimeUnit.NANOSECONDS.toMicros(sum / SWAPS),
        TimeUnit.NANOSECONDS.toMicros(max));
  }

  private boolean everyClientHasSeen(int swap) {
    for (int client = 0; client < CLIENTS; client++) {
      if (checkedSwap.get(client) < swap) {
        return false;
      }
    }
    return true;
  }

  private void connectWithoutPause(int port, int client) {
    while (!done) {
      int before = returned;
      try (java.net.Socket socket = Streams.connect(port)) {
        String set = Streams.text(socket, 1);
        int after = begun;
        connects.increment();
        if (before == after) {
          certain.increment();
          if (!set.equals(SETS[after % 2])) {
            toOldSet.increment();
          }
          checkedSwap.set(client, after);
        }
        Streams.reset(socket); // leaves no port behind in TIME_WAIT
      } catch (IOException | RuntimeException | AssertionError failure) {
        failures.add("after swap " + before + ": " + failure);
        return;
      }
    }
  }

  private static void answer(java.net.Socket connection, String set) throws IOException {
    Streams.send(connection, set);
    Streams.Read _ = Streams.readAll(connection.getInputStream());
  }

  /** The outer map: how a program looks up, and how it is swapped. */
  private record Outer(IntFunction<@Nullable SockMap> lookup, ToIntFunction<SockMap> update) {}

  private static Outer outer(String type, SockMap template, EventLoops loops) {
    if (type.equals("ARRAY_OF_MAPS")) {
      ArrayOfMaps<SockMap> outer = new ArrayOfMaps<>(1, template, loops);
      return new Outer(outer::lookup, inner -> outer.update(0, inner, 0));
    }
    HashOfMaps<SockMap> outer = new HashOfMaps<>(4, 1, template, loops);
    return new Outer(outer::lookup, inner -> outer.update(new byte[4], inner, 0));
  }

  private static SockMap sockets(Destination destination) {
    SockMap map = new SockMap(SERVERS);
    for (int i = 0; i < SERVERS; i++) {
      assertThat(map.update(i, destination.targets().get(i).socket())).isZero();
    }
    return map;
  }

  /** The snapshot with this program alone. */
  private static Snapshot with(Snapshot made, Outer outer) {
    Program program =
        context -> {
          SockMap inner = outer.lookup.apply(0);
          // The kernel gives connections ports of one parity.
          Socket socket =
              inner == null ? null : inner.lookup((context.remotePort() >> 1) % SERVERS);
          return context.assign(socket, LookupContext.NO_REUSEPORT) == 0
              ? Program.SK_PASS
              : Program.SK_DROP;
        };
    return new Snapshot(
        made.generation(),
        made.config(),
        made.bindings(),
        new SkLookup(
            ProgramChain.of(List.of(new ProgramChain.Link("swapped", program))),
            ListenerTable.of(List.of())),
        made.destinations(),
        made.traffic(),
        made.bindingCounts(),
        false,
        made.headerSources(),
        made.clientRules(),
        made.sockets());
  }

  private Captures capture(
      Config config, List<Loop> loops, Snapshot snapshot, List<TcpRelay> relays)
      throws InterruptedException {
    SessionLimit limit = new SessionLimit(config.limits().connections());
    OwnSources ownSources = new OwnSources();
    List<Captures.Worker> workers = new ArrayList<>();
    for (Loop loop : loops) {
      AcceptGate gate = new AcceptGate(loop, limit, counters);
      TcpRelay relay =
          new TcpRelay(
              loop,
              new Steering(() -> snapshot, new Sources(1_000), counters),
              gate,
              ownSources,
              (_, _, _, _, _) -> false,
              config.limits().halfClosed().toMillis());
      relays.add(relay);
      workers.add(new Captures.Worker(loop, gate, relay, new OneLoop.NoDatagrams()));
    }
    Captures captures = new Captures(workers);
    CaptureChange change = captures.prepare(config.captures());
    assertThat(change.failures()).isEmpty();
    change.commit();
    return captures;
  }

  private void end(List<Loop> loops, List<TcpRelay> relays) throws InterruptedException {
    CountDownLatch ended = new CountDownLatch(LOOPS);
    for (int i = 0; i < LOOPS; i++) {
      Loop loop = loops.get(i);
      TcpRelay relay = relays.get(i);
      loop.execute(() -> {
        relay.shutdown();
        loop.release();
        ended.countDown();
      });
    }
    assertThat(ended.await(10, TimeUnit.SECONDS)).isTrue();
    boolean _ = group.shutdownGracefully(0, 1, TimeUnit.SECONDS).await(5, TimeUnit.SECONDS);
  }
}
