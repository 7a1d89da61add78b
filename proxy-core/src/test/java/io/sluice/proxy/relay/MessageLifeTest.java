package io.sluice.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.admin.Scrape;
import io.sluice.proxy.loop.SessionLimit;
import io.sluice.proxy.observe.SessionEnd;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * How sessions with {@code affinity: message} live and end, whoever breaks, and what counts them.
 */
@Timeout(60)
final class MessageLifeTest extends MessageScene {
  @Test
  void anIdleSessionEnds() throws Exception {
    start(servers(1, ""), LINES, "idleTimeout: 300ms");
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, "a\n");
      assertThat(client.getInputStream().read()).isEqualTo(-1);
    }
    daemon().awaitEnds(SessionEnd.IDLE, 1);
  }

  private Scrape scrape() {
    SessionLimit none = new SessionLimit(1);
    return new Scrape(daemon()::snapshot, List::of, none, none, daemon().counters(), "test");
  }

  @Test
  void theMetricsCountMessagesAndWhatWasThrownAway() throws Exception {
    start(servers(1, ""), LINES);
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, "a\nb\npart");
    }
    daemon().awaitEnds(SessionEnd.CLIENT_CLOSED, 1);
    try (Scrape scrape = scrape()) {
      ByteArrayOutputStream text = new ByteArrayOutputStream();
      scrape.writeTo(text);
      assertThat(text.toString(StandardCharsets.UTF_8))
          .contains("sluice_messages_total{label=\"web\",protocol=\"tcp\"} 2.0")
          .contains(
              "sluice_messages_dropped_total{label=\"web\",protocol=\"tcp\",reason=\"truncated\"}"
                  + " 1.0")
          .doesNotContain("too_large");
    }
  }

  /** Every end there is, in random order: whatever happens, nothing stays behind. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void aStormOfBreakingClientsAndTargetsLeavesNothingBehind(long seed) throws Exception {
    Random random = new Random(seed);
    List<TestServer> moody = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      Random mood = new Random(random.nextLong());
      moody.add(
          TestServer.start(connection -> {
            byte[] bytes = new byte[1000];
            int left;
            synchronized (mood) {
              left = mood.nextInt(20_000);
            }
            for (int count = 0; count >= 0 && left > 0; left -= count) {
              count = connection.getInputStream().read(bytes);
              connection.getOutputStream().write(bytes, 0, Math.max(0, count) / 2);
            }
            if (left % 2 == 0) {
              Streams.reset(connection);
            }
          }));
    }
    List<Integer> ports = new ArrayList<>(moody.stream().map(TestServer::port).toList());
    ports.add(TestDaemon.freePort());
    start(targets(ports), LINES, "select: round-robin, parserTimeout: 500ms, retries: 3");
    List<Thread> clients = new ArrayList<>();
    for (int i = 0; i < 60; i++) {
      Random mood = new Random(random.nextLong());
      clients.add(Thread.ofVirtual().start(() -> storm(mood)));
    }
    for (Thread client : clients) {
      assertThat(client.join(Duration.ofSeconds(20))).as("seed %d", seed).isTrue();
    }
    daemon().awaitSessions(0);
    assertThat(daemon().ends(SessionEnd.FAILED)).as("seed %d", seed).isZero();
    assertThat(daemon().destination().targets()).allMatch(it -> it.active() == 0);
    for (TestServer server : moody) {
      server.close();
    }
  }

  private void storm(Random mood) {
    try (Socket client = Streams.connect(port)) {
      for (int i = mood.nextInt(30); i > 0; i--) {
        Streams.send(client, "z".repeat(mood.nextInt(3000)) + (mood.nextInt(9) == 0 ? "" : "\n"));
      }
      switch (mood.nextInt(4)) {
        case 0 -> Streams.reset(client);
        case 1 -> client.shutdownOutput();
        case 2 -> Streams.send(client, "q".repeat(70_000));
        default -> {
          return; // it closes
        }
      }
      if (!client.isClosed()) {
        Streams.Read _ = Streams.readAll(client.getInputStream());
      }
    } catch (IOException _) {
      // That is what a storm is.
    }
  }

  @Test
  void aSessionOutlivesAReload() throws Exception {
    String targets = servers(1, "");
    start(targets, LINES);
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, "a\n");
      awaitLines(1);
      daemon().reload(TestDaemon.web(1, port, targets + ", " + LINES + ", retries: 7"));
      Streams.send(client, "b\n");
      awaitLines(2);
    }
    daemon().awaitEnds(SessionEnd.CLIENT_CLOSED, 1);
    assertThat(daemon().destination().traffic().messages.sum()).isEqualTo(2);
  }
}
