package io.sluice.proxy.flow;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Opened;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.observe.SessionEnd;
import java.io.IOException;
import java.net.SocketAddress;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

/** {@code affinity: datagram}, {@code select: payload} and {@code select: quic}, on two loops. */
@Timeout(60)
final class SelectionByPayloadTest {
  private static final String ASKED = "127.0.3.7";

  private final int port = TestDaemon.freePort();
  private final List<UdpPeer> servers = new ArrayList<>();
  @RegisterExtension final Opened open = new Opened();

  /** Servers that answer a datagram with their number; but not one that begins with a dash. */
  private void startServers(int count) {
    startServers(count, (number, datagram) -> String.valueOf(number).getBytes(UTF_8));
  }

  private interface Answer {
    byte[] to(int number, UdpPeer.Datagram datagram);
  }

  private void startServers(int count, Answer answer) {
    for (int i = 0; i < count; i++) {
      int number = i;
      servers.add(
          open.add(
              new UdpPeer("127.0.0.1", 0)
                  .serve((server, datagram) -> {
                    if (!datagram.text().startsWith("-")) {
                      server.send(answer.to(number, datagram), datagram.from());
                    }
                  })));
    }
  }

  private String yaml(String keys) {
    return """
    loops: 2
    bindings: [{label: it, protocol: udp, prefix: 127.0.3.0/24, port: %d}]
    destinations: [{label: it, protocol: udp, targets: [%s], %s}]
    """
        .formatted(
            port,
            servers.stream()
                .map(it -> "\"127.0.0.1:" + it.port() + "\"")
                .collect(Collectors.joining(", ")),
            keys);
  }

  private TestDaemon daemon(String keys) throws Exception {
    return open.add(TestDaemon.start(yaml(keys)));
  }

  private String ask(UdpPeer client, String text) throws IOException {
    return ask(client, text.getBytes(UTF_8));
  }

  private String ask(UdpPeer client, byte[] payload) throws IOException {
    client.send(payload, ASKED, port);
    UdpPeer.Datagram answer = client.receive();
    assertThat(answer.from()).isEqualTo(UdpPeer.address(ASKED, port));
    return answer.text();
  }

  @Test
  void eachDatagramIsSelectedByItselfAndAnsweredFromTheAddressThatWasAsked() throws Exception {
    startServers(3);
    TestDaemon daemon = daemon("select: round-robin, affinity: datagram");
    UdpPeer client = open.add(UdpPeer.client());
    StringBuilder answers = new StringBuilder();
    for (int i = 0; i < 9; i++) {
      answers.append(ask(client, "x"));
    }
    assertThat(answers).hasToString("012012012");
    assertThat(daemon.sessions()).as("one flow for each target").isEqualTo(3);
    assertThat(servers).allMatch(it -> it.sources().size() == 1);
    assertThat(daemon.destination().traffic().datagramsIn.sum()).isEqualTo(9);
    assertThat(daemon.destination().traffic().lookups(io.sluice.steering.Family.IPV4).sum())
        .as("every datagram is looked up")
        .isEqualTo(9);
  }

  @Test
  void aBatchOfDatagramsIsSplitOverTheTargets() throws Exception {
    startServers(3);
    TestDaemon _ = daemon("select: round-robin, affinity: datagram");
    UdpPeer client = open.add(UdpPeer.client());
    Set<String> answers = new TreeSet<>();
    for (int i = 0; i < 90; i++) {
      client.send("x", ASKED, port);
    }
    for (int i = 0; i < 90; i++) {
      answers.add(client.receive().text());
    }
    assertThat(answers).containsExactly("0", "1", "2");
    assertThat(servers).allMatch(it -> it.heard().size() == 30);
  }

  private Set<String> answers(UdpPeer client, int datagrams) throws Exception {
    Set<String> answers = new TreeSet<>();
    for (int i = 0; i < datagrams; i++) {
      answers.add(ask(client, "x"));
    }
    return answers;
  }

  @Test
  void withoutItAllDatagramsOfAClientGoToOneTarget() throws Exception {
    startServers(3);
    TestDaemon daemon = daemon("select: round-robin");
    UdpPeer client = open.add(UdpPeer.client());
    assertThat(answers(client, 9)).hasSize(1);
    assertThat(daemon.sessions()).isEqualTo(1);
  }

  @Test
  void thePartsOfAFlowEndWhenTheyAreIdle() throws Exception {
    startServers(3);
    TestDaemon daemon = daemon("select: round-robin, affinity: datagram, idleTimeout: 200ms");
    UdpPeer client = open.add(UdpPeer.client());
    assertThat(answers(client, 3)).containsExactly("0", "1", "2");
    daemon.awaitEnds(SessionEnd.IDLE, 3);
    daemon.awaitSessions(0);
    assertThat(ask(client, "x")).isEqualTo("0");
  }

  @Test
  void thePartsOfAFlowAreBounded() throws Exception {
    startServers(3);
    TestDaemon daemon =
        open.add(
            TestDaemon.start(
                yaml("select: round-robin, affinity: datagram")
                    + "limits: {flows: 2, drain: 0s}\n"));
    UdpPeer client = open.add(UdpPeer.client());
    assertThat(ask(client, "x")).isEqualTo("0");
    assertThat(ask(client, "x")).isEqualTo("1");
    assertThat(ask(client, "x")).isEqualTo("2"); // the one that was idle longest made room
    daemon.awaitEnds(SessionEnd.EVICTED, 1);
    assertThat(ask(client, "x")).isEqualTo("0");
    daemon.awaitEnds(SessionEnd.EVICTED, 2);
    assertThat(daemon.sessions()).isEqualTo(2);
  }

  @Test
  void aTargetThatIsGoneCostsTheOthersNothing() throws Exception {
    startServers(3);
    TestDaemon daemon = daemon("select: round-robin, affinity: datagram");
    UdpPeer client = open.add(UdpPeer.client());
    assertThat(answers(client, 3)).containsExactly("0", "1", "2");
    servers.get(1).close();
    assertThat(ask(client, "x")).isEqualTo("0");
    client.send("x", ASKED, port);
    daemon.awaitEnds(SessionEnd.UNREACHABLE, 1);
    assertThat(ask(client, "x")).isEqualTo("2");
    assertThat(daemon.sessions()).isEqualTo(2);
  }

  @Test
  void flowsFromBeforeAReloadKeepTheirTarget() throws Exception {
    startServers(3);
    TestDaemon daemon = daemon("select: round-robin");
    UdpPeer before = open.add(UdpPeer.client());
    String its = ask(before, "x");
    daemon.reload(yaml("select: round-robin, affinity: datagram"));
    UdpPeer after = open.add(UdpPeer.client());
    Set<String> answers = new TreeSet<>();
    for (int i = 0; i < 3; i++) {
      assertThat(ask(before, "x")).isEqualTo(its);
      answers.add(ask(after, "x"));
    }
    assertThat(answers).containsExactly("0", "1", "2");
  }

  @Test
  void equalPayloadsOfAllClientsGoToOneTarget() throws Exception {
    startServers(3);
    TestDaemon _ = daemon("select: payload, payload: {offset: 2, length: 4}, affinity: datagram");
    Set<String> all = new HashSet<>();
    for (int key = 0; key < 16; key++) {
      Set<String> its = new HashSet<>();
      for (int i = 0; i < 4; i++) {
        UdpPeer client = open.add(UdpPeer.client());
        its.add(ask(client, i + "-key" + (char) ('a' + key) + "rest" + i));
      }
      assertThat(its).as("key %d", key).hasSize(1);
      all.addAll(its);
    }
    assertThat(all).hasSize(3);
  }

  @Test
  void aFlowStaysWhereItsFirstDatagramsPayloadLed() throws Exception {
    startServers(3);
    TestDaemon _ = daemon("select: payload, payload: {length: 4}");
    UdpPeer client = open.add(UdpPeer.client());
    Set<String> answers = new HashSet<>();
    for (int key = 0; key < 16; key++) {
      answers.add(ask(client, "key" + (char) ('a' + key)));
    }
    assertThat(answers).hasSize(1);
  }

  /** A long header whose source connection ID begins with the server's number. */
  private static byte[] handshake(int number, byte[] datagram) {
    byte[] answer = HexFormat.of().parseHex("e00000000100" + "08" + "0000000000000000" + "00");
    answer[7] = (byte) number;
    System.arraycopy(datagram, 6, answer, 8, 7); // the rest from the client's, to differ
    return answer;
  }

  private static byte[] initial(int client) {
    byte[] initial = HexFormat.of().parseHex("c00000000108" + "1122334455667788" + "0000");
    initial[12] = (byte) client;
    return initial;
  }

  @Test
  void aConnectionIdThatAServerChoseLeadsToItFromAnyPortAlsoAfterAReload() throws Exception {
    startServers(
        4,
        (number, datagram) ->
            datagram.payload()[0] < 0 && datagram.payload()[5] != 0
                ? handshake(number, datagram.payload())
                : String.valueOf(number).getBytes(UTF_8));
    String keys = "select: quic, quic: {connectionIdLength: 8}";
    TestDaemon daemon = daemon(keys);
    List<byte[]> chosen = new ArrayList<>();
    for (int i = 0; i < 32; i++) {
      UdpPeer client = open.add(UdpPeer.client());
      client.send(initial(i), ASKED, port);
      chosen.add(java.util.Arrays.copyOfRange(client.receive().payload(), 7, 15));
    }
    assertThat(chosen.stream().map(it -> (int) it[0]).distinct().sorted())
        .as("the first ones are spread")
        .containsExactly(0, 1, 2, 3);
    for (int round = 0; round < 2; round++) {
      for (byte[] id : chosen) {
        byte[] shortHeader = new byte[20];
        shortHeader[0] = 0x40;
        System.arraycopy(id, 0, shortHeader, 1, 8);
        // Open until the end: a closed one's port, given again, would bring its flow along.
        UdpPeer elsewhere = open.add(UdpPeer.client());
        assertThat(ask(elsewhere, shortHeader)).isEqualTo(String.valueOf(id[0]));
      }
      java.util.Collections.swap(servers, 0, 3);
      daemon.reload(yaml(keys + ", retries: 1"));
      java.util.Collections.swap(servers, 0, 3);
    }
  }

  @Test
  void aServerIdInTheConnectionIdLeadsToItsServerWithoutAnythingLearned() throws Exception {
    startServers(4);
    List<String> targets = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      targets.add(
          "{address: \"127.0.0.1:%d\", serverId: \"00f%d\"}".formatted(servers.get(i).port(), i));
    }
    TestDaemon _ =
        open.add(
            TestDaemon.start(
                """
                loops: 2
                bindings: [{label: it, protocol: udp, prefix: 127.0.3.0/24, port: %d}]
                destinations:
                  - label: it
                    protocol: udp
                    targets: [%s]
                    select: quic
                    quic: {connectionIdLength: 8, serverId: {offset: 1, length: 2}}
                """
                    .formatted(port, String.join(", ", targets))));
    for (int i = 0; i < 32; i++) {
      byte[] shortHeader = HexFormat.of().parseHex("40" + "0700f0aabbccdd00" + "ffff");
      shortHeader[3] |= (byte) (i % 4);
      shortHeader[8] = (byte) i;
      UdpPeer elsewhere = open.add(UdpPeer.client());
      assertThat(ask(elsewhere, shortHeader)).isEqualTo(String.valueOf(i % 4));
    }
  }

  @Test
  void theSameInitialFromAnotherPortReachesTheSameServer() throws Exception {
    startServers(4);
    TestDaemon _ = daemon("select: quic, quic: {connectionIdLength: 8}");
    for (int i = 0; i < 16; i++) {
      Set<String> its = new HashSet<>();
      for (int port = 0; port < 4; port++) {
        its.add(ask(open.add(UdpPeer.client()), initial(i)));
      }
      assertThat(its).hasSize(1);
    }
    Set<SocketAddress> sources =
        IntStream.range(0, 4)
            .boxed()
            .flatMap(i -> servers.get(i).sources().stream())
            .collect(Collectors.toSet());
    assertThat(sources).as("each client's port is a flow").hasSize(64);
  }
}
