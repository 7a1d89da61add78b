package io.sluice.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Opened;
import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.observe.Refusal;
import java.io.IOException;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** {@code maxConnections} of targets, and the queue of clients who wait for them. */
@Timeout(120)
final class TargetPlacesTest {
  private static final int CLIENTS = 600;
  private static final int PLACES = 50;

  @RegisterExtension final Opened opened = new Opened();
  private final int port = TestDaemon.freePort();

  /** How many connections the server has now, and had at most. */
  private final AtomicInteger now = new AtomicInteger();

  private final AtomicInteger most = new AtomicInteger();

  private TestServer server() throws IOException {
    return opened.add(
        TestServer.start(connection -> {
          most.accumulateAndGet(now.incrementAndGet(), Math::max);
          TestServer.PROTOCOL.serve(connection);
          now.decrementAndGet();
        }));
  }

  /** A daemon that accepts in order: its destination's other keys follow its targets. */
  private TestDaemon daemon(int loops, TestServer server, int places, String keys)
      throws Exception {
    String targets =
        "targets: [{address: \"127.0.0.1:%d\", maxConnections: %d}]"
            .formatted(server.port(), places);
    return opened.add(TestDaemon.start(loops, port, targets + keys));
  }

  private Socket connect() throws IOException {
    return opened.add(Streams.connect(port));
  }

  private static void awaitQueue(TestDaemon daemon, int length) {
    TestDaemon.until(
        length + " wait", () -> daemon.destination().places().line().length() == length);
  }

  @Test
  void aTargetHasNoMoreSessionsThanItMayAndAnotherTakesTheRest() throws Exception {
    TestServer one = server();
    TestServer other = server();
    TestDaemon daemon =
        opened.add(
            TestDaemon.start(
                1,
                port,
                "retries: 0, targets: [{address: \"127.0.0.1:%d\", maxConnections: 1}, {address: \"127.0.0.1:%d\", maxConnections: 2}]"
                    .formatted(one.port(), other.port())));
    Socket first = connect();
    connect();
    connect();
    TestDaemon.until("three are served", () -> one.accepted() + other.accepted() == 3);
    assertThat(one.accepted()).isEqualTo(1);
    assertThat(Streams.isRefused(this::connect, "")).isTrue();
    daemon.awaitDrops(Refusal.TARGET_LIMIT, 1);

    first.close();
    daemon.awaitSessions(2);
    connect();
    TestDaemon.until("a fourth is served", () -> one.accepted() + other.accepted() == 4);
  }

  @Test
  void whoWaitsLongestIsServedFirst() throws Exception {
    TestDaemon daemon = daemon(1, server(), 1, ", queue: {length: 10, timeout: 1m}");
    Socket before = connect();
    List<Socket> waiting = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      waiting.add(connect());
      Streams.send(waiting.get(i), "ECHO\n" + i);
      awaitQueue(daemon, i + 1);
    }
    for (int i = 0; i < 5; i++) {
      before.close();
      before = waiting.get(i);
      assertThat(Streams.text(before, 1)).isEqualTo(String.valueOf(i));
      awaitQueue(daemon, 4 - i);
    }
    assertThat(most.get()).isEqualTo(1);
  }

  @Test
  void aQueueHasALengthAndATimeout() throws Exception {
    TestDaemon daemon = daemon(1, server(), 1, ", queue: {length: 1, timeout: 300ms}");
    connect();
    Socket waiting = connect();
    awaitQueue(daemon, 1);
    assertThat(Streams.isRefused(this::connect, "")).isTrue();
    daemon.awaitDrops(Refusal.QUEUE_FULL, 1);
    assertThat(Streams.isReset(waiting)).isTrue();
    daemon.awaitDrops(Refusal.QUEUE_TIMEOUT, 1);
    awaitQueue(daemon, 0);
  }

  @Test
  void whoGivesUpLeavesTheQueue() throws Exception {
    TestDaemon daemon = daemon(1, server(), 1, ", queue: {length: 1, timeout: 1m}");
    connect();
    Socket waiting = connect();
    awaitQueue(daemon, 1);
    Streams.reset(waiting);
    awaitQueue(daemon, 0);
  }

  @Test
  void aReloadThatRaisesTheLimitServesThoseWhoWait() throws Exception {
    TestServer server = server();
    TestDaemon daemon = daemon(1, server, 1, ", queue: {timeout: 1m}");
    connect();
    connect();
    awaitQueue(daemon, 1);
    daemon.reload(TestDaemon.web(1, port, server.targets()));
    TestDaemon.until("both are served", () -> server.accepted() == 2);
  }

  @Test
  void allOfManyClientsAreServedByFewPlaces() throws Exception {
    TestServer server = server();
    TestDaemon daemon =
        daemon(2, server, PLACES, ", queue: {length: %d, timeout: 1m}".formatted(CLIENTS));
    AtomicInteger served = new AtomicInteger();
    List<Thread> clients = new ArrayList<>();
    for (int i = 0; i < CLIENTS; i++) {
      clients.add(
          Thread.ofVirtual()
              .start(() -> {
                try (Socket socket = Streams.connect(port)) {
                  Streams.send(socket, "DL 1000\n");
                  boolean isWhole =
                      Streams.readAll(socket.getInputStream()).checksum()
                          == Streams.patternChecksum(1000);
                  served.addAndGet(isWhole ? 1 : 0);
                } catch (IOException _) {
                  // Not served.
                }
              }));
    }
    for (Thread client : clients) {
      client.join();
    }
    assertThat(served.get()).isEqualTo(CLIENTS);
    assertThat(most.get()).isLessThanOrEqualTo(PLACES);
    assertThat(daemon.destination().places().line().queued().sum()).isPositive();
    daemon.awaitSessions(0);
  }
}
