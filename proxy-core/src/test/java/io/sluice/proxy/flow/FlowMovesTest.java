package io.sluice.proxy.flow;

import static io.sluice.proxy.TestDaemon.eventually;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.sluice.proxy.Pace;
import io.sluice.proxy.health.Endpoint;
import io.sluice.proxy.health.Prober;
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

  private static String targets(String... targets) {
    return "targets: [" + String.join(", ", targets) + "]";
  }

  private static String weighing(int weight, UdpPeer server) {
    return "{address: " + UdpScene.at(server) + ", weight: " + weight + "}";
  }

  /** A client asks, the relay reloads, the client asks again. */
  private static void reload(UdpScene scene, String destination) throws IOException {
    scene.ask("1", "127.0.3.1");
    scene.relay.reload(destination);
    scene.ask("2", "127.0.3.1");
  }

  @Test
  void aFlowStaysAtATargetThatAReloadKeeps() throws IOException {
    try (UdpPeer other = UdpPeer.echo();
        UdpScene scene = UdpScene.yaml(UdpPeer.echo(), it -> targets(UdpScene.at(it)))) {
      reload(
          scene, targets(weighing(1, scene.server), weighing(1000, other)) + ", idleTimeout: 30s");
      assertThat(scene.server.heard()).hasSize(2);
      assertThat(scene.server.sources()).hasSize(1);
      assertThat(scene.relay.ends(SessionEnd.MOVED)).isZero();
      scene.relay.shutdown();
    }
  }

  @Test
  void aFlowLeavesATargetThatAReloadTookAway() throws IOException {
    try (UdpPeer after = UdpPeer.echo();
        UdpScene scene = UdpScene.yaml(UdpPeer.echo(), it -> targets(UdpScene.at(it)))) {
      reload(scene, targets(UdpScene.at(after)));
      assertThat(scene.server.heard()).hasSize(1);
      assertThat(after.heard()).hasSize(1);
      assertThat(scene.relay.ends(SessionEnd.MOVED)).isEqualTo(1);
      scene.relay.shutdown();
    }
  }

  @Test
  void aFlowLeavesATargetWhoseWeightBecameZero() throws IOException {
    try (UdpPeer after = UdpPeer.echo();
        UdpScene scene =
            UdpScene.yaml(UdpPeer.echo(), it -> targets(weighing(1, it), weighing(0, after)))) {
      reload(scene, targets(weighing(0, scene.server), weighing(1, after)));
      scene.ask("3", "127.0.3.1");
      assertThat(scene.server.heard()).hasSize(1);
      assertThat(after.heard()).hasSize(2);
      assertThat(after.sources()).hasSize(1);
      scene.relay.shutdown();
    }
  }

  /** Two targets, of which the first has the client's flow, and goes down. */
  private static void down(String policy, FlowOfATargetThatIsDown then) throws Exception {
    try (UdpPeer second = UdpPeer.echo();
        UdpScene scene =
            UdpScene.yaml(
                UdpPeer.echoIfAsked(),
                it -> targets(weighing(1, it), weighing(0, second)) + policy)) {
      scene.ask("answer", "127.0.3.1");
      scene.relay.reload(targets(weighing(1, scene.server), weighing(1, second)) + policy);
      Target target = scene.relay.destination().targets().getFirst();
      Endpoint endpoint = target.endpoints().getFirst();
      Prober check = () -> {};
      boolean _ = endpoint.probedBy(check);
      endpoint.refused(check, "by the test");
      then.check(scene, second);
    }
  }

  private interface FlowOfATargetThatIsDown {
    void check(UdpScene scene, UdpPeer second) throws Exception;
  }

  @Test
  void aFlowOfATargetThatIsDownMovesWithTheNextDatagram() throws Exception {
    down(
        "",
        (scene, second) -> {
          scene.ask("answer 2", "127.0.3.1");
          assertThat(second.heard()).hasSize(1);
          assertThat(scene.relay.ends(SessionEnd.MOVED)).isEqualTo(1);
        });
  }

  @Test
  void itStaysIfItIsToBeKept() throws Exception {
    down(
        ", onDown: keep",
        (scene, _) -> {
          scene.ask("answer 2", "127.0.3.1");
          assertThat(scene.server.heard()).hasSize(2);
          assertThat(scene.relay.ends(SessionEnd.MOVED)).isZero();
        });
  }

  @Test
  void itStaysAsLongAsItIsAnsweredIfOnlySilentOnesMove() throws Exception {
    down(
        ", onDown: move-silent",
        (scene, second) -> {
          scene.ask("answer", "127.0.3.1");
          assertThat(scene.relay.ends(SessionEnd.MOVED)).isZero();
          await()
              .pollInterval(Duration.ofMillis(100))
              .untilAsserted(() -> {
                scene.send("nothing", "127.0.3.1");
                assertThat(second.heard()).isNotEmpty();
              });
          assertThat(scene.server.heard())
              .hasSizeGreaterThan(2); // for a second, it was asked still
          assertThat(scene.relay.ends(SessionEnd.MOVED)).isEqualTo(1);
        });
  }

  @Test
  void flowsLeaveATargetThatFallsSilent() throws Exception {
    try (UdpPeer living = UdpPeer.echo();
        UdpScene scene =
            UdpScene.yaml(
                UdpPeer.echoIfAsked(),
                it -> targets(weighing(1000, it), weighing(1, living)) + ", select: round-robin")) {
      for (int i = 1; i <= 4; i++) {
        scene.ask("answer", "127.0.3." + i);
      }
      Target target = scene.relay.destination().targets().getFirst();
      await()
          .pollInterval(Duration.ofMillis(200))
          .untilAsserted(() -> {
            for (int i = 1; i <= 4; i++) {
              scene.send("nothing", "127.0.3." + i);
            }
            assertThat(target.isUp()).isFalse();
          });
      scene.send("nothing", "127.0.3.1");
      assertThat(scene.client.receive().text()).isEqualTo("nothing"); // by the other one
      assertThat(scene.relay.ends(SessionEnd.MOVED)).isPositive();
    }
  }

  @Test
  void aTargetThatNeverAnswersIsNotSilent() throws Exception {
    try (UdpScene scene = UdpScene.of(UdpPeer.echoIfAsked())) {
      for (int round = 0; round < 18; round++) {
        for (int i = 1; i <= 4; i++) {
          scene.send("a line", "127.0.3." + i);
        }
        Pace.pause(200); // in all for longer than a silence lasts
      }
      eventually(() -> assertThat(scene.server.heard()).hasSize(72));
      assertThat(scene.server.sources()).hasSize(4);
      assertThat(scene.relay.destination().targets().getFirst().isUp()).isTrue();
    }
  }

  @Test
  void aDatagramBetweenTwoCapturedAddressesDoesNotCircle() throws IOException {
    try (UdpScene scene = UdpScene.of(UdpPeer.echo())) {
      int other = scene.relay.open(ANY, "127.0.5.0/24").port();
      forge("127.0.5.1", other, "127.0.3.1", scene.port);
      scene.relay.awaitDrops(Refusal.OWN_SOURCE, 1);
      scene.ask("barrier", "127.0.3.1");
      assertThat(scene.server.heard())
          .extracting(UdpPeer.Datagram::text)
          .containsExactly("barrier");
    }
  }

  @Test
  void whereSuchSourcesAreAllowedOurOwnReplyIsRefused() throws IOException {
    try (UdpScene scene = UdpScene.of(UdpPeer.echo())) {
      int other = scene.relay.open(ANY, "127.0.5.0/24").port();
      scene.relay.reload(
          targets(UdpScene.at(scene.server)),
          """
          capture:
            - {name: edge, protocols: [udp], addresses: [127.0.3.0/24, 127.0.5.0/24], ports: [%d, %d],
               allowCapturedSources: true}
          """
              .formatted(scene.port, other));
      forge("127.0.5.1", other, "127.0.3.1", scene.port);
      scene.relay.awaitDrops(Refusal.LOOP, 1);
      scene.ask("barrier", "127.0.3.1");
      assertThat(scene.server.heard())
          .extracting(UdpPeer.Datagram::text)
          .containsExactly("round and round", "barrier");
      scene.relay.shutdown();
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
