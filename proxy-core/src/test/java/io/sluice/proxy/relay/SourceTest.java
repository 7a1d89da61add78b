package io.sluice.proxy.relay;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.doctor.SourceChecks;
import io.sluice.proxy.observe.Refusal;
import io.sluice.steering.Protocol;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Where targets see connections and datagrams come from, on loopback. */
@Timeout(60)
final class SourceTest {
  private static final TestServer.Handler WHO_ARE_YOU =
      connection ->
          Streams.send(
              connection, requireNonNull(connection.getInetAddress()).getHostAddress() + "\n");

  private final int port = TestDaemon.freePort();

  private static InetAddress inet(String address) {
    return InetAddress.ofLiteral(address);
  }

  /** What the server calls a client that comes from this address; empty if it is refused. */
  private String seen(String client, String address) throws IOException {
    try (Socket socket = new Socket()) {
      socket.bind(new InetSocketAddress(inet(client), 0));
      socket.connect(new InetSocketAddress(inet(address), port));
      socket.setSoTimeout(10_000);
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).strip();
    } catch (SocketException _) {
      return "";
    }
  }

  private String seen() throws IOException {
    return seen("127.0.0.1", "127.0.0.1");
  }

  /** The same by UDP. */
  private String seenDatagram(DatagramSocket client, String address) throws IOException {
    client.setSoTimeout(10_000);
    client.send(new DatagramPacket(new byte[1], 1, inet(address), port));
    DatagramPacket answer = new DatagramPacket(new byte[64], 64);
    client.receive(answer);
    return new String(answer.getData(), 0, answer.getLength(), StandardCharsets.US_ASCII);
  }

  /** Answers each datagram with who sent it. */
  private static DatagramSocket names(String address) throws IOException {
    DatagramSocket server = new DatagramSocket(new InetSocketAddress(inet(address), 0));
    Thread.ofVirtual()
        .start(() -> {
          DatagramPacket packet = new DatagramPacket(new byte[64], 64);
          try {
            while (true) {
              server.receive(packet);
              byte[] name =
                  (packet.getAddress().getHostAddress() + ":" + packet.getPort())
                      .getBytes(StandardCharsets.US_ASCII);
              server.send(new DatagramPacket(name, name.length, packet.getSocketAddress()));
            }
          } catch (IOException _) {
            // Closed at the end of the test.
          }
        });
    return server;
  }

  private String udp(String targets, String source) {
    return """
    loops: 1
    bindings:
      - {label: dns, protocol: udp, prefix: 127.0.0.0/8, port: %1$d}
      - {label: dns, protocol: udp, prefix: "::1", port: %1$d}
    destinations: [{label: dns, protocol: udp, targets: [%2$s], source: %3$s}]
    """
        .formatted(port, targets, source);
  }

  private static void needsTheRight() {
    assumeTrue(
        SourceChecks.missingRight(
                TestDaemon.config(
                    "destinations: [{label: a, protocol: tcp, targets: [original], source:"
                        + " transparent}]"))
            == null,
        "needs CAP_NET_ADMIN: it sends from others' addresses");
  }

  // ---- own addresses

  @Test
  void connectionsComeFromTheAddressesInTurn() throws Exception {
    try (TestServer server = TestServer.start(WHO_ARE_YOU);
        TestDaemon daemon =
            TestDaemon.start(2, port, server.targets() + ", source: [127.0.7.4/30, 127.0.8.1]")) {
      List<String> seen = new ArrayList<>();
      for (int i = 0; i < 10; i++) {
        seen.add(seen());
      }
      assertThat(seen.subList(0, 5))
          .containsExactlyInAnyOrder(
              "127.0.7.4", "127.0.7.5", "127.0.7.6", "127.0.7.7", "127.0.8.1")
          .isEqualTo(seen.subList(5, 10));
      daemon.awaitSessions(0);
    }
  }

  @Test
  void flowsComeFromTheAddressesInTurn() throws Exception {
    try (DatagramSocket server = names("127.0.0.1");
        TestDaemon _ =
            TestDaemon.start(udp("'127.0.0.1:" + server.getLocalPort() + "'", "127.0.7.4/31"))) {
      List<String> seen = new ArrayList<>();
      for (int i = 0; i < 6; i++) {
        try (DatagramSocket client = new DatagramSocket(0, inet("127.0.0.1"))) {
          seen.add(seenDatagram(client, "127.0.0.1").replaceAll(":.*", ""));
        }
      }
      assertThat(seen.stream().collect(Collectors.groupingBy(it -> it, Collectors.counting())))
          .containsOnlyKeys("127.0.7.4", "127.0.7.5")
          .containsValue(3L);
    }
  }

  @Test
  void anAddressThatTheMachineLacksIsPassedOver() throws Exception {
    try (TestServer server = TestServer.start(WHO_ARE_YOU);
        TestDaemon daemon =
            TestDaemon.start(1, port, server.targets() + ", source: [192.0.2.77, 127.0.7.1]")) {
      for (int i = 0; i < 4; i++) {
        assertThat(seen()).isEqualTo("127.0.7.1");
      }
      assertThat(daemon.drops(Refusal.NO_SOURCE_ADDRESS)).isZero();
    }
  }

  @Test
  void withoutAnyAddressTheClientIsResetAndTheTargetNotBlamed() throws Exception {
    try (TestServer server = TestServer.start(WHO_ARE_YOU);
        TestDaemon daemon =
            TestDaemon.start(1, port, server.targets() + ", source: 192.0.2.76/30")) {
      for (int i = 0; i < 4; i++) {
        assertThat(Streams.isReset("127.0.0.1", port)).isTrue();
      }
      daemon.awaitDrops(Refusal.NO_SOURCE_ADDRESS, 4);
      assertThat(daemon.destination().targets().getFirst().isUp()).isTrue();
      assertThat(daemon.counters().acceptPauses().sum()).isZero();
      daemon.awaitSessions(0);
      daemon.reload(TestDaemon.web(1, port, server.targets() + ", source: 127.0.7.9"));
      assertThat(seen()).isEqualTo("127.0.7.9");
    }
  }

  @Test
  void aLoopFromAnOwnAddressIsRefused() throws Exception {
    String yaml =
        """
        bindings: [{label: self, protocol: tcp, prefix: 127.0.0.0/8, port: %d}]
        destinations:
          - {label: self, protocol: tcp, targets: [original], retries: 0, source: 127.0.7.1}
        """
            .formatted(port);
    try (TestDaemon daemon = TestDaemon.start(yaml)) {
      assertThat(Streams.isReset("127.0.9.9", port)).isTrue();
      TestDaemon.until("a loop is counted", () -> daemon.drops(Refusal.LOOP) > 0);
      daemon.awaitSessions(0);
      assertThat(daemon.drops(Refusal.LOOP)).isLessThan(10);
    }
  }

  // ---- the client's address

  @Test
  void aTransparentTargetSeesTheClientsAddress() throws Exception {
    needsTheRight();
    try (TestServer server = TestServer.start(WHO_ARE_YOU);
        TestDaemon daemon = TestDaemon.start(1, port, server.targets() + ", source: transparent")) {
      for (int i = 1; i < 6; i++) {
        // This machine's own client holds its port itself, so the target sees another one.
        assertThat(seen("127.0.7." + i, "127.0.0.1")).isEqualTo("127.0.7." + i);
      }
      daemon.awaitSessions(0);
    }
  }

  @Test
  void aTransparentTargetSeesTheSenderOfDatagrams() throws Exception {
    needsTheRight();
    try (DatagramSocket server = names("127.0.0.1");
        TestDaemon _ =
            TestDaemon.start(udp("'127.0.0.1:" + server.getLocalPort() + "'", "transparent"));
        DatagramSocket client = new DatagramSocket(0, inet("127.0.7.1"))) {
      assertThat(seenDatagram(client, "127.0.0.1")).startsWith("127.0.7.1:");
      assertThat(seenDatagram(client, "127.0.0.2")).startsWith("127.0.7.1:");
    }
  }

  @Test
  void aClientOfTheOtherFamilyIsRefusedAndTheTargetNotBlamed() throws Exception {
    needsTheRight();
    try (TestServer server = TestServer.start(WHO_ARE_YOU);
        DatagramSocket names = names("127.0.0.1");
        TestDaemon daemon =
            TestDaemon.start(
                udp("'127.0.0.1:" + names.getLocalPort() + "'", "transparent")
                    .replace(
                        "bindings:",
                        "bindings:\n  - {label: web, protocol: tcp, prefix: '::1', port: "
                            + port
                            + "}")
                    .replace(
                        "destinations: [",
                        "destinations: [{label: web, protocol: tcp, source: transparent, "
                            + server.targets()
                            + "}, "));
        DatagramSocket client = new DatagramSocket(0, inet("::1"))) {
      for (int i = 0; i < 4; i++) {
        assertThat(Streams.isReset("::1", port)).isTrue();
      }
      daemon.awaitDrops(Refusal.NO_SOURCE_ADDRESS, 4);
      client.send(new DatagramPacket(new byte[1], 1, inet("::1"), port));
      TestDaemon.until(
          "counted",
          () -> daemon.counters().drops(Refusal.NO_SOURCE_ADDRESS, Protocol.UDP).sum() == 1);
      assertThat(daemon.snapshot().destinations())
          .allSatisfy(it -> assertThat(it.targets()).allMatch(target -> target.isUp()));
    }
  }

  @Test
  void whatATransparentSourceSendsBackToUsIsALoop() throws Exception {
    needsTheRight();
    try (TestDaemon daemon = TestDaemon.start(udp("'127.0.9.9:" + port + "'", "transparent"));
        DatagramSocket client = new DatagramSocket(0, inet("127.0.5.1"))) {
      client.send(new DatagramPacket(new byte[1], 1, inet("127.0.7.1"), port));
      TestDaemon.until("a loop", () -> loops(daemon) == 1);
      client.send(new DatagramPacket(new byte[1], 1, inet("127.0.7.2"), port));
      TestDaemon.until("another", () -> loops(daemon) == 2);
    }
  }

  /** It would look just like what the client sends, and so run in circles as the client's flow. */
  @Test
  void aTransparentTargetThatIsTheWantedAddressOfThisMachineIsALoop() throws Exception {
    needsTheRight();
    try (TestDaemon daemon = TestDaemon.start(udp("original", "transparent"));
        DatagramSocket client = new DatagramSocket(0, inet("127.0.5.1"));
        DatagramSocket client6 = new DatagramSocket(0, inet("::1"))) {
      client.send(new DatagramPacket(new byte[1], 1, inet("127.0.7.1"), port));
      TestDaemon.until("a loop", () -> loops(daemon) == 1);
      client6.send(new DatagramPacket(new byte[1], 1, inet("::1"), port));
      TestDaemon.until("another", () -> loops(daemon) == 2);
      assertThat(daemon.sessions()).isZero();
    }
  }

  private static long loops(TestDaemon daemon) {
    return daemon.counters().drops(Refusal.LOOP, Protocol.UDP).sum();
  }
}
