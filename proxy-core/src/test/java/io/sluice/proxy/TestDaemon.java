package io.sluice.proxy;

import static org.awaitility.Awaitility.await;

import io.sluice.config.Config;
import io.sluice.config.ConfigException;
import io.sluice.config.ConfigReader;
import io.sluice.proxy.capture.CaptureState;
import io.sluice.proxy.control.Daemon;
import io.sluice.proxy.control.RefusedException;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.name.Resolver;
import io.sluice.proxy.observe.Counters;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.observe.SessionEnd;
import io.sluice.proxy.target.Destination;
import io.sluice.steering.Protocol;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.awaitility.core.ThrowingRunnable;
import org.jspecify.annotations.Nullable;

/** The real daemon, in this process, for tests: without admin server, and stopped without drain. */
public final class TestDaemon implements AutoCloseable {
  private static final Duration BOUND = Duration.ofSeconds(10);
  private static final int FIRST_PORT = 10_000;
  private static final int EPHEMERAL_PORTS = 32_768; // Linux's default: clients get these
  private static final int MOST_FORKS = 8;
  private static final int PORTS = (EPHEMERAL_PORTS - FIRST_PORT) / MOST_FORKS;
  private static final int FORK = Integer.getInteger("sluice.fork", 0) % MOST_FORKS;
  private static final AtomicInteger nextPort =
      new AtomicInteger(ThreadLocalRandom.current().nextInt(PORTS));

  private final Daemon daemon;

  private TestDaemon(Daemon daemon) {
    this.daemon = daemon;
  }

  /**
   * Starts it.
   *
   * @param yaml a configuration; version, admin and limits may be left out
   */
  public static TestDaemon start(String yaml) throws IOException, InterruptedException {
    Daemon daemon = new Daemon(config(yaml));
    daemon.start();
    return new TestDaemon(daemon);
  }

  /** Starts one with the configuration {@link #web}. */
  public static TestDaemon start(int loops, int port, String destination)
      throws IOException, InterruptedException {
    return start(web(loops, port, destination));
  }

  /**
   * A configuration that takes a port of 127.0.0.1 to the destination {@code web}.
   *
   * @param destination its keys but the label and protocol, as in a YAML flow map
   */
  public static String web(int loops, int port, String destination) {
    return """
    loops: %d
    bindings: [{label: web, protocol: tcp, prefix: 127.0.0.1/32, port: %d}]
    destinations: [{label: web, protocol: tcp, %s}]
    """
        .formatted(loops, port, destination);
  }

  /** Reads a configuration, completing it as {@link #start(String)} does. */
  public static Config config(String yaml) {
    StringBuilder whole = new StringBuilder("version: 1\n");
    if (!yaml.contains("admin:")) {
      whole.append("admin: {http: none}\n");
    }
    if (!yaml.contains("limits:")) {
      whole.append("limits: {drain: 0s}\n");
    }
    try {
      return ConfigReader.read("test", whole.append(yaml).toString(), Map.of());
    } catch (ConfigException bad) {
      throw new IllegalArgumentException(bad);
    }
  }

  /** The snapshot of a configuration of which it is known that it can be used. */
  public static Snapshot snapshot(Config config, @Nullable Snapshot previous, Resolver resolver) {
    try {
      return Snapshot.of(config, previous, resolver);
    } catch (ConfigException bad) {
      throw new IllegalArgumentException(bad);
    }
  }

  /**
   * A port that was free a moment ago on every address, and that no client is given by itself. Each
   * is given once in a long while: who asked before may not have bound it yet. JVMs that run tests
   * side by side have ranges of their own.
   */
  public static int freePort() {
    while (true) {
      int port = FIRST_PORT + FORK * PORTS + nextPort.getAndIncrement() % PORTS;
      try (ServerSocket probe = new ServerSocket()) {
        probe.setReuseAddress(false); // nor one that is in TIME_WAIT yet
        probe.bind(new InetSocketAddress(port));
        return port;
      } catch (IOException _) {
        // Taken: another one.
      }
    }
  }

  public void reload(String yaml) throws RefusedException, InterruptedException {
    daemon.reload(config(yaml));
  }

  /** Prepares a reload, and doesn't put it into force. */
  public void prepareAndGiveUp(String yaml) throws RefusedException, InterruptedException {
    daemon.prepare(config(yaml)).close();
  }

  /** Whether each capture is there. */
  public List<CaptureState> captureStates() {
    return daemon.captureStates();
  }

  /** Looks once at what is wanted and what is there, as the daemon does every second. */
  public void reconcile() {
    daemon.reconcile();
  }

  public Snapshot snapshot() {
    return daemon.snapshot();
  }

  public Counters counters() {
    return daemon.counters();
  }

  public int sessions() {
    return daemon.sessions();
  }

  /** How many TCP connections were refused for this reason. */
  public long drops(Refusal reason) {
    return counters().drops(reason, Protocol.TCP).sum();
  }

  /** How many sessions of the first destination ended so. */
  public long ends(SessionEnd end) {
    return destination().traffic().ends(end).sum();
  }

  /** The first destination. */
  public Destination destination() {
    return snapshot().destinations().getFirst();
  }

  /** Waits until there are so many sessions. */
  public void awaitSessions(int count) {
    until(count + " sessions", () -> sessions() == count);
  }

  public void awaitDrops(Refusal reason, long count) {
    until(count + " dropped as " + reason, () -> drops(reason) == count);
  }

  public void awaitEnds(SessionEnd end, long count) {
    until(count + " ended as " + end, () -> ends(end) == count);
  }

  /** Waits for a condition, with a bound. */
  public static void until(String what, Callable<Boolean> condition) {
    await(what).atMost(BOUND).pollInterval(Duration.ofMillis(5)).until(condition);
  }

  /** Waits until an assertion holds, with a bound. */
  public static void eventually(ThrowingRunnable assertion) {
    await().atMost(BOUND).pollInterval(Duration.ofMillis(5)).untilAsserted(assertion);
  }

  /**
   * Waits until a number has grown and then stands still, as what is sent does once all queues on
   * its way are full.
   *
   * @return the number
   */
  public static long untilStill(String what, Callable<Long> number) {
    AtomicLong last = new AtomicLong();
    await(what + " stands still")
        .atMost(BOUND)
        .pollInterval(Duration.ofMillis(300))
        .until(() -> {
          long now = number.call();
          return last.getAndSet(now) == now && now > 0;
        });
    return last.get();
  }

  @Override
  public void close() {
    try {
      int _ = daemon.stop();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }
}
