package io.sluice.proxy.check;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Opened;
import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.health.TargetState;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.observe.SessionEnd;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Targets of a running daemon that serve, or pretend to, and what their clients get. */
@Timeout(30)
final class ChecksTest {
  private static final String HTTP =
      "check: {http: {path: /up}, interval: 50ms, timeout: 200ms, rise: 2, fall: 2}";

  @RegisterExtension final Opened open = new Opened();
  private final int port = TestDaemon.freePort();
  private volatile Behaviour behaviour = Behaviour.SERVES;
  private final AtomicInteger clients = new AtomicInteger();
  private final AtomicInteger checks = new AtomicInteger();

  /** What a server does with a check. */
  enum Behaviour {
    SERVES,
    NEVER_ANSWERS,
    RESETS,
    TRICKLES,
    SAYS_503,
    CLOSES
  }

  /** A server that tells checks from clients by the first line: a client says {@code hello}. */
  private void serve(Socket connection) throws IOException, InterruptedException {
    byte[] line = connection.getInputStream().readNBytes(5);
    if (new String(line, StandardCharsets.US_ASCII).equals("hello")) {
      clients.incrementAndGet();
      connection.getOutputStream().write("world".getBytes(StandardCharsets.US_ASCII));
      int _ = connection.getInputStream().read();
      return;
    }
    checks.incrementAndGet();
    switch (behaviour) {
      case SERVES -> say(connection, "HTTP/1.1 200 OK\r\n\r\n");
      case SAYS_503 -> say(connection, "HTTP/1.1 503 Busy\r\n\r\n");
      case NEVER_ANSWERS -> {
        byte[] _ = connection.getInputStream().readAllBytes(); // until the check gives up
      }
      case RESETS -> Streams.reset(connection);
      case CLOSES -> {}
      case TRICKLES -> trickle(connection);
    }
  }

  /** A byte a second, until the check gives up. */
  private static void trickle(Socket connection) throws IOException {
    connection.setSoTimeout(1_000);
    String answer = "HTTP/1.1 200 OK\r\n\r\n";
    for (int at = 0; at < answer.length(); at++) {
      say(connection, answer.substring(at, at + 1));
      try {
        byte[] _ = connection.getInputStream().readAllBytes();
      } catch (SocketTimeoutException _) {
        // A second has passed.
      }
    }
  }

  private static void say(Socket connection, String text) throws IOException {
    connection.getOutputStream().write(text.getBytes(StandardCharsets.US_ASCII));
  }

  private TestDaemon start(String destination) throws Exception {
    return open.add(TestDaemon.start(1, port, destination));
  }

  private static void awaitState(TestDaemon daemon, TargetState state) {
    TestDaemon.until(
        "state " + state,
        () -> daemon.destination().targets().getFirst().status().state() == state);
  }

  /** Asks through the daemon; empty if it was refused. */
  private String ask() throws IOException {
    try (Socket client = new Socket(InetAddress.getLoopbackAddress(), port)) {
      say(client, "hello");
      return new String(client.getInputStream().readNBytes(5), StandardCharsets.US_ASCII);
    } catch (SocketException _) {
      return "";
    }
  }

  @ParameterizedTest
  @EnumSource(value = Behaviour.class, names = "SERVES", mode = EnumSource.Mode.EXCLUDE)
  void aTargetWhoseCheckFailsGetsNoClientUntilItIsGoodAgain(Behaviour bad) throws Exception {
    TestServer server = open.add(TestServer.start(this::serve));
    TestDaemon daemon = start(server.targets() + ", " + HTTP);
    awaitState(daemon, TargetState.UP);
    assertThat(ask()).isEqualTo("world");

    behaviour = bad;
    awaitState(daemon, TargetState.DOWN);
    int served = clients.get();
    assertThat(ask()).isEmpty();
    assertThat(daemon.drops(Refusal.TARGETS_DOWN)).isEqualTo(1);
    assertThat(clients).hasValue(served);

    behaviour = Behaviour.SERVES;
    awaitState(daemon, TargetState.UP);
    assertThat(ask()).isEqualTo("world");
  }

  @Test
  void clientsGoToTheOtherTargetWhileOneIsDown() throws Exception {
    behaviour = Behaviour.RESETS;
    TestServer bad = open.add(TestServer.start(this::serve));
    TestServer good =
        open.add(
            TestServer.start(it -> {
              String first =
                  new String(it.getInputStream().readNBytes(5), StandardCharsets.US_ASCII);
              say(it, first.equals("hello") ? "other" : "HTTP/1.1 204 No\r\n\r\n");
              int _ = it.getInputStream().read();
            }));
    TestDaemon daemon =
        start(
            "select: round-robin, targets: ['127.0.0.1:%d', '127.0.0.1:%d'], %s"
                .formatted(bad.port(), good.port(), HTTP));
    awaitState(daemon, TargetState.DOWN);
    for (int i = 0; i < 10; i++) {
      assertThat(ask()).isEqualTo("other");
    }
    assertThat(clients).hasValue(0);
  }

  @Test
  void whatTwoDestinationsShareIsAskedOnce() throws Exception {
    TestServer server = open.add(TestServer.start(this::serve));
    String check = "check: {http: {path: /up}, interval: 1h}";
    TestDaemon daemon =
        open.add(
            TestDaemon.start(
                """
                loops: 1
                bindings:
                  - {label: a, protocol: tcp, prefix: 127.0.0.1/32, port: %d}
                  - {label: b, protocol: tcp, prefix: 127.0.0.1/32, port: %d}
                destinations:
                  - {label: a, protocol: tcp, %s, %s}
                  - {label: b, protocol: tcp, %s, %s}
                """
                    .formatted(
                        port,
                        TestDaemon.freePort(),
                        server.targets(),
                        check,
                        server.targets(),
                        check)));
    awaitState(daemon, TargetState.UP);
    assertThat(daemon.snapshot().destinations().getLast().targets().getFirst().status())
        .isEqualTo(daemon.destination().targets().getFirst().status());
    assertThat(checks).hasValue(1);
  }

  @Test
  void aReloadThatChangesOtherThingsForgetsNothing() throws Exception {
    behaviour = Behaviour.SAYS_503;
    TestServer server = open.add(TestServer.start(this::serve));
    TestDaemon daemon = start(server.targets() + ", " + HTTP);
    awaitState(daemon, TargetState.DOWN);
    var before = daemon.destination().targets().getFirst().status();

    daemon.reload(TestDaemon.web(1, port, "retries: 1, " + server.targets() + ", " + HTTP));

    assertThat(daemon.destination().targets().getFirst().status()).isEqualTo(before);
    assertThat(ask()).isEmpty();
    assertThat(clients).hasValue(0);
  }

  @Test
  void withoutItsCheckATargetIsFoundOutByTrafficAgain() throws Exception {
    behaviour = Behaviour.SAYS_503;
    TestServer server = open.add(TestServer.start(this::serve));
    TestDaemon daemon = start(server.targets() + ", " + HTTP);
    awaitState(daemon, TargetState.DOWN);

    daemon.reload(TestDaemon.web(1, port, server.targets()));

    TestDaemon.until("a client is served", () -> ask().equals("world"));
    assertThat(daemon.destination().targets().getFirst().isUp()).isTrue();
  }

  @Test
  void sessionsOfATargetThatGoesDownAreKeptUnlessOnDownClosesThem() throws Exception {
    TestServer server = open.add(TestServer.start(this::serve));
    TestDaemon daemon = start(server.targets() + ", " + HTTP);
    try (Socket kept = session()) {
      behaviour = Behaviour.SAYS_503;
      awaitState(daemon, TargetState.DOWN);
      assertThat(daemon.sessions()).isEqualTo(1);
      say(kept, "x");
      assertThat(kept.getInputStream().read()).isEqualTo(-1); // the server says that it is done
    }

    behaviour = Behaviour.SERVES;
    daemon.reload(TestDaemon.web(1, port, "onDown: close, " + server.targets() + ", " + HTTP));
    awaitState(daemon, TargetState.UP);
    try (Socket closed = session()) {
      behaviour = Behaviour.SAYS_503;
      assertThat(Streams.isReset(closed)).isTrue();
      daemon.awaitEnds(SessionEnd.TARGET_DOWN, 1);
    }
  }

  private Socket session() throws IOException {
    Socket client = new Socket(InetAddress.getLoopbackAddress(), port);
    say(client, "hello");
    assertThat(client.getInputStream().readNBytes(5))
        .isEqualTo("world".getBytes(StandardCharsets.US_ASCII));
    return client;
  }
}
