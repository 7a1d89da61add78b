package io.sluice.proxy;

import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.sluice.config.Config;
import io.sluice.config.ConfigException;
import io.sluice.config.HostPort;
import io.sluice.config.Problem;
import io.sluice.proxy.admin.AdminServer;
import io.sluice.proxy.admin.Scrape;
import io.sluice.proxy.admin.StatusPage;
import io.sluice.proxy.capture.AcceptGate;
import io.sluice.proxy.capture.Captures;
import io.sluice.proxy.capture.Requirement;
import io.sluice.proxy.capture.Requirements;
import io.sluice.proxy.capture.SessionLimit;
import io.sluice.proxy.capture.UnmetRequirementException;
import io.sluice.proxy.flow.UdpRelay;
import io.sluice.proxy.loop.BufferLimit;
import io.sluice.proxy.loop.Descriptors;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.metrics.Counters;
import io.sluice.proxy.relay.TcpRelay;
import io.sluice.proxy.target.OwnSources;
import io.sluice.proxy.target.Resolver;
import io.sluice.proxy.target.Snapshot;
import io.sluice.proxy.target.SourceChecks;
import io.sluice.proxy.target.Steering;
import io.sluice.steering.Family;
import io.sluice.steering.Protocol;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The running proxy: loops, captures, and the snapshot in force.
 *
 * <p>{@link #start}, {@link #reload} and {@link #stop} are called one at a time, on any thread but
 * an event loop. Lookups read the snapshot by one volatile read.
 */
public final class Daemon {
  private static final Logger log = LoggerFactory.getLogger(Daemon.class);
  private static final long RESOLVE_MILLIS = 3_000;
  private static final long POLL_MILLIS = 20;

  private final Counters counters = new Counters();
  private final Resolver resolver = new Resolver();
  private final OwnSources ownSources = new OwnSources();
  private final List<Worker> workers = new ArrayList<>();
  private final SessionLimit connections;
  private final SessionLimit flows;
  private final MultiThreadIoEventLoopGroup group;
  private final Captures captures;
  private final Scrape scrape;
  private @Nullable AdminServer admin;
  private volatile Snapshot snapshot;
  private volatile boolean draining;

  /** What runs on one loop. */
  private record Worker(Loop loop, TcpRelay tcp, UdpRelay udp) {}

  /**
   * A daemon that is not yet listening.
   *
   * @throws ConfigException if a program can't be loaded from its jar
   */
  public Daemon(Config config) throws ConfigException {
    this.snapshot = Snapshot.of(config, null, resolver);
    this.connections = new SessionLimit(config.limits().connections());
    this.flows = new SessionLimit(config.limits().flows());
    int loops = config.loops() > 0 ? config.loops() : Runtime.getRuntime().availableProcessors();
    this.group =
        new MultiThreadIoEventLoopGroup(
            loops, new DefaultThreadFactory("sluice-loop", true), EpollIoHandler.newFactory());
    BufferLimit buffers = new BufferLimit(64L << 20);
    List<Captures.Worker> capturing = new ArrayList<>();
    for (int i = 0; i < loops; i++) {
      Loop loop = new Loop(group.next(), i, buffers);
      AcceptGate gate = new AcceptGate(loop, connections, counters);
      Steering steering = new Steering(() -> snapshot, counters);
      long halfClosedMillis = config.limits().halfClosed().toMillis();
      TcpRelay tcp =
          new TcpRelay(loop, steering, gate, ownSources, this::isCaptured, halfClosedMillis);
      UdpRelay udp = new UdpRelay(loop, steering, flows, ownSources, this::isCaptured);
      workers.add(new Worker(loop, tcp, udp));
      capturing.add(new Captures.Worker(loop, gate, tcp, udp));
    }
    this.captures = new Captures(capturing);
    this.scrape = new Scrape(() -> snapshot, counters, Version.current());
    log.info(
        "started version={} loops={} openFiles={}", Version.current(), loops, Descriptors.limit());
  }

  /**
   * Starts serving: resolves names, opens the captures and the admin server. If it fails, nothing
   * is left running.
   *
   * @throws UnmetRequirementException if a capture's method lacks something on this machine
   * @throws IOException if nothing could be captured, or a strict capture not wholly, or the admin
   *     address is taken; the message has a line for each
   */
  public void start() throws IOException, InterruptedException {
    try {
      open();
    } catch (IOException | RuntimeException failure) {
      captures.close();
      end();
      throw failure;
    }
  }

  private void open() throws IOException, InterruptedException {
    resolveNames();
    Config config = snapshot.config();
    List<Requirement> unmet = Requirements.unmet(config.captures());
    if (!unmet.stream().allMatch(Requirement::isBearable)) {
      throw new UnmetRequirementException(unmet.stream().filter(it -> !it.isBearable()).toList());
    }
    unmet.forEach(advice -> log.warn("{}", advice));
    List<Captures.Failure> failures = captures.apply(config.captures());
    refuseIfFatal(failures);
    divideDescriptors(config);
    failures.forEach(failure -> log.warn("{}", failure));
    SourceChecks.strangers(config).forEach(log::warn);
    HostPort http = config.admin().http();
    if (http != null) {
      admin =
          new AdminServer(
              http,
              new AdminServer.Pages(
                  scrape::text,
                  () -> !draining,
                  () -> StatusPage.of(snapshot, counters, Version.current())));
    }
  }

  /** As the captures say; which are made after what asks them. */
  private boolean isCaptured(Protocol protocol, Family family, long high, long low, int port) {
    return captures.contains(protocol, family, high, low, port);
  }

  private void refuseIfFatal(List<Captures.Failure> failures) throws IOException {
    boolean strict = failures.stream().anyMatch(Captures.Failure::strict);
    if (strict || (!failures.isEmpty() && captures.size() == 0)) {
      throw new IOException(String.join("\n", failures.stream().map(Object::toString).toList()));
    }
  }

  /** What traffic may have of the descriptors, now that the daemon has its own. */
  private static void divideDescriptors(Config config) throws IOException {
    Descriptors.divide();
    long connections = Descriptors.tcp().most() / Descriptors.PER_CONNECTION;
    long flows = Descriptors.udp().most();
    String room =
        ("the limit of open files is %d, which leaves room for %d connections and %d flows;"
                + " raise it with LimitNOFILE= or ulimit -n")
            .formatted(Descriptors.limit(), connections, flows);
    if (Descriptors.areTooFew()) {
      throw new IOException(room);
    }
    if (connections < config.limits().connections() || flows < config.limits().flows()) {
      log.warn("{}, or lower limits.connections and limits.flows", room);
    }
  }

  private void resolveNames() throws InterruptedException {
    for (String name : resolver.awaitFirstAnswers(RESOLVE_MILLIS)) {
      log.warn("target name has no address yet name={}", name);
    }
  }

  /** The admin server's address as it can be asked, with the port that it really has; or null. */
  public @Nullable HostPort adminAddress() {
    return admin == null ? null : admin.address();
  }

  /**
   * Puts a configuration into force: captures, programs, bindings and destinations change together;
   * connections and flows that exist live on. Loops and the admin address stay as they were.
   *
   * @throws ConfigException if a program can't be loaded from its jar: then nothing has changed
   */
  public void reload(Config config) throws ConfigException, InterruptedException {
    Snapshot old = snapshot;
    Config before = old.config();
    Snapshot next = Snapshot.of(config, old, resolver);
    resolveNames();
    snapshot = next;
    next.inForce(old);
    connections.limit(config.limits().connections());
    flows.limit(config.limits().flows());
    long halfClosedMillis = config.limits().halfClosed().toMillis();
    for (Worker worker : workers) {
      worker.loop.execute(() -> worker.tcp.halfClosedMillis(halfClosedMillis));
    }
    for (Captures.Failure failure : captures.apply(config.captures())) {
      log.warn("{}", failure);
    }
    Descriptors.divide();
    SourceChecks.strangers(config).forEach(log::warn);
    if (config.loops() != before.loops() || !config.admin().equals(before.admin())) {
      log.warn("loops and admin have changed in the file, which takes a restart");
    }
    counters.reloads(true).increment();
    log.info(
        "reloaded generation={} bindings={} destinations={}",
        next.generation(),
        config.bindings().size(),
        config.destinations().size());
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
    long deadline = Loop.nowMillis() + snapshot.config().limits().drain().toMillis();
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
  private void end() throws InterruptedException {
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
    if (admin != null) {
      admin.close();
    }
    group.shutdownGracefully(0, 1, TimeUnit.SECONDS).await(2, TimeUnit.SECONDS);
    resolver.close();
    scrape.close();
  }

  /** The snapshot in force. */
  public Snapshot snapshot() {
    return snapshot;
  }

  public Counters counters() {
    return counters;
  }

  /** TCP sessions and UDP flows. */
  public int sessions() {
    return connections.active() + flows.active();
  }
}
