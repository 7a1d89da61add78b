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
  private static final String CAPTURED = "127.0.0.0/9";
  private static final int MOST_DESCRIPTORS = 200_000;

  private static RelayHarness relayTo(UdpPeer server) {
    return new RelayHarness(RelayHarness.at("127.0.0.1", server.port()), RelayHarness.NEVER);
  }

  @Test
  void anIdleFlowExpires() throws IOException {
    try (UdpPeer server = UdpPeer.echo();
        RelayHarness relay =
            new RelayHarness(RelayHarness.at("127.0.0.1", server.port()), Duration.ofMillis(300));
        UdpPeer client = UdpPeer.client()) {
      int port = relay.open(ANY, CAPTURED).port();
      client.ask("hello", "127.0.3.1", port);
      long answered = Loop.nowMillis();
      relay.awaitFlows(0);
      assertThat(Loop.nowMillis() - answered).isGreaterThanOrEqualTo(290);
      assertThat(relay.ends(SessionEnd.IDLE)).isEqualTo(1);
      client.ask("hello again", "127.0.3.1", port);
      assertThat(server.sources()).hasSize(2);
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
    try (UdpPeer server = new UdpPeer("127.0.0.1", 0).serve(push);
        RelayHarness relay =
            new RelayHarness(RelayHarness.at("127.0.0.1", server.port()), Duration.ofSeconds(1));
        UdpPeer client = UdpPeer.client()) {
      int port = relay.open(ANY, CAPTURED).port();
      client.send("subscribe", "127.0.3.1", port);
      for (int i = 0; i < 20; i++) {
        assertThat(client.receive().text()).isEqualTo("subscribe");
      }
      assertThat(relay.ends(SessionEnd.IDLE)).isZero();
      relay.awaitFlows(0);
    }
  }

  @Test
  void atTheLimitTheOldestUnansweredFlowMakesRoom() throws IOException {
    try (UdpPeer server = UdpPeer.echoIfAsked();
        RelayHarness relay = relayTo(server);
        UdpPeer client = UdpPeer.client()) {
      relay.limit.limit(3);
      int port = relay.open(ANY, CAPTURED).port();
      client.send("first", "127.0.3.1", port);
      client.ask("answer", "127.0.3.2", port);
      client.send("third", "127.0.3.3", port);
      client.send("fourth", "127.0.3.4", port); // the first goes
      eventually(() -> assertThat(server.heard()).hasSize(4));
      assertThat(relay.ends(SessionEnd.EVICTED)).isEqualTo(1);
      client.send("third again", "127.0.3.3", port);
      client.ask("answer again", "127.0.3.2", port);
      eventually(() -> assertThat(server.heard()).hasSize(6));
      assertThat(server.sources()).hasSize(4); // both were still there
      client.send("first again", "127.0.3.1", port); // the third goes
      eventually(() -> assertThat(server.heard()).hasSize(7));
      client.send("fourth again", "127.0.3.4", port);
      eventually(() -> assertThat(server.heard()).hasSize(8));
      assertThat(server.sources()).hasSize(5);
      assertThat(relay.ends(SessionEnd.EVICTED)).isEqualTo(2);
      assertThat(relay.drops(Refusal.FLOW_LIMIT)).isZero();
      relay.shutdown();
    }
  }

  @Test
  void nobodyElseGetsThePlaceOfTheFlowThatMakesRoom() throws Exception {
    AtomicBoolean isOver = new AtomicBoolean();
    try (UdpPeer server = UdpPeer.echoIfAsked();
        RelayHarness relay = relayTo(server);
        UdpPeer client = UdpPeer.client()) {
      relay.limit.limit(1);
      int port = relay.open(ANY, CAPTURED).port();
      client.send("first", "127.0.3.1", port);
      relay.awaitFlows(1);
      Thread otherLoop =
          Thread.ofPlatform()
              .start(() -> {
                while (!isOver.get()) {
                  if (relay.limit.tryOpen()) {
                    relay.limit.close();
                  }
                }
              });
      try {
        for (int i = 2; i < 2_000; i++) {
          client.send("next", "127.0." + (3 + i / 250) + "." + (1 + i % 250), port);
        }
        await().until(() -> relay.ends(SessionEnd.EVICTED) + relay.drops(Refusal.FLOW_LIMIT) > 500);
      } finally {
        isOver.set(true);
        otherLoop.join();
      }
      assertThat(relay.drops(Refusal.FLOW_LIMIT)).isZero();
    }
  }

  @Test
  void amongAnsweredFlowsTheOneThatIsIdleLongestMakesRoom() throws IOException {
    try (UdpPeer server = UdpPeer.echo();
        RelayHarness relay = relayTo(server);
        UdpPeer client = UdpPeer.client()) {
      relay.limit.limit(2);
      int port = relay.open(ANY, CAPTURED).port();
      client.ask("1", "127.0.3.1", port);
      client.ask("2", "127.0.3.2", port);
      client.ask("1 again", "127.0.3.1", port);
      client.ask("3", "127.0.3.3", port); // the second goes
      client.ask("1 once more", "127.0.3.1", port);
      assertThat(server.sources()).hasSize(3);
      assertThat(relay.ends(SessionEnd.EVICTED)).isEqualTo(1);
      assertThat(relay.drops(Refusal.FLOW_LIMIT)).isZero();
    }
  }

  @Test
  void forgedQuestionsToATargetThatAnswersLockNobodyOut() throws IOException {
    try (UdpPeer server = UdpPeer.echo();
        RelayHarness relay = relayTo(server);
        UdpPeer flooder = UdpPeer.client();
        UdpPeer client = UdpPeer.client()) {
      relay.limit.limit(50);
      int port = relay.open(ANY, CAPTURED).port();
      for (int i = 0; i < 500; i++) {
        flooder.ask("forged", "127.1." + i / 250 + "." + (i % 250 + 1), port);
      }
      assertThat(client.ask("new", "127.0.3.1", port).text()).isEqualTo("new");
      assertThat(relay.relay.flows()).isLessThanOrEqualTo(50);
      assertThat(relay.drops(Refusal.FLOW_LIMIT)).isZero();
    }
  }

  @Test
  void aFlowEndsWithTheLastAnswerThatItsDestinationExpects() throws IOException {
    UdpPeer.Service twice =
        (server, datagram) -> {
          server.answer(datagram);
          server.answer(datagram);
        };
    try (UdpPeer server = new UdpPeer("127.0.0.1", 0).serve(twice);
        RelayHarness relay = RelayHarness.yaml(to(server) + ", responses: 2");
        UdpPeer client = UdpPeer.client()) {
      int port = relay.open(ANY, CAPTURED).port();
      assertThat(client.ask("question", "127.0.3.1", port).text()).isEqualTo("question");
      assertThat(client.receive().text()).isEqualTo("question");
      relay.awaitFlows(0);
      assertThat(relay.ends(SessionEnd.ANSWERED)).isEqualTo(1);
      relay.shutdown();
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
    try (UdpPeer server = new UdpPeer("127.0.0.1", 0).serve(onceInPairs);
        RelayHarness relay = RelayHarness.yaml(to(server) + ", responses: 1");
        UdpPeer client = UdpPeer.client()) {
      int port = relay.open(ANY, CAPTURED).port();
      for (int round = 0; round < 3; round++) {
        client.send("first", "127.0.3.1", port);
        client.send("second", "127.0.3.1", port);
        assertThat(client.receive().text()).isEqualTo("first");
        assertThat(client.receive().text()).isEqualTo("second");
        relay.awaitFlows(0);
      }
      assertThat(server.sources()).hasSize(3);
    }
  }

  @Test
  void withOneAnswerPerQuestionAThousandClientsNeedFewFlows() throws IOException {
    try (UdpPeer server = UdpPeer.echo();
        RelayHarness relay = RelayHarness.yaml(to(server) + ", responses: 1");
        UdpPeer client = UdpPeer.client()) {
      relay.limit.limit(4);
      int port = relay.open(ANY, CAPTURED).port();
      for (int i = 0; i < 1_000; i++) {
        String question = "" + i;
        assertThat(client.ask(question, "127.1." + i / 250 + "." + (i % 250 + 1), port).text())
            .isEqualTo(question);
      }
      relay.awaitFlows(0);
      assertThat(relay.ends(SessionEnd.ANSWERED)).isEqualTo(1_000);
    }
  }

  @Test
  void whatAClientSaysDoesntKeepAFlowToATargetThatHasStoppedAnswering() throws Exception {
    try (UdpPeer server = UdpPeer.echoIfAsked();
        RelayHarness relay =
            new RelayHarness(RelayHarness.at("127.0.0.1", server.port()), Duration.ofMillis(500));
        UdpPeer client = UdpPeer.client()) {
      int port = relay.open(ANY, CAPTURED).port();
      client.ask("answer", "127.0.3.1", port);
      await()
          .pollInterval(Duration.ofMillis(50))
          .untilAsserted(() -> {
            client.send("on and on", "127.0.3.1", port);
            assertThat(relay.ends(SessionEnd.IDLE)).isEqualTo(1);
          });
      eventually(() -> assertThat(server.sources()).hasSizeGreaterThan(1));
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
    try (UdpPeer server = new UdpPeer("127.0.0.1", 0).serve(slow);
        RelayHarness relay =
            new RelayHarness(RelayHarness.at("127.0.0.1", server.port()), Duration.ofSeconds(1));
        UdpPeer client = UdpPeer.client()) {
      int port = relay.open(ANY, CAPTURED).port();
      client.ask("early", "127.0.3.1", port);
      Pace.pause(700); // of the flow's second
      assertThat(client.ask("late", "127.0.3.1", port).text()).isEqualTo("late");
      assertThat(server.sources()).hasSize(1);
    }
  }

  private static String to(UdpPeer server) {
    return "targets: [\"127.0.0.1:" + server.port() + "\"]";
  }

  @Test
  void aFloodOfUnansweredFlowsHarmsNoAnsweredOne() throws IOException {
    try (UdpPeer server = UdpPeer.echoIfAsked();
        RelayHarness relay = relayTo(server);
        UdpPeer client = UdpPeer.client();
        UdpPeer flooder = UdpPeer.client()) {
      relay.limit.limit(50);
      int port = relay.open(ANY, CAPTURED).port();
      client.ask("answer", "127.0.3.1", port);
      for (int i = 0; i < 2_000; i++) {
        flooder.send("forged", "127.1." + i / 256 + "." + i % 256, port);
      }
      assertThat(client.ask("answer again", "127.0.3.1", port).text()).isEqualTo("answer again");
      assertThat(relay.relay.flows()).isLessThanOrEqualTo(50);
      assertThat(relay.ends(SessionEnd.EVICTED)).isGreaterThan(1_000);
      assertThat(relay.drops(Refusal.FLOW_LIMIT)).isZero();
      relay.shutdown();
    }
  }

  @Test
  void theDestinationsOwnLimitHolds() throws IOException {
    try (UdpPeer server = UdpPeer.echo();
        RelayHarness relay =
            new RelayHarness(RelayHarness.at("127.0.0.1", server.port()), RelayHarness.NEVER, 1);
        UdpPeer client = UdpPeer.client()) {
      int port = relay.open(ANY, CAPTURED).port();
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
      int front = relay.open(ANY, CAPTURED).port();
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
      int front = relay.open(ANY, CAPTURED).port();
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
    try (UdpPeer server = UdpPeer.echo();
        RelayHarness relay = relayTo(server);
        UdpPeer client = UdpPeer.client()) {
      int port = relay.open(ANY, CAPTURED).port();
      client.ask("1", "127.0.3.1", port);
      relay.run(relay.relay::drain);
      client.send("2", "127.0.3.2", port);
      client.ask("3", "127.0.3.1", port);
      assertThat(relay.drops(Refusal.DRAINING)).isEqualTo(1);
      assertThat(server.sources()).hasSize(1);
    }
  }

  @Test
  void twoThousandFlowsLeaveNoDescriptorBehind() throws IOException {
    try (UdpPeer server = UdpPeer.echo();
        RelayHarness relay = relayTo(server);
        UdpPeer client = UdpPeer.client()) {
      int before = openDescriptors();
      int port = relay.open(ANY, CAPTURED).port();
      for (int i = 0; i < 2_000; i++) {
        client.ask("" + i, "127.0." + i / 250 + "." + (i % 250 + 1), port);
      }
      assertThat(relay.relay.flows()).isEqualTo(2_000);
      assertThat(relay.destination().traffic().active()).isEqualTo(2_000);
      assertThat(openDescriptors()).isGreaterThanOrEqualTo(before + 2_000);
      relay.shutdown();
      assertThat(openDescriptors()).isEqualTo(before);
      assertThat(relay.ends(SessionEnd.SHUTDOWN)).isEqualTo(2_000);
      assertThat(relay.destination().targets().getFirst().active()).isZero();
    }
  }

  @Test
  void withoutDescriptorsTheOldestUnansweredFlowMakesRoom() throws IOException {
    try (UdpPeer server = UdpPeer.echoIfAsked();
        RelayHarness relay = relayTo(server);
        UdpPeer client = UdpPeer.client()) {
      int port = relay.open(ANY, CAPTURED).port();
      client.ask("answer", "127.0.3.1", port); // loads all classes, too
      client.send("no answer", "127.0.3.2", port);
      relay.awaitFlows(2);
      List<Integer> hoard = hoardDescriptors();
      try {
        assertThat(client.ask("answer", "127.0.3.3", port).text()).isEqualTo("answer");
        assertThat(client.ask("answer me", "127.0.3.1", port).text()).isEqualTo("answer me");
        // Nobody is unanswered now: the one that is idle longest goes.
        assertThat(client.ask("answer", "127.0.3.4", port).text()).isEqualTo("answer");
        assertThat(client.ask("answer us", "127.0.3.1", port).text()).isEqualTo("answer us");
        assertThat(relay.drops(Refusal.NO_DESCRIPTORS)).isZero();
      } finally {
        Syscalls syscalls = new Syscalls();
        hoard.forEach(syscalls::close);
      }
      assertThat(relay.ends(SessionEnd.EVICTED)).isEqualTo(2);
      assertThat(server.sources()).hasSize(4);
      relay.shutdown();
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
