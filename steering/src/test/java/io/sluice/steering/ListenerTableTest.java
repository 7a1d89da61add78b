package io.sluice.steering;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** The ordinary listener tables, as they were measured on Linux 6.18. */
class ListenerTableTest {
  private static final String LOOPBACK = "127.0.0.1";

  /**
   * Sockets as {@code address[%device][,6only][,group]}, where packets go (address%device), and
   * which socket is found; "in both orders" unless the row says otherwise.
   */
  static Stream<Arguments> measured() {
    List<Arguments> cases = new ArrayList<>();
    for (Protocol protocol : Protocol.values()) {
      both(cases, protocol, "127.0.0.1", "0.0.0.0", "127.0.0.1%1", 0);
      both(cases, protocol, "127.0.0.1", "0.0.0.0", "127.0.0.2%1", 1);
      both(cases, protocol, "0.0.0.0", "::", "127.0.0.1%1", 0);
      both(cases, protocol, "0.0.0.0", "::", "::1%1", 1);
      both(cases, protocol, "0.0.0.0,group", "::,group", "127.0.0.1%1", 0);
      both(cases, protocol, "0.0.0.0", "::,6only", "127.0.0.1%1", 0);
      both(cases, protocol, "0.0.0.0", "::,6only", "::1%1", 1);
      both(cases, protocol, "::ffff:127.0.0.1", "0.0.0.0", "127.0.0.1%1", 0);
      both(cases, protocol, "::ffff:127.0.0.1", "::", "127.0.0.1%1", 0);
      both(cases, protocol, "127.0.0.1,group", "::ffff:127.0.0.1,group", "127.0.0.1%1", 0);
      both(cases, protocol, "::1", "::", "::1%1", 0);
      both(cases, protocol, "127.0.0.1", "0.0.0.0%1", "127.0.0.1%1", 0);
      both(cases, protocol, "0.0.0.0%1", "0.0.0.0", "127.0.0.1%1", 0);
      both(cases, protocol, "0.0.0.0%1", "0.0.0.0", "127.0.0.1%2", 1);
      both(cases, protocol, "::%1", "::", "::1%1", 0);
      // With groups, order decides between them, not score.
      one(cases, protocol, "0.0.0.0%1,group", "0.0.0.0,group", "127.0.0.1%1", 1);
      one(cases, protocol, "0.0.0.0,group", "0.0.0.0%1,group", "127.0.0.1%1", 1);
      // IPv6 sockets with groups are found oldest first, others newest first.
      one(cases, protocol, "::%1,group", "::,group", "::1%1", 0);
      one(cases, protocol, "::,group", "::%1,group", "::1%1", 0);
      one(cases, protocol, "0.0.0.0", "0.0.0.0", "127.0.0.1%1", 1);
      one(cases, protocol, "::", "::", "::1%1", 1);
      // Who is no candidate.
      one(cases, protocol, "::,6only", "::1", "127.0.0.1%1", -1);
      one(cases, protocol, "::ffff:0.0.0.0", "::ffff:127.0.0.1", "::1%1", -1);
      one(cases, protocol, "::ffff:127.0.0.1", "127.0.0.1", "::ffff:127.0.0.1%1", -1);
      one(cases, protocol, "0.0.0.0", "127.0.0.1", "::1%1", -1);
      one(cases, protocol, "0.0.0.0%2", "::%3", "127.0.0.1%1", -1);
      one(cases, protocol, "127.0.0.2", "::ffff:127.0.0.3", "127.0.0.1%1", -1);
      both(cases, protocol, "::ffff:0.0.0.0", "::,6only", "127.0.0.1%1", 0);
      both(cases, protocol, "::ffff:0.0.0.0", "0.0.0.0", "127.0.0.1%1", 1);
    }
    // A device counts less than the family for TCP's score, and more for UDP's.
    both(cases, Protocol.UDP, "::%1", "0.0.0.0", "127.0.0.1%1", 0);
    one(cases, Protocol.TCP, "::%1", "0.0.0.0", "127.0.0.1%1", 1);
    one(cases, Protocol.TCP, "0.0.0.0", "::%1", "127.0.0.1%1", 1);
    return cases.stream();
  }

  private static void one(
      List<Arguments> cases, Protocol protocol, String s, String t, String to, int expected) {
    cases.add(Arguments.of(protocol, s, t, to, expected));
  }

  private static void both(
      List<Arguments> cases, Protocol protocol, String s, String t, String to, int expected) {
    one(cases, protocol, s, t, to, expected);
    one(cases, protocol, t, s, to, 1 - expected);
  }

  @ParameterizedTest(name = "{0}: {1} then {2} bound; to {3}: number {4}")
  @MethodSource("measured")
  void findsWhatTheKernelFinds(
      Protocol protocol, String first, String second, String to, int expected) {
    List<Socket> sockets = List.of(socket(protocol, first, 80), socket(protocol, second, 80));

    Socket found = ListenerTable.of(sockets).find(packet(protocol, to, 80));

    assertThat(found).isSameAs(expected < 0 ? null : sockets.get(expected));
  }

  @Test
  void aGroupAfterABetterScoreDoesNotEndTheWalk() {
    Socket group = socket(Protocol.UDP, "0.0.0.0,group", 80);
    Socket device = socket(Protocol.UDP, "0.0.0.0%1", 80);

    assertThat(ListenerTable.of(List.of(group, device)).find(packet(Protocol.UDP, LOOPBACK, 80)))
        .isSameAs(device);
  }

  @ParameterizedTest
  @EnumSource(Protocol.class)
  void aSocketThatTakesNothingNewIsNoCandidate(Protocol protocol) {
    Socket connected = socket(protocol, LOOPBACK, 80);
    Socket closed = socket(protocol, LOOPBACK, 80);
    Socket any = socket(protocol, "0.0.0.0", 80);
    ListenerTable table = ListenerTable.of(List.of(any, connected, closed));
    connected.state(Socket.State.ESTABLISHED);

    assertThat(table.find(packet(protocol, LOOPBACK, 80))).isSameAs(closed);
    closed.close();
    assertThat(table.find(packet(protocol, LOOPBACK, 80))).isSameAs(any);
  }

  @Test
  void protocolsAndPortsThatShareABucketStayApart() {
    List<Socket> sockets = new ArrayList<>();
    for (int port = 1; port < 65536; port += 4096) { // many ports, few buckets
      sockets.add(socket(Protocol.TCP, "0.0.0.0", port));
      sockets.add(socket(Protocol.UDP, LOOPBACK, port));
    }
    ListenerTable table = ListenerTable.of(sockets);

    for (Socket socket : sockets) {
      assertThat(table.find(packet(socket.protocol(), LOOPBACK, socket.port()))).isSameAs(socket);
      assertThat(table.find(packet(socket.protocol(), LOOPBACK, socket.port() + 1))).isNull();
    }
  }

  @Test
  void agreesWithANaiveTable() {
    long seed = 20200717;
    Random random = new Random(seed);
    String[] addresses = {
      "127.0.0.1", "127.0.0.2", "0.0.0.0", "::", "::1", "::ffff:127.0.0.1", "::ffff:0.0.0.0"
    };
    String[] targets = {"127.0.0.1", "127.0.0.2", "127.0.0.3", "::1", "::2"};
    for (int round = 0; round < 2_000; round++) {
      List<Socket> sockets = new ArrayList<>();
      for (int i = random.nextInt(12); i > 0; i--) {
        String device = random.nextInt(3) == 0 ? "%" + (1 + random.nextInt(2)) : "";
        sockets.add(
            socket(
                Protocol.values()[random.nextInt(2)],
                addresses[random.nextInt(addresses.length)] + device,
                random.nextInt(2) * 2048 + 80));
      }
      LookupContext packet =
          packet(
              Protocol.values()[random.nextInt(2)],
              targets[random.nextInt(targets.length)] + "%" + (1 + random.nextInt(2)),
              80);

      assertThat(ListenerTable.of(sockets).find(packet))
          .describedAs("seed %d, round %d: %s among %s", seed, round, packet, sockets)
          .isSameAs(naive(sockets, packet));
    }
  }

  /** Without groups: the best of the exact ones, else of the wildcards; the newest of equals. */
  private static @Nullable Socket naive(List<Socket> sockets, LookupContext packet) {
    boolean ipv4 = packet.family() == Family.IPV4;
    for (boolean wildcard : new boolean[] {false, true}) {
      Socket best = null;
      int bestScore = -1;
      for (Socket socket : sockets.reversed()) {
        IpAddress bound = socket.address();
        IpAddress effective = // what an IPv4 packet would see
            bound.isIpv4Mapped() ? IpAddress.ipv4((int) bound.low()) : bound;
        boolean family =
            effective.family() == packet.family()
                || ipv4 && bound.equals(IpAddress.ANY_IPV6) && !socket.isV6Only();
        boolean address = wildcard || Objects.equals(effective, packet.local());
        boolean device =
            socket.boundIfindex() == 0 || socket.boundIfindex() == packet.ingressIfindex();
        if (socket.protocol() == packet.protocol()
            && socket.port() == packet.localPort()
            && bound.isWildcard() == wildcard
            && family
            && address
            && device) {
          int deviceWeight = packet.protocol() == Protocol.UDP && ipv4 ? 4 : 1;
          int score =
              (socket.boundIfindex() != 0 ? deviceWeight : 0)
                  + (ipv4 && socket.family() == Family.IPV4 ? 1 : 0);
          if (score > bestScore) {
            best = socket;
            bestScore = score;
          }
        }
      }
      if (best != null) {
        return best;
      }
    }
    return null;
  }

  @Test
  void anEmptyTableFindsNothing() {
    assertThat(ListenerTable.EMPTY.find(packet(Protocol.TCP, LOOPBACK, 80))).isNull();
    assertThat(ListenerTable.of(Collections.emptyList()).sockets()).isEmpty();
  }

  private static Socket socket(Protocol protocol, String text, int port) {
    List<String> words = List.of(text.split(","));
    String[] bound = words.getFirst().split("%", -1);
    Socket.Builder builder =
        Socket.bound(protocol, IpAddress.parse(bound[0]), port)
            .boundIfindex(bound.length > 1 ? Integer.parseInt(bound[1]) : 0);
    if (words.contains("6only")) {
      builder.v6Only();
    }
    Socket socket = builder.attachment(text).build();
    if (words.contains("group")) {
      socket.group((_, hit) -> hit.assign());
    }
    return socket;
  }

  private static LookupContext packet(Protocol protocol, String to, int port) {
    String[] words = to.split("%", -1);
    IpAddress local = IpAddress.parse(words[0]);
    IpAddress remote = IpAddress.parse(local.family() == Family.IPV4 ? "192.0.2.9" : "2001:db8::9");
    int ifindex = words.length > 1 ? Integer.parseInt(words[1]) : 1;
    return new LookupContext().of(protocol, remote, 40000, local, port, ifindex);
  }
}
