package io.sluice.proxy;

import static io.sluice.proxy.TestDaemon.until;
import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.admin.HttpAsker;
import io.sluice.proxy.control.Daemon;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketException;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What a scrape says, of a daemon with real traffic. */
final class MetricsTest {
  private final int port = TestDaemon.freePort();
  private final int closed = TestDaemon.freePort();
  private @Nullable Daemon daemon;

  private void start(String yaml) throws IOException, InterruptedException {
    daemon =
        new Daemon(
            TestDaemon.config("loops: 1\nadmin: {http: \"127.0.0.1:0\", socket: none}\n" + yaml));
    daemon.start();
  }

  private String scrape() throws IOException {
    return new HttpAsker(Objects.requireNonNull(Objects.requireNonNull(daemon).adminAddress()))
        .get("/metrics");
  }

  @AfterEach
  void stop() throws InterruptedException {
    if (daemon != null) {
      int _ = daemon.stop();
    }
  }

  @Test
  void oneThousandIdleDestinationsAreAtMostFiveThousandLines() throws Exception {
    String destinations =
        IntStream.range(0, 1_000)
            .mapToObj("{label: l%d, protocol: tcp, targets: [\"127.0.0.1:9\"]}"::formatted)
            .collect(Collectors.joining(","));
    start(
        """
        bindings: [{label: l0, protocol: tcp, prefix: 127.0.0.1/32, port: %d}]
        destinations: [%s]
        """
            .formatted(port, destinations));
    String text = scrape();
    assertThat(text).contains("sluice_target_state{label=\"l999\",target=\"tcp:127.0.0.1:9\"");
    assertThat(text.lines().count()).isLessThanOrEqualTo(5_000);
  }

  @Test
  void aTargetHasItsSessionsBytesConnectTimesAndFailures() throws Exception {
    try (TestServer server =
        TestServer.start(
            connection -> connection.getInputStream().transferTo(connection.getOutputStream()))) {
      start(
          """
          bindings: [{label: web, protocol: tcp, prefix: 127.0.0.1/32, port: %d}]
          destinations:
            - {label: web, protocol: tcp, select: round-robin, retries: 1, maxConnections: 7,
               targets: ["127.0.0.1:%d", "127.0.0.1:%d"]}
          """
              .formatted(port, server.port(), closed));
      for (int i = 0; i < 2; i++) {
        try (Socket client = Streams.connect(port)) {
          Streams.send(client, "12345");
          client.shutdownOutput();
          assertThat(client.getInputStream().readAllBytes()).asString().isEqualTo("12345");
        }
      }
      until(
          "both have ended",
          () -> scrape().contains("\nsluice_sessions_active{label=\"web\",protocol=\"tcp\"} 0.0"));
      String good = "{label=\"web\",target=\"tcp:127.0.0.1:%d\"".formatted(server.port());
      String bad = "{label=\"web\",target=\"tcp:127.0.0.1:%d\"".formatted(closed);
      assertThat(scrape())
          .contains("\nsluice_target_sessions_total" + good + "} 2.0")
          .contains("\nsluice_target_sessions_active" + good + "} 0.0")
          .contains("\nsluice_target_bytes_total" + good + ",direction=\"in\"} 10.0")
          .contains("\nsluice_target_bytes_total" + good + ",direction=\"out\"} 10.0")
          .contains("\nsluice_target_connect_seconds_bucket" + good + ",le=\"1.0E-4\"} ")
          .contains("\nsluice_target_connect_seconds_bucket" + good + ",le=\"30.0\"} 2")
          .contains("\nsluice_target_connect_seconds_count" + good + "} 2")
          .contains("\nsluice_target_failures_total" + bad + ",reason=\"connect_refused\"} 1.0")
          .contains("\nsluice_sessions_limit{label=\"web\",protocol=\"tcp\"} 7.0")
          .contains("\nsluice_connections_limit ")
          .doesNotContain("\nsluice_target_sessions_total" + bad)
          .doesNotContain("\nsluice_target_failures_total" + good)
          .doesNotContain("sluice_target_check_good{");
    }
  }

  @Test
  void aRefusalIsCountedByLabelAndReason() throws Exception {
    start(
        """
        bindings: [{label: web, protocol: tcp, prefix: 127.0.0.1/32, port: %d}]
        destinations: [{label: web, protocol: tcp, targets: ["127.0.0.1:%d"]}]
        """
            .formatted(port, closed));
    try (Socket client = Streams.connect(port)) {
      assertThat(Streams.isReset(client)).isTrue();
    } catch (SocketException _) {
      // reset before it was used
    }
    String series = "\nsluice_refusals_total{label=\"web\",protocol=\"tcp\",reason=";
    until("it is counted", () -> scrape().contains(series + "\"connect_refused\"} 1.0"));
    assertThat(scrape()).doesNotContain(series + "\"connect_timeout\"");
  }

  @Test
  void aCheckedTargetHasItsLastCheck() throws Exception {
    start(
        """
        bindings: [{label: web, protocol: tcp, prefix: 127.0.0.1/32, port: %d}]
        destinations:
          - {label: web, protocol: tcp, targets: ["127.0.0.1:%d"], check: {tcp: {}, interval: 1s}}
        """
            .formatted(port, closed));
    String series = "{label=\"web\",target=\"tcp:127.0.0.1:%d\"".formatted(closed);
    until("it was asked", () -> scrape().contains("\nsluice_target_check_good" + series + "} 0.0"));
    assertThat(scrape())
        .contains("\nsluice_target_check_seconds" + series)
        .contains("\nsluice_target_check_timestamp_seconds" + series);
    until(
        "it is down",
        () -> scrape().contains("\nsluice_target_state" + series + ",state=\"down\"} 1.0"));
  }
}
