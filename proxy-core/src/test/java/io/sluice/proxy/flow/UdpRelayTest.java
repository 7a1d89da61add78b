package io.sluice.proxy.flow;

import static io.sluice.proxy.TestDaemon.eventually;
import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import io.sluice.config.TargetAddress;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.target.Traffic;
import io.sluice.steering.Family;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;

/** What clients and servers see. */
class UdpRelayTest {
  private static final String ANY = "0.0.0.0";
  private static final String CAPTURED = "127.0.3.0/24";

  @ParameterizedTest
  @ValueSource(strings = {"127.0.3.0", "127.0.3.1", "127.0.3.77", "127.0.3.255"})
  void theReplyComesFromTheAddressAndPortThatWereAsked(String asked) throws IOException {
    try (UdpScene scene = UdpScene.of(UdpPeer.echo())) {
      UdpPeer.Datagram reply = scene.ask("hello", asked);
      assertThat(reply.text()).isEqualTo("hello");
      assertThat(reply.from()).isEqualTo(UdpPeer.address(asked, scene.port));
    }
  }

  @Test
  void aSocketOfOneAddressRepliesFromIt() throws IOException {
    try (UdpPeer server = UdpPeer.echo();
        RelayHarness relay = RelayHarness.to(server);
        UdpPeer client = UdpPeer.client()) {
      int port = relay.open("127.0.3.9", "127.0.3.9").port();
      UdpPeer.Datagram reply = client.ask("hello", "127.0.3.9", port);
      assertThat(reply.from()).isEqualTo(UdpPeer.address("127.0.3.9", port));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"::", "::1"})
  void anIpv6ReplyComesFromTheAddressAndPortThatWereAsked(String bound) throws IOException {
    try (UdpPeer server = new UdpPeer("::1", 0).serve(UdpPeer::answer);
        RelayHarness relay =
            new RelayHarness(RelayHarness.at("::1", server.port()), RelayHarness.NEVER);
        UdpPeer client = new UdpPeer("::1", 0)) {
      int port = relay.open(bound, "::1").port();
      UdpPeer.Datagram reply = client.ask("hello", "::1", port);
      assertThat(reply.text()).isEqualTo("hello");
      assertThat(reply.from()).isEqualTo(UdpPeer.address("::1", port));
      assertThat(relay.destination().traffic().lookups(Family.IPV6).sum()).isEqualTo(1);
    }
  }

  @Test
  void aClientOfOneFamilyReachesATargetOfTheOther() throws IOException {
    try (UdpPeer server = UdpPeer.echo();
        RelayHarness relay = RelayHarness.to(server);
        UdpPeer client = new UdpPeer("::1", 0)) {
      int port = relay.open("::", "::1").port();
      assertThat(client.ask("hello", "::1", port).text()).isEqualTo("hello");
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 1472, 1473, 65_506, 65_507})
  void everySizePassesUnharmedBothWays(int lengthBytes) throws IOException {
    byte[] payload = new byte[lengthBytes];
    new Random(lengthBytes).nextBytes(payload);
    try (UdpScene scene = UdpScene.of(UdpPeer.echo())) {
      for (int round = 0; round < 3; round++) {
        scene.client.send(payload, "127.0.3.1", scene.port);
        assertThat(scene.client.receive().payload()).isEqualTo(payload);
      }
      assertThat(scene.server.heard())
          .hasSize(3)
          .allMatch(it -> it.payload().length == lengthBytes);
      Traffic traffic = scene.relay.destination().traffic();
      assertThat(traffic.datagramsIn.sum()).isEqualTo(3);
      assertThat(traffic.bytesIn.sum()).isEqualTo(3L * lengthBytes);
      eventually(() -> assertThat(traffic.datagramsOut.sum()).isEqualTo(3));
      assertThat(traffic.bytesOut.sum()).isEqualTo(3L * lengthBytes);
    }
  }

  @Test
  void aDatagramTooLongForTheTargetsFamilyIsCountedAndHarmsNoOther() throws IOException {
    try (UdpPeer server = UdpPeer.echo();
        RelayHarness relay = RelayHarness.to(server);
        UdpPeer client = new UdpPeer("::1", 0)) {
      int port = relay.open("::", "::1").port();
      client.send(new byte[65_527], "::1", port); // IPv4 carries 20 bytes less
      relay.awaitDrops(Refusal.UPSTREAM_BUFFER, 1);
      assertThat(client.ask("hello", "::1", port).text()).isEqualTo("hello");
    }
  }

  @Test
  void aFlowIsAClientAndADestination() throws IOException {
    try (UdpScene scene = UdpScene.of(UdpPeer.echo());
        UdpPeer other = UdpPeer.client()) {
      int otherPort = scene.relay.open(ANY, CAPTURED).port();
      for (int round = 0; round < 3; round++) {
        scene.ask("one", "127.0.3.1");
        scene.ask("another address", "127.0.3.2");
        scene.client.ask("another scene.port", "127.0.3.1", otherPort);
        other.ask("another client", "127.0.3.1", scene.port);
      }
      assertThat(scene.relay.relay.flows()).isEqualTo(4);
      assertThat(scene.server.sources()).hasSize(4);
      assertThat(scene.relay.destination().traffic().lookups(Family.IPV4).sum()).isEqualTo(4);
      assertThat(scene.relay.destination().targets().getFirst().active()).isEqualTo(4);
    }
  }

  @Test
  void everyClientGetsItsOwnReplies() throws IOException {
    List<UdpPeer> clients = new ArrayList<>();
    try (UdpPeer server = UdpPeer.echo();
        RelayHarness relay = RelayHarness.to(server)) {
      int port = relay.open(ANY, CAPTURED).port();
      for (int i = 0; i < 200; i++) {
        clients.add(UdpPeer.client());
      }
      for (int round = 0; round < 5; round++) {
        for (int i = 0; i < clients.size(); i++) {
          clients.get(i).send(i + "/" + round, "127.0.3." + i, port);
        }
        for (int i = 0; i < clients.size(); i++) {
          UdpPeer.Datagram reply = clients.get(i).receive();
          assertThat(reply.text()).isEqualTo(i + "/" + round);
          assertThat(reply.from()).isEqualTo(UdpPeer.address("127.0.3." + i, port));
        }
      }
      assertThat(relay.relay.flows()).isEqualTo(200);
      assertThat(server.sources()).hasSize(200);
    } finally {
      clients.forEach(UdpPeer::close);
    }
  }

  @Test
  void aBurstThatFitsTheBuffersArrivesWholeAndInOrder() throws Exception {
    int flows = 3;
    int each = 200;
    try (UdpScene scene = UdpScene.of(UdpPeer.echo())) {
      CountDownLatch release = new CountDownLatch(1);
      scene.relay.hold(release); // so that far more waits than is read at once
      for (int i = 0; i < each; i++) {
        for (int flow = 0; flow < flows; flow++) {
          scene.send("" + i, "127.0.3." + flow);
          // Runs of one flow, too.
          if (i % 10 == 0) {
            scene.send(i + " again", "127.0.3." + flow);
          }
        }
      }
      release.countDown();
      List<List<String>> replies = List.of(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
      for (int i = 0; i < flows * (each + each / 10); i++) {
        UdpPeer.Datagram reply = scene.client.receive();
        replies.get(flowOf(reply, scene.port)).add(reply.text());
      }
      List<String> expected = new ArrayList<>();
      for (int i = 0; i < each; i++) {
        expected.add("" + i);
        if (i % 10 == 0) {
          expected.add(i + " again");
        }
      }
      assertThat(replies).allSatisfy(it -> assertThat(it).isEqualTo(expected));
    }
  }

  private static int flowOf(UdpPeer.Datagram reply, int port) {
    for (int flow = 0; flow < 3; flow++) {
      if (reply.from().equals(UdpPeer.address("127.0.3." + flow, port))) {
        return flow;
      }
    }
    throw new AssertionError("a reply from " + reply.from());
  }

  @Test
  void manyRepliesToOneDatagramArriveWholeAndInOrder() throws Exception {
    int count = 200;
    CountDownLatch go = new CountDownLatch(1);
    UdpPeer.Service manyReplies =
        (server, datagram) -> {
          try {
            boolean _ = go.await(10, TimeUnit.SECONDS);
          } catch (InterruptedException interrupted) {
            throw new IOException(interrupted);
          }
          for (int i = 0; i < count; i++) {
            server.send(new byte[] {(byte) i}, datagram.from());
          }
          server.send(new byte[] {-1}, datagram.from());
        };
    try (UdpScene scene = UdpScene.of(UdpScene.serving(manyReplies))) {
      scene.send("go", "127.0.3.1");
      eventually(() -> assertThat(scene.server.heard()).isNotEmpty());
      CountDownLatch release = new CountDownLatch(1);
      scene.relay.hold(release);
      go.countDown();
      release.countDown();
      for (int i = 0; i < count; i++) {
        assertThat(scene.client.receive().payload()).containsExactly((byte) i);
      }
      assertThat(scene.client.receive().payload()).containsExactly((byte) -1);
    }
  }

  @Test
  void anAddressOutsideTheCapturedPrefixesIsRefusedAndCounted() throws IOException {
    try (UdpPeer server = UdpPeer.echo();
        RelayHarness relay = RelayHarness.to(server);
        UdpPeer client = UdpPeer.client()) {
      int port = relay.open(ANY, CAPTURED).port();
      client.send("lost", "127.0.4.1", port);
      client.send("lost", "127.0.4.1", port);
      assertThat(client.ask("found", "127.0.3.1", port).text()).isEqualTo("found");
      assertThat(relay.drops(Refusal.NOT_CAPTURED)).isEqualTo(2);
      assertThat(relay.relay.flows()).isEqualTo(1);
      assertThat(server.heard()).hasSize(1);
    }
  }

  @Test
  void whatNoProgramAndNoListenerTakesIsRefusedAndCounted() throws IOException {
    try (UdpPeer server = UdpPeer.echo();
        RelayHarness relay = RelayHarness.to(server);
        UdpPeer client = UdpPeer.client()) {
      int port = relay.open(ANY, "127.0.0.0/8").port();
      client.send("1", "127.128.0.1", port); // the binding is of 127.0.0.0/9
      client.send("2", "127.128.0.1", port);
      relay.awaitDrops(Refusal.NO_LISTENER, 2);
      assertThat(relay.relay.flows()).isZero();
    }
  }

  @Test
  void aTargetThatIsTheRelayItselfIsRefusedAsALoop() throws IOException {
    try (RelayHarness relay = new RelayHarness(new TargetAddress.Original(0), RelayHarness.NEVER);
        UdpPeer client = UdpPeer.client()) {
      int port = relay.open(ANY, CAPTURED).port();
      client.send("round", "127.0.3.1", port);
      relay.awaitDrops(Refusal.LOOP, 1);
      client.send("and round", "127.0.3.1", port);
      relay.awaitDrops(Refusal.LOOP, 2);
      assertThat(relay.relay.flows()).isEqualTo(1);
      assertThat(relay.ownSources.isEmpty()).isFalse();
      relay.shutdown();
    }
  }

  @Test
  void aTargetOutsideTheCaptureIsNoSourceOfLoops() throws IOException {
    try (UdpPeer server = UdpPeer.echo();
        RelayHarness relay = RelayHarness.to(server);
        UdpPeer client = UdpPeer.client()) {
      int port = relay.open(ANY, "127.0.0.0/8").port(); // the target's address, another port
      client.ask("hello", "127.0.3.1", port);
      assertThat(relay.ownSources.isEmpty()).isTrue();
    }
  }

  @Test
  void aFaultAtOneDatagramLeavesTheSocketAndOtherFlowsAlone() throws IOException {
    try (UdpPeer server = UdpPeer.echo();
        RelayHarness relay = RelayHarness.to(server);
        UdpPeer before = UdpPeer.client();
        UdpPeer during = UdpPeer.client()) {
      int port = relay.open(ANY, CAPTURED).port();
      assertThat(before.ask("1", "127.0.3.1", port).text()).isEqualTo("1");
      relay.isBroken = true;
      during.send("lost", "127.0.3.1", port);
      assertThat(before.ask("2", "127.0.3.1", port).text()).isEqualTo("2");
      relay.isBroken = false;
      assertThat(during.ask("3", "127.0.3.1", port).text()).isEqualTo("3");
    }
  }

  @Test
  void aFlowLeavesOneRecordAtItsEnd() throws IOException {
    Logger access = (Logger) LoggerFactory.getLogger("access");
    ListAppender<ILoggingEvent> records = new ListAppender<>();
    records.start();
    try (UdpScene scene = UdpScene.of(UdpPeer.echo())) {
      access.setLevel(Level.INFO);
      access.addAppender(records);
      scene.ask("hello", "127.0.3.1");
      scene.ask("world!", "127.0.3.1");
      assertThat(records.list).isEmpty();
      scene.relay.shutdown();
      assertThat(records.list).hasSize(1);
      assertThat(records.list.getFirst().getFormattedMessage())
          .startsWith(
              "protocol=udp client=127.0.0.1:"
                  + scene.client.port()
                  + " local=127.0.3.1:"
                  + scene.port)
          .contains(" label=echo ", " end=shutdown ")
          .endsWith(" in=11 out=11");
    } finally {
      access.detachAppender(records);
      access.setLevel(Level.WARN);
    }
  }
}
