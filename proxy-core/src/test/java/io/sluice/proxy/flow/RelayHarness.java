package io.sluice.proxy.flow;

import static io.sluice.proxy.TestDaemon.eventually;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.sluice.config.Admin;
import io.sluice.config.AdminSocketSpec;
import io.sluice.config.CaptureSpec;
import io.sluice.config.Config;
import io.sluice.config.DestinationLimits;
import io.sluice.config.DestinationSpec;
import io.sluice.config.HealthSpec;
import io.sluice.config.Limits;
import io.sluice.config.OffloadSpec;
import io.sluice.config.ProgramSpec;
import io.sluice.config.Selection;
import io.sluice.config.SourceSpec;
import io.sluice.config.TargetAddress;
import io.sluice.config.TargetSpec;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.arrival.Arrival;
import io.sluice.proxy.arrival.CaptureSocket;
import io.sluice.proxy.arrival.Captured;
import io.sluice.proxy.connect.OwnSources;
import io.sluice.proxy.limit.Sources;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.lookup.Steering;
import io.sluice.proxy.loop.BufferLimit;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.loop.SessionLimit;
import io.sluice.proxy.name.Resolver;
import io.sluice.proxy.observe.Counters;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.observe.SessionEnd;
import io.sluice.proxy.target.Destination;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import io.sluice.steering.binding.BindingTable;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.LoggerFactory;

/** A relay on an event loop of its own, with one destination that takes all UDP it is sent. */
final class RelayHarness implements AutoCloseable {
  static final Duration NEVER = Duration.ofHours(1);

  private static final int RECEIVE_BUFFER_BYTES = 4 << 20;

  final MultiThreadIoEventLoopGroup group =
      new MultiThreadIoEventLoopGroup(1, EpollIoHandler.newFactory());
  final Loop loop = new Loop(group.next(), 0, new BufferLimit(64 << 20));
  final Counters counters = new Counters();
  final SessionLimit limit = new SessionLimit(100_000);
  final OwnSources ownSources = new OwnSources();
  final UdpRelay relay;

  private final DestinationSpec.Affinity affinity;
  private final Resolver resolver = new Resolver();
  private final Syscalls syscalls = new Syscalls(); // for the test's thread
  private final List<Captured> opened = new CopyOnWriteArrayList<>();
  private volatile Snapshot snapshot;

  /** Whether lookups throw, as they never should. */
  volatile boolean isBroken;

  static {
    ((Logger) LoggerFactory.getLogger(Logger.ROOT_LOGGER_NAME)).setLevel(Level.WARN);
    ((Logger) LoggerFactory.getLogger("access")).setLevel(Level.WARN);
  }

  /** A relay to one target. */
  RelayHarness(TargetAddress target, Duration idleTimeout) {
    this(target, idleTimeout, 0);
  }

  /** A relay to a server on 127.0.0.1, of flows that don't expire. */
  static RelayHarness to(UdpPeer server) {
    return to(server, NEVER);
  }

  static RelayHarness to(UdpPeer server, Duration idleTimeout) {
    return new RelayHarness(at("127.0.0.1", server.port()), idleTimeout);
  }

  RelayHarness(TargetAddress target, Duration idleTimeout, int maxConnections) {
    this(target, idleTimeout, maxConnections, DestinationSpec.Affinity.FLOW);
  }

  RelayHarness(
      TargetAddress target, Duration idleTimeout, int maxConnections, int mostReplySockets) {
    this(target, idleTimeout, maxConnections, DestinationSpec.Affinity.FLOW, mostReplySockets);
  }

  RelayHarness(
      TargetAddress target,
      Duration idleTimeout,
      int maxConnections,
      DestinationSpec.Affinity affinity) {
    this(target, idleTimeout, maxConnections, affinity, ReplySockets.MOST);
  }

  private RelayHarness(
      TargetAddress target,
      Duration idleTimeout,
      int maxConnections,
      DestinationSpec.Affinity affinity,
      int mostReplySockets) {
    this(config(target, idleTimeout, maxConnections, affinity), affinity, mostReplySockets);
  }

  RelayHarness(Config config) {
    this(config, DestinationSpec.Affinity.FLOW, ReplySockets.MOST);
  }

  private RelayHarness(Config config, DestinationSpec.Affinity affinity, int mostReplySockets) {
    this.affinity = affinity;
    snapshot = TestDaemon.snapshot(config, null, resolver);
    Steering steering = new Steering(this::lookUp, new Sources(1_000), counters);
    relay = new UdpRelay(loop, steering, limit, ownSources, this::isCaptured, mostReplySockets);
  }

  private boolean isCaptured(Protocol protocol, Family family, long high, long low, int port) {
    return opened.stream().anyMatch(it -> it.contains(protocol, family, high, low, port));
  }

  /** Prefixes on one port. */
  private record Prefixes(int port, List<IpPrefix> prefixes) implements Captured {
    Prefixes(int port, String... prefixes) {
      this(port, Stream.of(prefixes).map(IpPrefix::parse).toList());
    }

    @Override
    public boolean contains(Protocol protocol, Family family, long high, long low, int port) {
      boolean isInside = false;
      for (int i = 0; i < prefixes.size(); i++) { // no iterator: an allocation test counts
        isInside |= prefixes.get(i).contains(family, high, low);
      }
      return isInside && port == this.port;
    }
  }

  private Snapshot lookUp() {
    if (isBroken) {
      throw new IllegalStateException("broken by the test");
    }
    return snapshot;
  }

  /** A target by address and port. */
  static TargetAddress at(String address, int port) {
    return new TargetAddress.Ip(IpAddress.parse(address), port);
  }

  private static Config config(
      TargetAddress target,
      Duration idleTimeout,
      int maxConnections,
      DestinationSpec.Affinity affinity) {
    DestinationSpec destination =
        new DestinationSpec(
            "echo",
            Protocol.UDP,
            List.of(new TargetSpec(target, 1)),
            new Selection.Hash(),
            Duration.ofSeconds(5),
            idleTimeout,
            0,
            maxConnections,
            affinity,
            null,
            SourceSpec.KERNEL,
            null,
            null,
            0,
            HealthSpec.standard(false),
            OffloadSpec.OFF,
            DestinationLimits.NONE);
    return config(List.of(), List.of(destination));
  }

  private static Config config(List<CaptureSpec> captures, List<DestinationSpec> destinations) {
    List<Binding> bindings =
        Stream.of("127.0.0.0/9", "::/0")
            .map(it -> new Binding("echo", Protocol.UDP, IpPrefix.parse(it), Binding.ANY_PORT))
            .toList();
    return new Config(
        captures,
        false,
        BindingTable.of(bindings),
        destinations,
        List.of(new ProgramSpec.Bindings("bindings")),
        List.of(),
        List.of(),
        1,
        new Limits(
            1000, 1000, Duration.ofSeconds(1), Duration.ofSeconds(1), Duration.ZERO, 0, 0, null),
        new Admin(null, AdminSocketSpec.DEFAULTS));
  }

  /** Brings the next snapshot into force, as a reload does. */
  void reload(TargetAddress target) {
    enforce(config(target, NEVER, 0, affinity));
  }

  private void enforce(Config config) {
    Snapshot before = snapshot;
    Snapshot next = TestDaemon.snapshot(config, before, resolver);
    snapshot = next;
    next.inForce(before);
  }

  /** Brings the next snapshot into force: {@link #yaml} without its name. */
  void reload(String destination) {
    reload(destination, "");
  }

  /** With sections besides bindings and destinations. */
  void reload(String destination, String sections) {
    enforce(config(destination, sections));
  }

  /** A relay to a destination of UDP, as the file writes one, without label and protocol. */
  static RelayHarness yaml(String destination) {
    return new RelayHarness(config(destination, ""));
  }

  private static Config config(String destination, String sections) {
    Config read =
        TestDaemon.config(
            """
            bindings: [{label: echo, protocol: udp, prefix: 127.0.0.1/32, port: 1}]
            destinations: [{label: echo, protocol: udp, %s}]
            """
                    .formatted(destination)
                + sections);
    return config(read.captures(), read.destinations());
  }

  /**
   * Opens a front socket on a port that the kernel chooses; an IPv6 one of both families if the
   * address is an IPv4-mapped one.
   */
  CaptureSocket open(String address, String... prefixes) {
    return open(address, 0, prefixes);
  }

  CaptureSocket open(String address, int port, String... prefixes) {
    CaptureSocket socket = bind(address, port, prefixes);
    start(socket);
    return socket;
  }

  /**
   * Opens a front socket that is told where datagrams wanted to go, as if a rule had brought them.
   * Nothing does, so once a reply has left from an address, that reply's socket gets what is sent
   * there.
   */
  CaptureSocket openSteered(String address, String... prefixes) {
    CaptureSocket plain = bind(address, 0, prefixes);
    boolean ipv4 = plain.address().family() == Family.IPV4;
    if (ipv4 || plain.address().isIpv4Mapped()) {
      option(plain.fd(), Linux.IPPROTO_IP, Linux.IP_ORIGDSTADDR);
    }
    if (!ipv4) {
      option(plain.fd(), Linux.IPPROTO_IPV6, Linux.IPV6_ORIGDSTADDR);
    }
    CaptureSocket steered =
        new CaptureSocket(
            plain.fd(),
            Protocol.UDP,
            plain.address(),
            plain.port(),
            Arrival.SK_LOOKUP,
            false,
            plain.captured());
    start(steered);
    return steered;
  }

  private void start(CaptureSocket socket) {
    run(() -> {
      boolean _ = relay.register(socket);
      relay.open(socket);
    });
  }

  private CaptureSocket bind(String address, int port, String... prefixes) {
    IpAddress bound = IpAddress.parse(address);
    boolean ipv4 = bound.family() == Family.IPV4;
    int fd = syscalls.socket(bound.family().number(), Linux.SOCK_DGRAM);
    if (ipv4) {
      option(fd, Linux.IPPROTO_IP, Linux.IP_PKTINFO);
    } else {
      assertThat(
              syscalls.setOption(
                  fd, Linux.IPPROTO_IPV6, Linux.IPV6_V6ONLY, bound.isIpv4Mapped() ? 0 : 1))
          .isZero();
      option(fd, Linux.IPPROTO_IPV6, Linux.IPV6_RECVPKTINFO);
    }
    option(fd, Linux.SOL_SOCKET, Linux.SO_REUSEPORT);
    assertThat(syscalls.setOption(fd, Linux.SOL_SOCKET, Linux.SO_RCVBUF, RECEIVE_BUFFER_BYTES))
        .isZero();
    Sockaddr sockaddr = new Sockaddr();
    assertThat(syscalls.bind(fd, sockaddr.set(bound, port))).isZero();
    assertThat(syscalls.localAddress(fd, sockaddr)).isZero();
    Captured captured = new Prefixes(sockaddr.port(), prefixes);
    opened.add(captured);
    return CaptureSocket.bound(fd, Protocol.UDP, bound, sockaddr.port(), captured);
  }

  private void option(int fd, int level, int name) {
    assertThat(syscalls.setOption(fd, level, name, 1)).isZero();
  }

  /** Runs something on the loop, and waits for its end. */
  void run(Runnable task) {
    loop.events().submit(task).syncUninterruptibly();
  }

  /** Holds the loop until the latch opens; returns once it is held. */
  void hold(CountDownLatch latch) throws InterruptedException {
    CountDownLatch held = new CountDownLatch(1);
    loop.execute(() -> {
      held.countDown();
      try {
        boolean _ = latch.await(30, TimeUnit.SECONDS);
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
      }
    });
    assertThat(held.await(10, TimeUnit.SECONDS)).isTrue();
  }

  Destination destination() {
    return snapshot.destinations().getFirst();
  }

  long drops(Refusal reason) {
    return counters.drops(reason, Protocol.UDP).sum();
  }

  long ends(SessionEnd end) {
    return destination().traffic().ends(end).sum();
  }

  void awaitDrops(Refusal reason, long count) {
    eventually(() -> assertThat(drops(reason)).isEqualTo(count));
  }

  void awaitFlows(int count) {
    eventually(() -> assertThat(relay.flows()).isEqualTo(count));
  }

  /** Nothing is left over: no flow is counted anywhere. */
  void shutdown() {
    run(relay::shutdown);
    assertThat(relay.flows()).isZero();
    assertThat(limit.active()).isZero();
    assertThat(destination().traffic().active()).isZero();
    assertThat(ownSources.isEmpty()).isTrue();
  }

  @Override
  public void close() {
    run(relay::shutdown);
    run(loop::release);
    resolver.close();
    @Nullable Object _ = group.shutdownGracefully(0, 1, TimeUnit.SECONDS).syncUninterruptibly();
  }
}
