package io.sluice.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Pace;
import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.observe.SessionEnd;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.ValueSource;

/** Bounds of time and number, and targets that can't be reached. */
@ParameterizedClass(name = "loops={0}")
@ValueSource(ints = {1, 2})
@Timeout(30)
final class TcpLimitsTest {
  @Parameter int loops;

  private final int port = TestDaemon.freePort();

  /** A daemon with these limits. */
  private TestDaemon limited(String limits, String destination) throws Exception {
    return TestDaemon.start(
        "limits: {drain: 0s, " + limits + "}\n" + TestDaemon.web(loops, port, destination));
  }

  @Test
  void aHalfClosedSessionThatStandsStillEnds() throws Exception {
    try (TestServer server = TestServer.start(TestServer.SILENT);
        TestDaemon daemon = limited("halfClosed: 300ms", server.targets());
        Socket client = Streams.connect(port)) {
      daemon.awaitSessions(1);
      long start = System.nanoTime();
      client.shutdownOutput();
      assertThat(client.getInputStream().read()).isEqualTo(-1);
      long tookMillis = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
      assertThat(tookMillis).isGreaterThanOrEqualTo(290);
      daemon.awaitEnds(SessionEnd.HALF_CLOSED, 1);
      daemon.awaitSessions(0);
    }
  }

  @Test
  void aHalfClosedSessionLivesAsLongAsItMoves() throws Exception {
    TestServer.Handler dripping =
        connection -> {
          for (int i = 0; i < 10; i++) {
            Pace.pause(150);
            connection.getOutputStream().write('.');
          }
        };
    try (TestServer server = TestServer.start(dripping);
        TestDaemon daemon = limited("halfClosed: 600ms", server.targets());
        Socket client = Streams.connect(port)) {
      client.shutdownOutput();
      assertThat(Streams.text(client, 20)).isEqualTo("..........");
      daemon.awaitEnds(SessionEnd.CLIENT_CLOSED, 1);
    }
  }

  /** Between two moments when the daemon could write, such a reader takes longer than the bound. */
  @Test
  void aSlowReaderIsNotTakenForOneThatStandsStill() throws Exception {
    int bytes = 6_000_000;
    try (TestServer server = TestServer.start(TestServer.PROTOCOL);
        TestDaemon daemon = limited("halfClosed: 200ms", server.targets());
        Socket client = new Socket()) {
      client.setReceiveBufferSize(32 << 10);
      client.connect(new InetSocketAddress(Streams.LOOPBACK, port));
      Streams.send(client, "DL " + bytes + "\n");
      client.shutdownOutput();
      assertThat(Streams.readSlowly(client.getInputStream(), 16 << 10, 5))
          .isEqualTo(new Streams.Read(bytes, Streams.patternChecksum(bytes), false));
      daemon.awaitEnds(SessionEnd.CLIENT_CLOSED, 1);
    }
  }

  @Test
  void aReaderThatStopsGetsAResetRatherThanAnEndThatIsNone() throws Exception {
    try (TestServer server = TestServer.start(TestServer.PROTOCOL);
        TestDaemon daemon = limited("halfClosed: 200ms", server.targets());
        Socket client = new Socket()) {
      client.setReceiveBufferSize(32 << 10);
      client.connect(new InetSocketAddress(Streams.LOOPBACK, port));
      Streams.send(client, "DL 50000000\n");
      client.shutdownOutput();
      daemon.awaitEnds(SessionEnd.HALF_CLOSED, 1);
      Streams.Read read = Streams.readAll(client.getInputStream());
      assertThat(read.bytes()).isLessThan(50_000_000);
      assertThat(read.reset()).isTrue();
    }
  }

  @Test
  void anIdleSessionEnds() throws Exception {
    try (TestServer server = TestServer.start(TestServer.PROTOCOL);
        TestDaemon daemon =
            TestDaemon.start(loops, port, server.targets() + ", idleTimeout: 300ms");
        Socket client = Streams.connect(port)) {
      Streams.send(client, "ECHO\n");
      for (int i = 0; i < 10; i++) {
        Pace.pause(100);
        Streams.send(client, "x");
        assertThat(Streams.text(client, 1)).isEqualTo("x");
      }
      long start = System.nanoTime();
      assertThat(client.getInputStream().read()).isEqualTo(-1);
      assertThat(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start))
          .isGreaterThanOrEqualTo(250);
      daemon.awaitEnds(SessionEnd.IDLE, 1);
      daemon.awaitSessions(0);
    }
  }

  @Test
  void aTargetThatDoesNotAnswerIsGivenUpAfterConnectTimeout() throws Exception {
    List<Socket> waiting = new ArrayList<>();
    try (ServerSocket full = new ServerSocket(0, 1, Streams.LOOPBACK);
        TestDaemon daemon =
            TestDaemon.start(
                loops,
                port,
                "targets: [\"127.0.0.1:%d\"], connectTimeout: 300ms"
                    .formatted(full.getLocalPort()))) {
      fillBacklog(full, waiting);
      try (Socket client = Streams.connect(port)) {
        long start = System.nanoTime();
        assertThat(Streams.isReset(client)).isTrue();
        assertThat(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start))
            .isGreaterThanOrEqualTo(250);
      }
      daemon.awaitDrops(Refusal.CONNECT_TIMEOUT, 1);
      daemon.awaitSessions(0);
    } finally {
      for (Socket socket : waiting) {
        socket.close();
      }
    }
  }

  /** Connects until the kernel drops the SYN, as it does when the backlog is full. */
  private static void fillBacklog(ServerSocket full, List<Socket> waiting) throws IOException {
    while (waiting.size() < 100) {
      Socket socket = new Socket();
      waiting.add(socket);
      try {
        socket.connect(new InetSocketAddress(Streams.LOOPBACK, full.getLocalPort()), 200);
      } catch (SocketTimeoutException _) {
        return;
      }
    }
    throw new IllegalStateException("the backlog never fills");
  }

  @Test
  void anotherTargetIsTriedWhenOneRefuses() throws Exception {
    int closed = TestDaemon.freePort();
    try (TestServer server = TestServer.start(TestServer.PROTOCOL);
        TestDaemon daemon =
            TestDaemon.start(
                loops,
                port,
                "targets: [\"127.0.0.1:%d\", \"127.0.0.1:%d\"], select: round-robin"
                    .formatted(closed, server.port()))) {
      for (int i = 0; i < 20; i++) {
        try (Socket client = Streams.connect(port)) {
          Streams.send(client, "DL 10\n");
          assertThat(Streams.readAll(client.getInputStream()).bytes()).isEqualTo(10);
        }
      }
      daemon.awaitEnds(SessionEnd.TARGET_CLOSED, 20);
      assertThat(daemon.drops(Refusal.CONNECT_REFUSED)).isZero();
      assertThat(daemon.destination().targets().getFirst().isUp()).isFalse();
      daemon.awaitSessions(0);
    }
  }

  @Test
  void aClientIsResetWhenEveryTargetRefuses() throws Exception {
    try (TestDaemon daemon =
        TestDaemon.start(
            loops,
            port,
            "targets: [\"127.0.0.1:%d\", \"127.0.0.1:%d\"]"
                .formatted(TestDaemon.freePort(), TestDaemon.freePort()))) {
      for (int i = 0; i < 10; i++) {
        assertThat(Streams.isReset("127.0.0.1", port)).isTrue();
      }
      daemon.awaitDrops(Refusal.CONNECT_REFUSED, 10);
      daemon.awaitSessions(0);
      assertThat(daemon.destination().targets()).allMatch(target -> target.active() == 0);
    }
  }

  @Test
  void aDestinationTakesNoMoreThanMaxConnections() throws Exception {
    try (TestServer server = TestServer.start(TestServer.PROTOCOL);
        TestDaemon daemon =
            TestDaemon.start(loops, port, server.targets() + ", maxConnections: 2");
        Socket first = Streams.connect(port);
        Socket second = Streams.connect(port)) {
      daemon.awaitSessions(2);
      assertThat(Streams.isReset("127.0.0.1", port)).isTrue();
      assertThat(daemon.drops(Refusal.DESTINATION_LIMIT)).isEqualTo(1);
      first.shutdownOutput(); // the server ends it then
      daemon.awaitSessions(1);
      try (Socket fourth = Streams.connect(port)) {
        Streams.send(fourth, "DL 10\n");
        assertThat(Streams.readAll(fourth.getInputStream()).bytes()).isEqualTo(10);
      }
      Streams.send(second, "DL 10\n");
      assertThat(Streams.readAll(second.getInputStream()).bytes()).isEqualTo(10);
    }
  }

  @Test
  void connectionsBeyondTheLimitWaitUntilOthersEnd() throws Exception {
    try (TestServer server = TestServer.start(TestServer.PROTOCOL);
        TestDaemon daemon = limited("connections: 2", server.targets());
        Socket first = Streams.connect(port);
        Socket second = Streams.connect(port)) {
      daemon.awaitSessions(2);
      AtomicReference<Streams.Read> read = new AtomicReference<>();
      List<Thread> waiting = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        waiting.add(Thread.ofVirtual().start(() -> read.set(download())));
      }
      TestDaemon.until("they wait to be accepted", () -> Streams.unaccepted(port) == 5);
      assertThat(read.get()).isNull();
      assertThat(server.accepted()).isEqualTo(2);
      first.shutdownOutput(); // the server ends it then
      for (Thread thread : waiting) {
        thread.join();
      }
      assertThat(read.get().bytes()).isEqualTo(1_000);
      assertThat(server.accepted()).isEqualTo(7);
      second.shutdownOutput();
      daemon.awaitSessions(0);
    }
  }

  private Streams.Read download() {
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, "DL 1000\n");
      return Streams.readAll(client.getInputStream());
    } catch (IOException failure) {
      return new Streams.Read(-1, 0, false);
    }
  }
}
