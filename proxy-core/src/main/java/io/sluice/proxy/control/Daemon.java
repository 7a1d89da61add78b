package io.sluice.proxy.control;

import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.sluice.config.AdminSocketSpec;
import io.sluice.config.Config;
import io.sluice.config.HostPort;
import io.sluice.config.Problem;
import io.sluice.proxy.admin.AdminServer;
import io.sluice.proxy.admin.Scrape;
import io.sluice.proxy.api.AdminSocket;
import io.sluice.proxy.api.ReadOnly;
import io.sluice.proxy.api.Routes;
import io.sluice.proxy.api.Running;
import io.sluice.proxy.capture.CaptureState;
import io.sluice.proxy.capture.Captures;
import io.sluice.proxy.change.Transactions;
import io.sluice.proxy.check.Checks;
import io.sluice.proxy.connect.OwnSources;
import io.sluice.proxy.flow.UdpRelay;
import io.sluice.proxy.handover.HandedSocket;
import io.sluice.proxy.health.Endpoint;
import io.sluice.proxy.health.Status;
import io.sluice.proxy.health.TargetState;
import io.sluice.proxy.limit.Sources;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.lookup.Steering;
import io.sluice.proxy.loop.AcceptGate;
import io.sluice.proxy.loop.BufferLimit;
import io.sluice.proxy.loop.Descriptors;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.loop.MachineMemory;
import io.sluice.proxy.loop.SessionLimit;
import io.sluice.proxy.name.Resolver;
import io.sluice.proxy.observe.Counters;
import io.sluice.proxy.observe.Version;
import io.sluice.proxy.offload.Offload;
import io.sluice.proxy.relay.TcpRelay;
import io.sluice.steering.Family;
import io.sluice.steering.Protocol;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The running proxy: loops, captures, and the snapshot in force.
 *
 * <p>{@link #start}, {@link #prepare}, {@link #commit} and {@link #stop} are called one at a time,
 * on any thread but an event loop. Lookups read the snapshot by one volatile read.
 */
public final class Daemon {
  private static final Logger log = LoggerFactory.getLogger(Daemon.class);
  private static final long POLL_MILLIS = 20;
  private static final long RECONCILE_MILLIS = 1_000;

  private final Config config; // that it starts with
  private final Counters counters = new Counters();
  private final Resolver resolver = new Resolver();
  private final OwnSources ownSources = new OwnSources();
  private final List<Worker> workers = new ArrayList<>();
  private final SessionLimit connections;
  private final SessionLimit flows;
  private final Sources sources;
  private final MultiThreadIoEventLoopGroup group;
  private final Captures captures;
  private final Offload offload = new Offload(counters);
  private final LoopWatch loopWatch;
  private final Scrape scrape;
  private final BufferLimit buffers;
  private final long startedMillis = Loop.nowMillis();
  private final Checks checks;
  private @Nullable AdminServer admin;
  private @Nullable AdminSocket socket;
  private volatile @Nullable Snapshot snapshot; // null before the start
  private volatile @Nullable Transactions transactions;
  private volatile boolean draining;

  /** What runs on one loop. */
  private record Worker(Loop loop, TcpRelay tcp, UdpRelay udp, Steering steering) {}

  /** A daemon that is not yet listening. */
  public Daemon(Config config) {
    this(config, null);
  }

  /**
   * The same with what another daemon has.
   *
   * @param given null if there is none
   */
  Daemon(Config config, @Nullable List<HandedSocket> given) {
    this.config = config;
    this.connections = new SessionLimit(config.limits().connections());
    this.flows = new SessionLimit(config.limits().flows());
    connections.rate(config.limits().newConnectionsPerSecond());
    this.sources = new Sources((long) config.limits().connections() + config.limits().flows());
    int loops = config.loops() > 0 ? config.loops() : Runtime.getRuntime().availableProcessors();
    this.group = LoopGroup.of(loops);
    this.buffers = new BufferLimit(MachineMemory.bufferBytes(config.limits().bufferBytes()));
    this.checks = new Checks(buffers, counters);
    resolver.endpoints().listener(this::targetChanged);
    counters.buffers(buffers::used, buffers::bytes);
    List<Captures.Worker> capturing = new ArrayList<>();
    for (int i = 0; i < loops; i++) {
      Loop loop = new Loop(group.next(), i, buffers);
      AcceptGate gate = new AcceptGate(loop, connections, counters);
      Steering steering = new Steering(this::snapshot, sources, counters);
      long halfClosedMillis = config.limits().halfClosed().toMillis();
      TcpRelay tcp =
          new TcpRelay(loop, steering, gate, ownSources, this::isCaptured, halfClosedMillis);
      UdpRelay udp = new UdpRelay(loop, steering, flows, ownSources, this::isCaptured);
      workers.add(new Worker(loop, tcp, udp, steering));
      capturing.add(new Captures.Worker(loop, gate, tcp, udp));
    }
    this.captures = given == null ? new Captures(capturing) : new Captures(capturing, given);
    this.loopWatch = new LoopWatch(workers.stream().map(Worker::loop).toList());
    this.scrape =
        new Scrape(
            this::snapshot, captures::states, connections, flows, counters, Version.current());
  }

  /**
   * Starts serving: opens the captures and the admin server. If it fails, nothing is left running.
   *
   * @throws RefusedException if the configuration can't come into force
   * @throws IOException if the admin address is taken
   */
  public void start() throws IOException, InterruptedException {
    boolean isStarted = false;
    try (Plan.Prepared prepared = Plan.of(null, config).prepare(resolver, captures, offload)) {
      prepared.warnings().forEach(log::warn);
      log.info(
          "started version={} loops={} openFiles={}",
          Version.current(),
          workers.size(),
          Descriptors.limit());
      prepared.commit(this::publish);
      DescriptorRoom.divide(config);
      openAdmin();
      isStarted = true;
    } finally {
      if (!isStarted) {
        captures.close();
        end();
      }
    }
  }

  /** Gives the places up where it is asked and changed. */
  void closeAdmin() {
    if (admin != null) {
      admin.close();
      admin = null;
    }
    if (socket != null) {
      socket.close();
      socket = null;
    }
  }

  /** Opens the admin server, if there is to be one. */
  void openAdmin() throws IOException, InterruptedException {
    HostPort address = config.admin().http();
    admin =
        address == null
            ? null
            : new AdminServer(
                address,
                config.admin(),
                new AdminServer.Pages(
                    scrape::writeTo,
                    loopWatch::stuck,
                    this::notReady,
                    new ReadOnly(this::running),
                    this::snapshot,
                    counters));
  }

  /**
   * Opens the admin socket, if there is to be one. After the start.
   *
   * @param transactions how the daemon is changed; null if it can't be
   * @throws IOException if the place that is configured can't be had; the default one may be
   *     another daemon's
   */
  public void openSocket(@Nullable Transactions transactions)
      throws IOException, InterruptedException {
    this.transactions = transactions;
    AdminSocketSpec spec = config.admin().socket();
    Path path = spec.listeningPath();
    if (path == null) {
      return;
    }
    try {
      socket = new AdminSocket(path, spec, Routes.of(running()));
    } catch (IOException failure) {
      if (spec.path() != null) {
        throw failure;
      }
      log.warn("no admin socket: {}", failure.getMessage());
    }
  }

  private Running running() {
    return new Running(
        this::snapshot,
        captures::states,
        this::limits,
        counters,
        () -> Loop.nowMillis() - startedMillis,
        workers.stream().map(it -> it.steering.drops()).toList(),
        workers.stream().map(it -> it.steering.clients()).toList(),
        workers.stream().map(it -> it.steering.taps()).toList(),
        new LoopSessions(relays()),
        transactions);
  }

  /** What it was started with. */
  Config config() {
    return config;
  }

  Captures captures() {
    return captures;
  }

  Offload offload() {
    return offload;
  }

  Resolver resolver() {
    return resolver;
  }

  /** What has the sessions of each loop. */
  List<LoopSessions.Relays> relays() {
    return workers.stream().map(it -> new LoopSessions.Relays(it.loop, it.tcp, it.udp)).toList();
  }

  /** TCP connections. */
  int connections() {
    return connections.active();
  }

  private List<Running.Limit> limits() {
    return List.of(
        new Running.Limit("connections", connections.active(), connections.most()),
        new Running.Limit("flows", flows.active(), flows.most()),
        new Running.Limit("bufferBytes", buffers.used(), buffers.bytes()),
        new Running.Limit("tcpDescriptors", Descriptors.tcp().used(), Descriptors.tcp().most()),
        new Running.Limit("udpDescriptors", Descriptors.udp().used(), Descriptors.udp().most()));
  }

  /** Why no more traffic should be sent here; empty if it should. Any thread. */
  private String notReady() {
    if (draining) {
      return "draining";
    }
    return snapshot().config().admin().readyNeedsCaptures()
        ? captures.states().stream()
            .filter(it -> !it.isUp())
            .map(it -> "capture " + it.capture() + ": " + it.why())
            .collect(Collectors.joining("\n"))
        : "";
  }

  /** As the captures say; which are made after what asks them. */
  private boolean isCaptured(Protocol protocol, Family family, long high, long low, int port) {
    return captures.contains(protocol, family, high, low, port);
  }

  void publish(Snapshot next) {
    Snapshot before = snapshot;
    snapshot = next;
    next.inForce(before);
    checks.inForce(next.destinations());
  }

  /** An endpoint's state has changed: its sessions end if it is down, and they are to. */
  private void targetChanged(Endpoint endpoint, Status before, Status after) {
    offload.wake();
    if (after.state() == TargetState.DOWN && endpoint.protocol() == Protocol.TCP) {
      for (Worker worker : workers) {
        worker.loop.execute(() -> worker.tcp.targetDown(endpoint));
      }
    }
  }

  /** The admin server's address as it can be asked, with the port that it really has; or null. */
  public @Nullable HostPort adminAddress() {
    return admin == null ? null : admin.address();
  }

  /**
   * Gets a configuration ready to come into force. On any thread, but one at a time; what is in
   * force goes on meanwhile, and after an interrupt.
   *
   * @throws RefusedException if it can't come into force: then nothing has changed
   */
  public Plan.Prepared prepare(Config next) throws RefusedException, InterruptedException {
    return Plan.of(snapshot(), next).prepare(resolver, captures, offload);
  }

  /**
   * Puts a configuration into force: captures, programs, bindings and destinations change together;
   * connections and flows that exist live on. Loops and the admin address stay as they were.
   */
  public void commit(Plan.Prepared prepared) {
    Config before = snapshot().config();
    prepared.commit(this::publish);
    prepared.warnings().forEach(log::warn);
    Config now = snapshot().config();
    buffers.set(MachineMemory.bufferBytes(now.limits().bufferBytes()));
    Descriptors.divide();
    connections.limit(now.limits().connections());
    flows.limit(now.limits().flows());
    connections.rate(now.limits().newConnectionsPerSecond());
    long halfClosedMillis = now.limits().halfClosed().toMillis();
    for (Worker worker : workers) {
      worker.loop.execute(() -> worker.tcp.halfClosedMillis(halfClosedMillis));
    }
    if (now.loops() != before.loops() || !now.admin().equals(before.admin())) {
      log.warn("loops and admin have changed in the file, which takes a restart");
    }
  }

  /** Puts an equal configuration, whose bindings were compiled anew, in the place of this one. */
  void recompiled(Config equal) {
    snapshot = snapshot().recompiled(equal);
  }

  /** Compares what is wanted with what is there, and mends it. To be called every second or so. */
  public void reconcile() {
    captures.reconcile();
  }

  /** Whether each capture is there. Any thread. */
  public List<CaptureState> captureStates() {
    return captures.states();
  }

  /** Has something done again and again, as long as every loop answers. */
  void whileLoopsAnswer(long everyMillis, Runnable action) {
    loopWatch.whileAllAnswer(everyMillis, action);
  }

  /** Has something done if a loop ends before the daemon does. */
  void whenLoopEnds(Consumer<String> action) {
    loopWatch.whenOneEnds(action);
  }

  /** Something about the configuration is doubtful. */
  public void warn(Problem warning) {
    log.warn("{}", warning);
  }

  /** A configuration was asked for, but is not valid: nothing changes. */
  public void reloadRefused(String why) {
    counters.reloads(false).increment();
    log.error("reload refused, the old configuration stays in force\n{}", why);
  }

  /**
   * Serves on for {@code limits.lameDuck}, while {@code /readyz} already says no: whoever sends
   * traffic here can turn elsewhere first. Comes before {@link #stop}.
   */
  public void leave() throws InterruptedException {
    draining = true;
    long left = snapshot().config().limits().lameDuck().toMillis();
    if (left > 0) {
      log.info("lame duck lastsMillis={} sessions={}", left, sessions());
    }
    while (left > 0) {
      long millis = Math.min(left, RECONCILE_MILLIS);
      Thread.sleep(millis);
      left -= millis;
      reconcile();
    }
  }

  /**
   * Takes nothing new, waits for the sessions to end, but no longer than {@code limits.drain}, then
   * ends the rest.
   *
   * @return how many sessions had to be ended
   */
  public int stop() throws InterruptedException {
    draining = true;
    captures.closeListening();
    for (Worker worker : workers) {
      worker.loop.execute(worker.udp::drain);
    }
    long deadline = Loop.nowMillis() + snapshot().config().limits().drain().toMillis();
    log.info("draining sessions={}", sessions());
    while (sessions() > 0 && Loop.nowMillis() < deadline) {
      Thread.sleep(POLL_MILLIS);
    }
    int left = sessions();
    end();
    log.info("stopped sessionsEnded={}", left);
    return left;
  }

  /** Ends what there is, and closes everything. */
  void end() throws InterruptedException {
    loopWatch.close();
    CountDownLatch ended = new CountDownLatch(workers.size());
    for (Worker worker : workers) {
      worker.loop.execute(() -> {
        worker.tcp.shutdown();
        worker.udp.shutdown();
        worker.loop.release();
        ended.countDown();
      });
    }
    boolean _ = ended.await(1, TimeUnit.SECONDS);
    captures.release();
    offload.close();
    closeAdmin();
    group.shutdownGracefully(0, 1, TimeUnit.SECONDS).await(2, TimeUnit.SECONDS);
    checks.close();
    resolver.close();
    scrape.close();
  }

  /** The snapshot in force. */
  public Snapshot snapshot() {
    return Objects.requireNonNull(snapshot, "not started");
  }

  public Counters counters() {
    return counters;
  }

  /** TCP sessions and UDP flows. */
  public int sessions() {
    return connections.active() + flows.active();
  }
}
