package io.sluice.proxy;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.admin.HttpAsker;
import io.sluice.proxy.control.Daemon;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The daemon's admin server, asked by raw sockets. */
final class AdminTest {
  private Daemon daemon;
  private HttpAsker asker;

  @BeforeEach
  void start() throws Exception {
    int port = TestDaemon.freePort();
    String bindings =
        IntStream.range(0, 300)
            .mapToObj(i ->
                "{label: l%d, protocol: tcp, prefix: 127.0.0.1/32, port: %d}"
                    .formatted(i, port + i))
            .collect(Collectors.joining(","));
    String destinations =
        IntStream.range(0, 300)
            .mapToObj("{label: l%d, protocol: tcp, targets: [\"127.0.0.1:9\"]}"::formatted)
            .collect(Collectors.joining(","));
    daemon =
        new Daemon(
            TestDaemon.config(
                """
                loops: 1
                capture: [{name: one, protocols: [tcp], addresses: [127.0.0.1/32], ports: [%d]}]
                admin: {http: "127.0.0.1:0"}
                bindings: [%s]
                destinations: [%s]
                """
                    .formatted(port, bindings, destinations)));
    daemon.start();
    asker = new HttpAsker(Objects.requireNonNull(daemon.adminAddress()));
  }

  @AfterEach
  void stop() throws InterruptedException {
    int _ = daemon.stop();
  }

  @Test
  void whoPipelinesAndDoesNotReadHoldsNobodyUp() throws IOException {
    String request = "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    try (Socket _ = asker.send(request.repeat((62 << 10) / request.length()))) {
      for (int i = 0; i < 5; i++) {
        assertThat(asker.get("/livez")).startsWith("HTTP/1.1 200 ").endsWith("ok\n");
      }
      assertThat(asker.get("/metrics")).contains("\nsluice_generation 1");
    }
  }

  @Test
  void oneThousandConnectionsLeaveLivenessAnsweredAndDescriptorsFree() throws IOException {
    List<Socket> sitting = new ArrayList<>();
    try {
      for (int i = 0; i < 1024; i++) {
        sitting.add(asker.send("GET /livez HTTP/1.1\r\nHo"));
      }
      assertThat(asker.get("/livez")).startsWith("HTTP/1.1 200 ").endsWith("ok\n");
      assertThat(HttpAsker.isEnded(sitting.getFirst())).as("the oldest gives way").isTrue();
    } finally {
      for (Socket socket : sitting) {
        socket.close();
      }
    }
  }

  @Test
  void aRequestThatTricklesInHasATimeAsAWhole() throws Exception {
    try (Socket socket = asker.send("GET /livez HTTP/1.1\r\nX: ")) {
      socket.setSoTimeout(100);
      boolean isEnded = false;
      for (int i = 0; i < 300 && !isEnded; i++) {
        try {
          socket.getOutputStream().write('x');
          isEnded = socket.getInputStream().read() < 0;
        } catch (SocketTimeoutException _) {
          // It is still open.
        } catch (IOException _) {
          isEnded = true;
        }
      }
      assertThat(isEnded).isTrue();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "GET, /livez, 127.0.0.1:9901, 200",
    "GET, /livez, localhost, 200",
    "GET, /livez, [::1]:9901, 200",
    "HEAD, /metrics, 127.0.0.1, 200",
    "GET, /metrics, evil.example, 421",
    "GET, /, evil.example:9901, 421",
    "GET, /, 127.0.0.1.evil.example, 421",
    "GET, /%00, 127.0.0.1, 400",
    "GET, /%0, 127.0.0.1, 400",
    "GET, /%zz, 127.0.0.1, 400",
    "GET, /nope, 127.0.0.1, 404",
    "GET, /a%20b, 127.0.0.1, 404",
    "POST, /metrics, 127.0.0.1, 405",
  })
  void everyRequestGetsItsStatus(String method, String path, String host, int status)
      throws IOException {
    String answer =
        asker.ask(
            method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n");
    assertThat(answer).startsWith("HTTP/1.1 " + status + " ");
  }

  @Test
  void linesAndHeadersHaveBounds() throws IOException {
    assertThat(asker.get("/" + "x".repeat(3000))).startsWith("HTTP/1.1 414 ");
    assertThat(asker.ask("GET / HTTP/1.1\r\nX: " + "x".repeat(9000) + "\r\n\r\n"))
        .startsWith("HTTP/1.1 431 ");
    assertThat(asker.ask("GET / HTTP/1.1\r\n\r\n")).startsWith("HTTP/1.1 400 ");
  }
}
