package io.sluice.proxy.flow;

import static io.sluice.proxy.TestDaemon.eventually;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.sluice.proxy.Pace;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.observe.SessionEnd;
import io.sluice.proxy.target.Target;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.StandardSocketOptions;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** When a flow leaves its target, and what may not become a flow. */
class FlowMovesTest {
  private static final String ANY = "0.0.0.0";
  private static final String CAPTURED = "127.0.3.0/24";

  private static String targets(String... targets) {
    return "targets: [" + String.join(", ", targets) + "]";
  }

  private static String at(UdpPeer server) {
    return "\"127.0.0.1:" + server.port() + "\"";
  }

  private static String weighing(int weight, UdpPeer server) {
    return "{address: " + at(server) + ", weight: " + weight + "}";
  }

  @Test
  void aFlowStaysAtATargetThatAReloadKeeps() throws IOException {
    try (UdpPeer before = UdpPeer.echo();
        UdpPeer after = UdpPeer.echo();
        RelayHarness relay = RelayHarness.yaml(targets(at(before)));
        UdpPeer client = UdpPeer.client()) {
      int port = relay.open(ANY, CAPTURED).port();
      client.ask("1", "127.0.3.1", port);
      relay.reload(targets(weighing(1, before), weighing(1000, after)) + ", idleTimeout: 30s");
      client.ask("2", "127.0.3.1", port);
      assertThat(before.heard()).hasSize(2);
      assertThat(before.sources()).hasSize(1);
      assertThat(relay.ends(SessionEnd.MOVED)).isZero();
      relay.shutdown();
    }
  }

  @Test
  void aFlowLeavesATargetThatAReloadTookAway() throws IOException {
    try (UdpPeer before = UdpPeer.echo();
        UdpPeer after = UdpPeer.echo();
        RelayHarness relay = RelayHarness.yaml(targets(at(before)));
        UdpPeer client = UdpPeer.client()) {
      int port = relay.open(ANY, CAPTURED).port();
      client.ask("1", "127.0.3.1", port);
      relay.reload(targets(at(after)));
      client.ask("2", "127.0.3.1", port);
      assertThat(before.heard()).hasSize(1);
      assertThat(after.heard()).hasSize(1);
      assertThat(relay.ends(SessionEnd.MOVED)).isEqualTo(1);
      relay.shutdown();
    }
  }

  @Test
  void aFlowLeavesATargetWhoseWeightBecameZero() throws IOException {
    try (UdpPeer before = UdpPeer.echo();
        UdpPeer after = UdpPeer.echo();
        RelayHarness relay = RelayHarness.yaml(targets(weighing(1, before), weighing(0, after)));
        UdpPeer client = UdpPeer.client()) {
      int port = relay.open(ANY, CAPTURED).port();
      client.ask("1", "127.0.3.1", port);
      relay.reload(targets(weighing(0, before), weighing(1, after)));
      client.ask("2", "127.0.3.1", port);
      client.ask("3", "127.0.3.1", port);
      assertThat(before.heard()).hasSize(1);
      assertThat(after.heard()).hasSize(2);
      assertThat(after.sources()).hasSize(1);
      relay.shutdown();
    }
  }

  @Test
  void flowsLeaveATargetThatFallsSilent() throws Exception {
    try (UdpPeer dying = UdpPeer.echoIfAsked();
        UdpPeer living = UdpPeer.echo();
        RelayHarness relay =
            RelayHarness.yaml(
                targets(weighing(1000, dying), weighing(1, living)) + ", select: round-robin");
        UdpPeer client = UdpPeer.client()) {
      int port = relay.open(ANY, CAPTURED).port();
      for (int i = 1; i <= 4; i++) {
        client.ask("answer", "127.0.3." + i, port);
      }
      Target target = relay.destination().targets().getFirst();
      await()
          .pollInterval(Duration.ofMillis(200))
          .untilAsserted(() -> {
            for (int i = 1; i <= 4; i++) {
              client.send("nothing", "127.0.3." + i, port);
            }
            assertThat(target.isUp()).isFalse();
          });
      client.send("nothing", "127.0.3.1", port);
      assertThat(client.receive().text()).isEqualTo("nothing"); // by the other one
      assertThat(relay.ends(SessionEnd.MOVED)).isPositive();
    }
  }

  @Test
  void aTargetThatNeverAnswersIsNotSilent() throws Exception {
    try (UdpPeer syslog = UdpPeer.echoIfAsked();
        RelayHarness relay = RelayHarness.yaml(targets(at(syslog)));
        UdpPeer client = UdpPeer.client()) {
      int port = relay.open(ANY, CAPTURED).port();
      for (int round = 0; round < 18; round++) {
        for (int i = 1; i <= 4; i++) {
          client.send("a line", "127.0.3." + i, port);
        }
        Pace.pause(200); // in all for longer than a silence lasts
      }
      eventually(() -> assertThat(syslog.heard()).hasSize(72));
      assertThat(syslog.sources()).hasSize(4);
      assertThat(relay.destination().targets().getFirst().isUp()).isTrue();
    }
  }

  @Test
  void aDatagramBetweenTwoCapturedAddressesDoesNotCircle() throws IOException {
    try (UdpPeer server = UdpPeer.echo();
        RelayHarness relay = RelayHarness.yaml(targets(at(server)));
        UdpPeer client = UdpPeer.client()) {
      int port = relay.open(ANY, CAPTURED).port();
      int other = relay.open(ANY, "127.0.5.0/24").port();
      forge("127.0.5.1", other, "127.0.3.1", port);
      relay.awaitDrops(Refusal.OWN_SOURCE, 1);
      client.ask("barrier", "127.0.3.1", port);
      assertThat(server.heard()).extracting(UdpPeer.Datagram::text).containsExactly("barrier");
    }
  }

  @Test
  void whereSuchSourcesAreAllowedOurOwnReplyIsRefused() throws IOException {
    try (UdpPeer server = UdpPeer.echo();
        RelayHarness relay = RelayHarness.yaml(targets(at(server)));
        UdpPeer client = UdpPeer.client()) {
      int port = relay.open(ANY, CAPTURED).port();
      int other = relay.open(ANY, "127.0.5.0/24").port();
      relay.reload(
          targets(at(server)),
          """
          capture:
            - {name: edge, protocols: [udp], addresses: [127.0.3.0/24, 127.0.5.0/24], ports: [%d, %d],
               allowCapturedSources: true}
          """
              .formatted(port, other));
      forge("127.0.5.1", other, "127.0.3.1", port);
      relay.awaitDrops(Refusal.LOOP, 1);
      client.ask("barrier", "127.0.3.1", port);
      assertThat(server.heard())
          .extracting(UdpPeer.Datagram::text)
          .containsExactly("round and round", "barrier");
      relay.shutdown();
    }
  }

  /** Sends from an address and port that the relay captures, and holds them no longer. */
  private static void forge(String from, int fromPort, String to, int port) throws IOException {
    try (DatagramSocket forger = new DatagramSocket(null)) {
      forger.setOption(StandardSocketOptions.SO_REUSEPORT, true);
      forger.bind(UdpPeer.address(from, fromPort));
      byte[] payload = "round and round".getBytes(UTF_8);
      forger.send(new DatagramPacket(payload, payload.length, UdpPeer.address(to, port)));
    }
  }
}
