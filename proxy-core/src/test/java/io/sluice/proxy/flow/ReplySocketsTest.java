package io.sluice.proxy.flow;

import static io.sluice.proxy.TestDaemon.eventually;
import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.arrival.CaptureSocket;
import io.sluice.proxy.observe.Refusal;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Where one socket takes every port, replies leave through others. */
@Timeout(60)
final class ReplySocketsTest {
  /** How many UDP sockets of IPv4 are bound to a port. */
  private static long boundTo(int port) throws IOException {
    String suffix = String.format(":%04X", port);
    try (Stream<String> lines = Files.lines(Path.of("/proc/net/udp"))) {
      return lines
          .map(it -> it.strip().split("\\s+", -1)[1])
          .filter(it -> it.endsWith(suffix))
          .count();
    }
  }

  private static void awaitBound(int port, long count) {
    eventually(() -> assertThat(boundTo(port)).isEqualTo(count));
  }

  @ParameterizedTest
  @CsvSource({
    "0.0.0.0, 127.0.3.0/24, 127.0.3.7, 127.0.0.1",
    "::, ::1, ::1, ::1",
    "::ffff:0.0.0.0, 127.0.3.0/24, 127.0.3.7, 127.0.0.1"
  })
  void aReplyLeavesFromTheAddressAndPortThatWasAsked(
      String bound, String captured, String asked, String from) throws Exception {
    try (UdpPeer server = UdpPeer.echo();
        RelayHarness relay = RelayHarness.to(server);
        UdpPeer client = new UdpPeer(from, 0)) {
      CaptureSocket front = relay.openSteered(bound, captured);
      UdpPeer.Datagram reply = client.ask("hello", asked, front.port());
      assertThat(reply.text()).isEqualTo("hello");
      assertThat(reply.from()).isEqualTo(UdpPeer.address(asked, front.port()));
      relay.shutdown();
    }
  }

  @Test
  void theyGoWithTheLastFlow() throws Exception {
    try (UdpPeer server = UdpPeer.echo();
        RelayHarness relay = RelayHarness.to(server, Duration.ofMillis(500));
        UdpPeer client = UdpPeer.client()) {
      int port = relay.openSteered("0.0.0.0", "127.0.3.0/24").port();
      for (int i = 1; i <= 3; i++) {
        assertThat(client.ask("hello", "127.0.3." + i, port).text()).isEqualTo("hello");
      }
      awaitBound(port, 1 + 3);
      relay.awaitFlows(0);
      awaitBound(port, 1);
      relay.shutdown();
    }
  }

  @Test
  void beyondTheBoundTheLongestIdleMakesRoomAndComesBackWhenItIsNeeded() throws Exception {
    int bound = 4;
    try (UdpPeer server = UdpPeer.echo();
        RelayHarness relay =
            new RelayHarness(
                RelayHarness.at("127.0.0.1", server.port()), RelayHarness.NEVER, 0, bound)) {
      int port = relay.openSteered("0.0.0.0", "127.0.3.0/24").port();
      List<UdpPeer> clients = new ArrayList<>();
      for (int i = 0; i < 3 * bound; i++) {
        UdpPeer client = UdpPeer.client();
        clients.add(client);
        assertThat(client.ask("hello " + i, "127.0.3." + (i + 1), port).text())
            .isEqualTo("hello " + i);
        awaitBound(port, 1 + Math.min(i + 1, bound));
      }
      for (int i = 0; i < clients.size(); i++) {
        UdpPeer.Datagram first = server.heard().get(i);
        assertThat(first.text()).isEqualTo("hello " + i);
        server.answer(first);
        UdpPeer.Datagram again = clients.get(i).receive();
        assertThat(again.text()).isEqualTo("hello " + i);
        assertThat(again.from()).isEqualTo(UdpPeer.address("127.0.3." + (i + 1), port));
        awaitBound(port, 1 + bound);
      }
      clients.forEach(UdpPeer::close);
      relay.shutdown();
      awaitBound(port, 0);
    }
  }

  @Test
  void whatWantedToGoElsewhereIsRefused() throws Exception {
    try (UdpPeer server = UdpPeer.echo();
        RelayHarness relay = RelayHarness.to(server);
        UdpPeer client = UdpPeer.client()) {
      CaptureSocket front = relay.openSteered("0.0.0.0", "127.0.3.0/24");
      client.send("hello", "127.0.4.1", front.port());
      relay.awaitDrops(Refusal.NOT_CAPTURED, 1);
      assertThat(server.heard()).isEmpty();
      relay.shutdown();
    }
  }
}
