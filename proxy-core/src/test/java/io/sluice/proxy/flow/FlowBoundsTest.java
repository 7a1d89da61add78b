package io.sluice.proxy.flow;

import static io.sluice.proxy.TestDaemon.eventually;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.proxy.Pace;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.observe.SessionEnd;
import java.io.File;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/** How flows begin and end, and how many there may be. */
class FlowBoundsTest {
  private static final String ANY = "0.0.0.0";
  private static final int MOST_DESCRIPTORS = 200_000;

  @Test
  void anIdleFlowExpires() throws IOException {
    try (UdpScene scene = UdpScene.of(UdpPeer.echo(), Duration.ofMillis(300))) {
      scene.ask("hello", "127.0.3.1");
      long answered = Loop.nowMillis();
      scene.relay.awaitFlows(0);
      assertThat(Loop.nowMillis() - answered).isGreaterThanOrEqualTo(290);
      assertThat(scene.relay.ends(SessionEnd.IDLE)).isEqualTo(1);
      scene.ask("hello again", "127.0.3.1");
      assertThat(scene.server.sources()).hasSize(2);
    }
  }

  @Test
  void datagramsOfEitherDirectionKeepAFlowAlive() throws Exception {
    UdpPeer.Service push =
        (server, datagram) -> {
          for (int i = 0; i < 20; i++) {
            server.answer(datagram);
            Pace.pause(100);
          }
        };
    try (UdpScene scene = UdpScene.of(UdpScene.serving(push), Duration.ofSeconds(1))) {
      scene.send("subscribe", "127.0.3.1");
      for (int i = 0; i < 20; i++) {
        assertThat(scene.client.receive().text()).isEqualTo("subscribe");
      }
      assertThat(scene.relay.ends(SessionEnd.IDLE)).isZero();
      scene.relay.awaitFlows(0);
    }
  }

  @Test
  void atTheLimitTheOldestUnansweredFlowMakesRoom() throws IOException {
    try (UdpScene scene = UdpScene.of(UdpPeer.echoIfAsked())) {
      scene.relay.limit.limit(3);
      scene.send("first", "127.0.3.1");
      scene.ask("answer", "127.0.3.2");
      scene.send("third", "127.0.3.3");
      scene.send("fourth", "127.0.3.4"); // the first goes
      eventually(() -> assertThat(scene.server.heard()).hasSize(4));
      assertThat(scene.relay.ends(SessionEnd.EVICTED)).isEqualTo(1);
      scene.send("third again", "127.0.3.3");
      scene.ask("answer again", "127.0.3.2");
      eventually(() -> assertThat(scene.server.heard()).hasSize(6));
      assertThat(scene.server.sources()).hasSize(4); // both were still there
      scene.send("first again", "127.0.3.1"); // the third goes
      eventually(() -> assertThat(scene.server.heard()).hasSize(7));
      scene.send("fourth again", "127.0.3.4");
      eventually(() -> assertThat(scene.server.heard()).hasSize(8));
      assertThat(scene.server.sources()).hasSize(5);
      assertThat(scene.relay.ends(SessionEnd.EVICTED)).isEqualTo(2);
      assertThat(scene.relay.drops(Refusal.FLOW_LIMIT)).isZero();
      scene.relay.shutdown();
    }
  }

  @Test
  void nobodyElseGetsThePlaceOfTheFlowThatMakesRoom() throws Exception {
    AtomicBoolean isOver = new AtomicBoolean();
    try (UdpScene scene = UdpScene.of(UdpPeer.echoIfAsked())) {
      scene.relay.limit.limit(1);
      scene.send("first", "127.0.3.1");
      scene.relay.awaitFlows(1);
      Thread otherLoop =
          Thread.ofPlatform()
              .start(() -> {
                while (!isOver.get()) {
                  if (scene.relay.limit.tryOpen()) {
                    scene.relay.limit.close();
                  }
                }
              });
      try {
        for (int i = 2; i < 2_000; i++) {
          scene.send("next", "127.0." + (3 + i / 250) + "." + (1 + i % 250));
        }
        await()
            .until(() ->
                scene.relay.ends(SessionEnd.EVICTED) + scene.relay.drops(Refusal.FLOW_LIMIT) > 500);
      } finally {
        isOver.set(true);
        otherLoop.join();
      }
      assertThat(scene.relay.drops(Refusal.FLOW_LIMIT)).isZero();
    }
  }

  @Test
  void amongAnsweredFlowsTheOneThatIsIdleLongestMakesRoom() throws IOException {
    try (UdpScene scene = UdpScene.of(UdpPeer.echo())) {
      scene.relay.limit.limit(2);
      scene.ask("1", "127.0.3.1");
      scene.ask("2", "127.0.3.2");
      scene.ask("1 again", "127.0.3.1");
      scene.ask("3", "127.0.3.3"); // the second goes
      scene.ask("1 once more", "127.0.3.1");
      assertThat(scene.server.sources()).hasSize(3);
      assertThat(scene.relay.ends(SessionEnd.EVICTED)).isEqualTo(1);
      assertThat(scene.relay.drops(Refusal.FLOW_LIMIT)).isZero();
    }
  }

  @Test
  void forgedQuestionsToATargetThatAnswersLockNobodyOut() throws IOException {
    try (UdpScene scene = UdpScene.of(UdpPeer.echo());
        UdpPeer flooder = UdpPeer.client()) {
      scene.relay.limit.limit(50);
      for (int i = 0; i < 500; i++) {
        flooder.ask("forged", "127.1." + i / 250 + "." + (i % 250 + 1), scene.port);
      }
      assertThat(scene.ask("new", "127.0.3.1").text()).isEqualTo("new");
      assertThat(scene.relay.relay.flows()).isLessThanOrEqualTo(50);
      assertThat(scene.relay.drops(Refusal.FLOW_LIMIT)).isZero();
    }
  }

  @Test
  void aFlowEndsWithTheLastAnswerThatItsDestinationExpects() throws IOException {
    UdpPeer.Service twice =
        (server, datagram) -> {
          server.answer(datagram);
          server.answer(datagram);
        };
    try (UdpScene scene = UdpScene.yaml(UdpScene.serving(twice), it -> to(it) + ", responses: 2")) {
      assertThat(scene.ask("question", "127.0.3.1").text()).isEqualTo("question");
      assertThat(scene.client.receive().text()).isEqualTo("question");
      scene.relay.awaitFlows(0);
      assertThat(scene.relay.ends(SessionEnd.ANSWERED)).isEqualTo(1);
      scene.relay.shutdown();
    }
  }

  @Test
  void aFlowWaitsForAsManyAnswersAsItHasQuestions() throws IOException {
    UdpPeer.Service onceInPairs =
        (server, datagram) -> {
          if (server.heard().size() % 2 == 0) {
            server.answer(server.heard().get(server.heard().size() - 2));
            server.answer(datagram);
          }
        };
    try (UdpScene scene =
        UdpScene.yaml(UdpScene.serving(onceInPairs), it -> to(it) + ", responses: 1")) {
      for (int round = 0; round < 3; round++) {
        scene.send("first", "127.0.3.1");
        scene.send("second", "127.0.3.1");
        assertThat(scene.client.receive().text()).isEqualTo("first");
        assertThat(scene.client.receive().text()).isEqualTo("second");
        scene.relay.awaitFlows(0);
      }
      assertThat(scene.server.sources()).hasSize(3);
    }
  }

  @Test
  void withOneAnswerPerQuestionAThousandClientsNeedFewFlows() throws IOException {
    try (UdpScene scene = UdpScene.yaml(UdpPeer.echo(), it -> to(it) + ", responses: 1")) {
      scene.relay.limit.limit(4);
      for (int i = 0; i < 1_000; i++) {
        String question = "" + i;
        assertThat(scene.ask(question, "127.1." + i / 250 + "." + (i % 250 + 1)).text())
            .isEqualTo(question);
      }
      scene.relay.awaitFlows(0);
      assertThat(scene.relay.ends(SessionEnd.ANSWERED)).isEqualTo(1_000);
    }
  }

  @Test
  void whatAClientSaysDoesntKeepAFlowToATargetThatHasStoppedAnswering() throws Exception {
    try (UdpScene scene = UdpScene.of(UdpPeer.echoIfAsked(), Duration.ofMillis(500))) {
      scene.ask("answer", "127.0.3.1");
      await()
          .pollInterval(Duration.ofMillis(50))
          .untilAsserted(() -> {
            scene.send("on and on", "127.0.3.1");
            assertThat(scene.relay.ends(SessionEnd.IDLE)).isEqualTo(1);
          });
      eventually(() -> assertThat(scene.server.sources()).hasSizeGreaterThan(1));
    }
  }

  @Test
  void aQuestionLateInAFlowsIdleTimeHasTheWholeTimeForItsAnswer() throws Exception {
    UdpPeer.Service slow =
        (server, datagram) -> {
          if (datagram.text().equals("late")) {
            Pace.pause(700);
          }
          server.answer(datagram);
        };
    try (UdpScene scene = UdpScene.of(UdpScene.serving(slow), Duration.ofSeconds(1))) {
      scene.ask("early", "127.0.3.1");
      Pace.pause(700); // of the flow's second
      assertThat(scene.ask("late", "127.0.3.1").text()).isEqualTo("late");
      assertThat(scene.server.sources()).hasSize(1);
    }
  }

  private static String to(UdpPeer server) {
    return "targets: [" + UdpScene.at(server) + "]";
  }

  @Test
  void aFloodOfUnansweredFlowsHarmsNoAnsweredOne() throws IOException {
    try (UdpScene scene = UdpScene.of(UdpPeer.echoIfAsked());
        UdpPeer flooder = UdpPeer.client()) {
      scene.relay.limit.limit(50);
      scene.ask("answer", "127.0.3.1");
      for (int i = 0; i < 2_000; i++) {
        flooder.send("forged", "127.1." + i / 256 + "." + i % 256, scene.port);
      }
      assertThat(scene.ask("answer again", "127.0.3.1").text()).isEqualTo("answer again");
      assertThat(scene.relay.relay.flows()).isLessThanOrEqualTo(50);
      assertThat(scene.relay.ends(SessionEnd.EVICTED)).isGreaterThan(1_000);
      assertThat(scene.relay.drops(Refusal.FLOW_LIMIT)).isZero();
      scene.relay.shutdown();
    }
  }

  @Test
  void theDestinationsOwnLimitHolds() throws IOException {
    try (UdpPeer server = UdpPeer.echo();
        RelayHarness relay =
            new RelayHarness(RelayHarness.at("127.0.0.1", server.port()), RelayHarness.NEVER, 1);
        UdpPeer client = UdpPeer.client()) {
      int port = relay.open(ANY, UdpScene.CAPTURED).port();
      client.ask("1", "127.0.3.1", port);
      client.send("2", "127.0.3.2", port);
      relay.awaitDrops(Refusal.DESTINATION_LIMIT, 1);
      assertThat(relay.limit.active()).isEqualTo(1);
      relay.shutdown();
    }
  }

  @Test
  void anUnreachablePortIsCountedAndTheNextDatagramLookedUpAnew() throws IOException {
    int port;
    try (UdpPeer gone = UdpPeer.echo()) {
      port = gone.port();
    }
    try (RelayHarness relay =
            new RelayHarness(RelayHarness.at("127.0.0.1", port), RelayHarness.NEVER);
        UdpPeer client = UdpPeer.client()) {
      int front = relay.open(ANY, UdpScene.CAPTURED).port();
      client.send("lost", "127.0.3.1", front);
      relay.awaitDrops(Refusal.PORT_UNREACHABLE, 1);
      relay.awaitFlows(0);
      assertThat(relay.ends(SessionEnd.UNREACHABLE)).isEqualTo(1);
      assertThat(relay.limit.active()).isZero();
      try (UdpPeer _ = new UdpPeer("127.0.0.1", port).serve(UdpPeer::answer)) {
        assertThat(client.ask("found", "127.0.3.1", front).text()).isEqualTo("found");
      }
      client.send("lost again", "127.0.3.1", front); // an answered flow ends just so
      relay.awaitDrops(Refusal.PORT_UNREACHABLE, 2);
      relay.awaitFlows(0);
    }
  }

  @Test
  void aBurstToAnUnreachablePortEndsItsFlows() throws Exception {
    int port;
    try (UdpPeer gone = UdpPeer.echo()) {
      port = gone.port();
    }
    try (RelayHarness relay =
            new RelayHarness(RelayHarness.at("127.0.0.1", port), RelayHarness.NEVER);
        UdpPeer client = UdpPeer.client()) {
      int front = relay.open(ANY, UdpScene.CAPTURED).port();
      for (int i = 0; i < 200; i++) {
        client.send("lost", "127.0.3." + i % 2, front);
      }
      eventually(() -> {
        assertThat(relay.drops(Refusal.PORT_UNREACHABLE)).isPositive();
        assertThat(relay.relay.flows()).isZero();
      });
      assertThat(relay.drops(Refusal.PORT_UNREACHABLE))
          .isEqualTo(relay.ends(SessionEnd.UNREACHABLE));
      relay.shutdown();
    }
  }

  @Test
  void aDrainingRelayKeepsItsFlowsAndTakesNoNewOnes() throws IOException {
    try (UdpScene scene = UdpScene.of(UdpPeer.echo())) {
      scene.ask("1", "127.0.3.1");
      scene.relay.run(scene.relay.relay::drain);
      scene.send("2", "127.0.3.2");
      scene.ask("3", "127.0.3.1");
      assertThat(scene.relay.drops(Refusal.DRAINING)).isEqualTo(1);
      assertThat(scene.server.sources()).hasSize(1);
    }
  }

  @Test
  void twoThousandFlowsLeaveNoDescriptorBehind() throws IOException {
    try (UdpScene scene = UdpScene.of(UdpPeer.echo())) {
      int before = openDescriptors();
      for (int i = 0; i < 2_000; i++) {
        scene.ask("" + i, "127.0." + i / 250 + "." + (i % 250 + 1));
      }
      assertThat(scene.relay.relay.flows()).isEqualTo(2_000);
      assertThat(scene.relay.destination().traffic().active()).isEqualTo(2_000);
      assertThat(openDescriptors()).isGreaterThanOrEqualTo(before + 2_000);
      scene.relay.shutdown();
      assertThat(openDescriptors()).isEqualTo(before - 1); // the capture's socket, too
      assertThat(scene.relay.ends(SessionEnd.SHUTDOWN)).isEqualTo(2_000);
      assertThat(scene.relay.destination().targets().getFirst().active()).isZero();
    }
  }

  @Test
  void withoutDescriptorsTheOldestUnansweredFlowMakesRoom() throws IOException {
    try (UdpScene scene = UdpScene.of(UdpPeer.echoIfAsked())) {
      scene.ask("answer", "127.0.3.1"); // loads all classes, too
      scene.send("no answer", "127.0.3.2");
      scene.relay.awaitFlows(2);
      List<Integer> hoard = hoardDescriptors();
      try {
        assertThat(scene.ask("answer", "127.0.3.3").text()).isEqualTo("answer");
        assertThat(scene.ask("answer me", "127.0.3.1").text()).isEqualTo("answer me");
        // Nobody is unanswered now: the one that is idle longest goes.
        assertThat(scene.ask("answer", "127.0.3.4").text()).isEqualTo("answer");
        assertThat(scene.ask("answer us", "127.0.3.1").text()).isEqualTo("answer us");
        assertThat(scene.relay.drops(Refusal.NO_DESCRIPTORS)).isZero();
      } finally {
        Syscalls syscalls = new Syscalls();
        hoard.forEach(syscalls::close);
      }
      assertThat(scene.relay.ends(SessionEnd.EVICTED)).isEqualTo(2);
      assertThat(scene.server.sources()).hasSize(4);
      scene.relay.shutdown();
    }
  }

  /** Opens sockets until there are no more descriptors. */
  private static List<Integer> hoardDescriptors() {
    Syscalls syscalls = new Syscalls();
    List<Integer> hoard = new ArrayList<>();
    int result = syscalls.socket(Linux.AF_UNIX, Linux.SOCK_DGRAM);
    while (result >= 0 && hoard.size() < MOST_DESCRIPTORS) {
      hoard.add(result);
      result = syscalls.socket(Linux.AF_UNIX, Linux.SOCK_DGRAM);
    }
    if (result != -Linux.EMFILE) {
      hoard.forEach(syscalls::close);
    }
    assumeTrue(result == -Linux.EMFILE, "this machine's limit of open files is too high to reach");
    return hoard;
  }

  private static int openDescriptors() {
    return Objects.requireNonNull(new File("/proc/self/fd").list()).length;
  }
}
