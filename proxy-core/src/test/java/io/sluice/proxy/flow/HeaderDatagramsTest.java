package io.sluice.proxy.flow;

import static io.sluice.proxy.TestDaemon.eventually;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.header.ProxyHeader;
import io.sluice.proxy.observe.Refusal;
import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** PROXY protocol headers in front of datagrams, in and out. 127.0.0.0/24 are listed peers. */
@Timeout(60)
class HeaderDatagramsTest {
  private static final String CLIENT = "cb007109" + "c6336401" + "dc04" + "0035";
  private static final String AUTHORITY = "020004" + "6e616d65";
  private static final String HEADER = header(CLIENT);

  private final int port = TestDaemon.freePort();

  private static String header(String content) {
    return text("0d0a0d0a000d0a515549540a2112%04x".formatted(content.length() / 2) + content);
  }

  private static String text(String hex) {
    return new String(HexFormat.of().parseHex(hex), ISO_8859_1);
  }

  private TestDaemon daemon(UdpPeer server, String out) throws Exception {
    return daemon(server, out, "");
  }

  private TestDaemon daemon(UdpPeer server, String out, String others) throws Exception {
    return TestDaemon.start(
        """
        loops: 1
        capture:
          - {name: edge, protocols: [udp], addresses: [127.0.0.0/8], ports: %1$d,
             proxyProtocol: {from: [127.0.0.0/24]}}
        bindings:
          - {label: dns, protocol: udp, prefix: 198.51.100.0/24, port: 53}
          - {label: dns, protocol: udp, prefix: 127.0.0.0/8, port: %1$d}
        destinations:
          - {label: dns, protocol: udp, targets: ["127.0.0.1:%2$d"%4$s]%3$s}
        """
            .formatted(
                port, server.port(), out.isEmpty() ? "" : ", proxyProtocol: " + out, others));
  }

  private static long drops(TestDaemon daemon, Refusal reason) {
    return daemon.counters().drops(reason, Protocol.UDP).sum();
  }

  private void send(UdpPeer peer, String datagram) throws Exception {
    peer.send(datagram.getBytes(ISO_8859_1), "127.0.3.1", port);
  }

  @Test
  void thePayloadGoesOnAndTheReplyGoesBackByTheWayItCame() throws Exception {
    try (UdpPeer server = UdpPeer.echo();
        TestDaemon daemon = daemon(server, "");
        UdpPeer balancer = UdpPeer.client()) {
      for (String payload : List.of("one", "", "three")) {
        send(balancer, HEADER + payload);
        UdpPeer.Datagram reply = balancer.receive();
        assertThat(reply.text()).isEqualTo(payload);
        assertThat(reply.from()).isEqualTo(UdpPeer.address("127.0.3.1", port));
      }
      assertThat(daemon.sessions()).isEqualTo(1);
      assertThat(daemon.destination().traffic().bytesIn.sum()).isEqualTo(8); // payload only
    }
  }

  @Test
  void aDatagramWithoutAWholeHeaderIsDroppedAndCounted() throws Exception {
    try (UdpPeer server = UdpPeer.echo();
        TestDaemon daemon = daemon(server, "");
        UdpPeer balancer = UdpPeer.client()) {
      send(balancer, HEADER + "good");
      assertThat(balancer.receive().text()).isEqualTo("good");
      List<String> wrong =
          List.of(
              "payload",
              "",
              HEADER.substring(0, 20),
              "PROXY TCP4 203.0.113.9 198.51.100.1 56324 53\r\n",
              HEADER.replace("!\u0012", "!\u0011"));
      for (String each : wrong) {
        send(balancer, each);
      }
      send(balancer, HEADER + "good again");
      assertThat(balancer.receive().text()).isEqualTo("good again");
      assertThat(drops(daemon, Refusal.PROXY_HEADER)).isEqualTo(wrong.size());
      assertThat(server.heard()).hasSize(2);
    }
  }

  @Test
  void aPeerThatIsNotListedIsAnOrdinaryClientWhateverItSends() throws Exception {
    try (UdpPeer server = UdpPeer.echo();
        TestDaemon daemon = daemon(server, "");
        UdpPeer client = new UdpPeer("127.0.1.1", 0)) {
      send(client, HEADER + "payload");
      assertThat(client.receive().payload()).isEqualTo((HEADER + "payload").getBytes(ISO_8859_1));
      assertThat(drops(daemon, Refusal.PROXY_HEADER)).isZero();
    }
  }

  @Test
  void aLocalHeaderLeavesTheAddressesAsTheyAre() throws Exception {
    String local =
        new String(HexFormat.of().parseHex("0d0a0d0a000d0a515549540a" + "20000000"), ISO_8859_1);
    try (UdpPeer server = UdpPeer.echo();
        TestDaemon _ = daemon(server, "v2");
        UdpPeer balancer = UdpPeer.client()) {
      send(balancer, local + "check");
      Heard heard = heard(server, 0);
      assertThat(heard.client).isEqualTo("127.0.0.1:" + balancer.port());
      assertThat(heard.payload).isEqualTo("check");
    }
  }

  @Test
  void twoBalancersThatAnnounceTheSameClientDoNotMix() throws Exception {
    try (UdpPeer server = UdpPeer.echo();
        TestDaemon daemon = daemon(server, "");
        UdpPeer first = UdpPeer.client();
        UdpPeer second = new UdpPeer("127.0.0.2", 0)) {
      for (int round = 0; round < 3; round++) {
        send(first, HEADER + "first");
        send(second, HEADER + "second");
        assertThat(first.receive().text()).isEqualTo("first");
        assertThat(second.receive().text()).isEqualTo("second");
      }
      assertThat(daemon.sessions()).isEqualTo(2);
      assertThat(server.sources()).hasSize(2);
    }
  }

  @Test
  void aBalancersClientsHaveAFlowEachAndTheirBatchesDoNotMix() throws Exception {
    try (UdpPeer server = UdpPeer.echo();
        TestDaemon daemon = daemon(server, "");
        UdpPeer balancer = UdpPeer.client()) {
      for (int i = 0; i < 200; i++) {
        send(balancer, header(String.format("cb0071%02x", i % 7) + CLIENT.substring(8)) + i % 7);
      }
      for (int i = 0; i < 200; i++) {
        assertThat(balancer.receive().text()).matches("[0-6]");
      }
      assertThat(daemon.sessions()).isEqualTo(7);
      assertThat(server.heard().stream().map(it -> it.from() + " " + it.text()).distinct().toList())
          .hasSize(7);
    }
  }

  @Test
  void datagramsAreSteeredByThePayloadBehindTheirHeader() throws Exception {
    try (UdpPeer one = UdpPeer.echo();
        UdpPeer other = UdpPeer.echo();
        TestDaemon _ =
            daemon(
                one,
                "v2, affinity: datagram, select: payload, payload: {length: 1}",
                ", \"127.0.0.1:%d\"".formatted(other.port()));
        UdpPeer balancer = UdpPeer.client()) {
      for (int round = 0; round < 2; round++) {
        for (char first = 'a'; first <= 'z'; first++) {
          send(balancer, HEADER + first);
          Heard reply = new Heard(balancer.receive().payload()); // echoed with the header
          assertThat(reply.client).isEqualTo("203.0.113.9:56324");
          assertThat(reply.payload).isEqualTo("" + first);
        }
      }
      List<String> atOne = one.heard().stream().map(it -> new Heard(it.payload()).payload).toList();
      assertThat(atOne).hasSizeBetween(2, 50); // hashed over both
      assertThat(atOne.subList(0, atOne.size() / 2))
          .isEqualTo(atOne.subList(atOne.size() / 2, atOne.size()));
    }
  }

  /** A QUIC server that answers with a connection ID which begins with its number. */
  private static UdpPeer quic(int number) {
    byte[] answer = HexFormat.of().parseHex("e00000000100" + "08" + "0011223344556677" + "00");
    answer[7] = (byte) number;
    return new UdpPeer("127.0.0.1", 0)
        .serve((server, datagram) -> server.send(answer, datagram.from()));
  }

  private static String announcing(int client) {
    return header("cb0071%02x".formatted(client) + CLIENT.substring(8));
  }

  @Test
  void aConnectionIdLeadsToItsServerWhoeverIsAnnounced() throws Exception {
    try (UdpPeer one = quic(1);
        UdpPeer other = quic(2);
        TestDaemon _ =
            daemon(
                one,
                "v2, select: quic, quic: {connectionIdLength: 8}",
                ", \"127.0.0.1:%d\"".formatted(other.port()));
        UdpPeer balancer = UdpPeer.client()) {
      byte[] chosen = new byte[16]; // by which server, by client
      for (int client = 0; client < chosen.length; client++) {
        String initial = "c00000000108" + "11223344556677%02x".formatted(client) + "0000";
        send(balancer, announcing(client) + text(initial));
        chosen[client] = balancer.receive().payload()[7];
      }
      assertThat(chosen).containsOnly(1, 2); // both of them
      for (int client = 0; client < chosen.length; client++) {
        String shortHeader = text("40%02x11223344556677".formatted(chosen[client]) + "ffffffff");
        send(balancer, announcing(100 + client) + shortHeader); // who hasn't a flow yet
        assertThat(balancer.receive().payload()[7]).isEqualTo(chosen[client]);
        UdpPeer its = chosen[client] == 1 ? one : other;
        assertThat(new Heard(its.heard().getLast().payload()).payload).isEqualTo(shortHeader);
      }
    }
  }

  /** What the server got, read by our reader. */
  private static final class Heard {
    final String client;
    final String local;
    final String tlvs;
    final String payload;

    Heard(byte[] bytes) {
      ProxyHeader header = new ProxyHeader();
      ByteBuffer in = ByteBuffer.wrap(bytes);
      int length = header.read(in, Protocol.UDP);
      assertThat(length).as(header.problem()).isPositive();
      client = IpAddress.withPort(header.announced().remote(), header.announced().remotePort());
      local = IpAddress.withPort(header.announced().local(), header.announced().localPort());
      tlvs = HexFormat.of().formatHex(header.tlvs(in));
      payload = new String(Arrays.copyOfRange(bytes, length, bytes.length), ISO_8859_1);
    }
  }

  private static Heard heard(UdpPeer server, int index) {
    eventually(() -> assertThat(server.heard()).hasSizeGreaterThan(index));
    return new Heard(server.heard().get(index).payload());
  }

  @Test
  void everyDatagramOfATargetBeginsWithAHeader() throws Exception {
    try (UdpPeer server = new UdpPeer("127.0.0.1", 0).serve((_, _) -> {});
        TestDaemon _ = daemon(server, "v2");
        UdpPeer client = new UdpPeer("127.0.1.1", 0)) {
      for (int i = 0; i < 100; i++) {
        client.send("" + i, "127.0.3.1", port);
      }
      for (int i = 0; i < 100; i++) {
        Heard heard = heard(server, i);
        assertThat(heard.client).isEqualTo("127.0.1.1:" + client.port());
        assertThat(heard.local).isEqualTo("127.0.3.1:" + port);
        assertThat(heard.payload).isEqualTo("" + i);
      }
    }
  }

  @Test
  void onlyAFlowsFirstDatagramBeginsWithAHeaderWhereThatIsAskedFor() throws Exception {
    try (UdpPeer server = new UdpPeer("127.0.0.1", 0).serve((_, _) -> {});
        TestDaemon _ = daemon(server, "{version: v2, datagrams: first}");
        UdpPeer client = new UdpPeer("127.0.1.1", 0)) {
      for (int i = 0; i < 50; i++) {
        client.send("" + i, "127.0.3.1", port);
      }
      assertThat(heard(server, 0).payload).isEqualTo("0");
      eventually(() -> assertThat(server.heard()).hasSize(50));
      assertThat(server.heard().stream().skip(1).map(UdpPeer.Datagram::text))
          .containsExactlyElementsOf(IntStream.range(1, 50).mapToObj(String::valueOf).toList());
    }
  }

  @Test
  void whatCameInGoesOutWithItsTlvs() throws Exception {
    String out = "{version: v2, passOn: true, crc32c: true, tlvs: [{type: 0xE0, value: a}]}";
    try (UdpPeer server = new UdpPeer("127.0.0.1", 0).serve((_, _) -> {});
        TestDaemon _ = daemon(server, out);
        UdpPeer balancer = UdpPeer.client()) {
      send(balancer, header(CLIENT + AUTHORITY) + "payload");
      Heard heard = heard(server, 0);
      assertThat(heard.client).isEqualTo("203.0.113.9:56324");
      assertThat(heard.local).isEqualTo("198.51.100.1:53");
      assertThat(heard.tlvs).isEqualTo("e00001" + "61" + AUTHORITY);
      assertThat(heard.payload).isEqualTo("payload");
    }
  }

  @Test
  void aDatagramThatIsTooLongWithItsHeaderIsDroppedAndCounted() throws Exception {
    int most = 65_507 - 28;
    try (UdpPeer server = new UdpPeer("127.0.0.1", 0).serve((_, _) -> {});
        TestDaemon daemon = daemon(server, "v2");
        UdpPeer client = new UdpPeer("127.0.1.1", 0)) {
      client.send(new byte[most + 1], UdpPeer.address("127.0.3.1", port));
      eventually(() -> assertThat(drops(daemon, Refusal.UPSTREAM_BUFFER)).isEqualTo(1));
      client.send(new byte[most], UdpPeer.address("127.0.3.1", port));
      assertThat(heard(server, 0).payload).hasSize(most);
    }
  }
}
