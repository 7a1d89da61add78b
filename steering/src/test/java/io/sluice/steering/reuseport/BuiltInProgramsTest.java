package io.sluice.steering.reuseport;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Payload;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.reuseport.ReuseportGroup.Member;
import io.sluice.steering.reuseport.ReuseportGroup.Selection;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** {@link PayloadProgram} and {@link QuicProgram} on a group of eight. */
class BuiltInProgramsTest {
  private static final int MEMBERS = 8;

  private final ConnectionIds ids = new ConnectionIds(1024, 1000, () -> 0);
  private final List<Member> members = members("server ");
  private final ReuseportGroup group = ReuseportGroup.of(members, Selection.HASH, _ -> 0);
  private final LookupContext context = new LookupContext();

  private static List<Member> members(String name) {
    List<Member> members = new ArrayList<>();
    for (int i = 0; i < MEMBERS; i++) {
      Socket socket =
          Socket.bound(Protocol.UDP, IpAddress.ANY_IPV6, 443).attachment(name + i).build();
      members.add(new Member(socket, 1));
    }
    return members;
  }

  private Socket select(ReuseportGroup group, int clientPort, Payload datagram) {
    context.ipv4(Protocol.UDP, 0x0a000001, clientPort, 0x0a000002, 443, 1).payload(datagram);
    return java.util.Objects.requireNonNull(
        group.select(context, members.getFirst().socket()).socket());
  }

  private Socket select(int clientPort, String hex) {
    return select(group, clientPort, hex(hex));
  }

  private static Payload hex(String hex) {
    return Payload.of(HexFormat.of().parseHex(hex.replace(" ", "")));
  }

  /** Which members eight client ports get. */
  private Set<Socket> selected(String hex) {
    Set<Socket> selected = new HashSet<>();
    for (int port = 1; port <= 8; port++) {
      selected.add(select(port, hex));
    }
    return selected;
  }

  @Test
  void equalBytesOfThePayloadGoToOneMember() {
    group.attach("payload", new PayloadProgram(2, 4));
    assertThat(selected("0000 01020304")).hasSize(1);
    assertThat(select(1, "ffff 01020304 ff")).isSameAs(select(2, "0000 01020304"));
    Set<Socket> all = new HashSet<>();
    for (int i = 16; i < 80; i++) {
      all.add(select(1, "0000 010203" + Integer.toHexString(i)));
    }
    assertThat(all).hasSize(MEMBERS);
  }

  @Test
  void aPayloadThatIsTooShortGoesByTheTuple() {
    group.attach("payload", new PayloadProgram(2, 4));
    for (int port = 1; port <= 8; port++) {
      Socket with = select(port, "0000 010203");
      assertThat(group.detach()).isZero();
      assertThat(select(port, "0000 010203")).isSameAs(with);
      group.attach("payload", new PayloadProgram(2, 4));
    }
    assertThat(selected("0000 010203")).hasSizeGreaterThan(1);
    assertThat(selected("")).hasSizeGreaterThan(1);
  }

  @Test
  void impossibleParametersAreRefused() {
    assertThatIllegalArgumentException().isThrownBy(() -> new PayloadProgram(-1, 4));
    assertThatIllegalArgumentException().isThrownBy(() -> new PayloadProgram(0, 0));
    assertThatIllegalArgumentException().isThrownBy(() -> new QuicProgram(ids, 0, members));
    assertThatIllegalArgumentException().isThrownBy(() -> new QuicProgram(ids, 21, members));
  }

  @Test
  void theClientsFirstConnectionIdIsHashed() {
    group.attach("quic", new QuicProgram(ids, 8, members));
    assertThat(selected("c3 00000001 08 8394c8f03e515708 00")).hasSize(1);
    assertThat(select(1, "c3 00000001 08 8394c8f03e515708 00"))
        .describedAs("a short header has it too")
        .isSameAs(select(2, "40 8394c8f03e515708 ff"));
  }

  @Test
  void anIdThatAServerChoseLeadsToThatServerFromAnyPort() {
    QuicProgram quic = new QuicProgram(ids, 8, members);
    group.attach("quic", quic);
    Random random = new Random(1);
    for (int i = 0; i < 100; i++) {
      byte[] chosen = new byte[8];
      random.nextBytes(chosen);
      String id = HexFormat.of().formatHex(chosen);
      Socket server = members.get(i % MEMBERS).socket();
      ConnectionIds.Entry learned = quic.learn(hex("c0 00000001 00 08" + id + "00"), server);
      assertThat(select(i, "40" + id + "ff")).as(id).isSameAs(server);
      assertThat(select(i + 1000, "e0 00000001 08" + id + "00")).as(id).isSameAs(server);
      assertThat(quic.connection(hex("40" + id))).isSameAs(learned);
    }
  }

  @Test
  void aServerIdInsideTheConnectionIdNeedsNoLearning() {
    Map<Long, Socket> byId = new HashMap<>();
    for (int i = 0; i < MEMBERS; i++) {
      byId.put(0xfff0L + i, members.get(i).socket());
    }
    group.attach("quic", new QuicProgram(ids, 8, members, new QuicProgram.ServerIds(1, 2, byId)));
    for (int i = 0; i < MEMBERS; i++) {
      Socket server = members.get(i).socket();
      assertThat(select(i, "40 07fff" + i + "aabbccddee")).isSameAs(server);
      assertThat(select(i, "e0 00000001 08 09fff" + i + "0102030405 00")).isSameAs(server);
      assertThat(selected("c0 00000001 07 09fff" + i + "01020304 00"))
          .describedAs("of another length, and so of no server: by hash")
          .hasSize(1);
    }
    assertThat(selected("40 07abcdaabbccddee")).describedAs("nobody's").hasSize(1);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new QuicProgram(ids, 8, members, new QuicProgram.ServerIds(7, 2, byId)));
    assertThatIllegalArgumentException().isThrownBy(() -> new QuicProgram.ServerIds(0, 9, byId));
  }

  @Test
  void aVersionNegotiationTeachesNothing() {
    QuicProgram quic = new QuicProgram(ids, 8, members);
    assertThat(quic.learn(hex("80 00000000 00 08 8394c8f03e515708"), members.get(3).socket()))
        .isNull();
    assertThat(quic.learn(hex("40 8394c8f03e515708 00"), members.get(3).socket())).isNull();
    assertThat(quic.connection(hex("40 8394c8f03e515708"))).isNull();
  }

  @Test
  void aConnectionStaysThroughAReloadAndWhenItsServerDrains() {
    QuicProgram before = new QuicProgram(ids, 4, members);
    before.learn(hex("c0 00000001 00 04 01020304"), members.get(3).socket());
    List<Member> reversed = new ArrayList<>(members("server ").reversed());
    reversed.set(4, new Member(reversed.get(4).socket(), 0)); // server 3
    ReuseportGroup reloaded = ReuseportGroup.of(reversed, Selection.HASH, _ -> 0);
    reloaded.attach("quic", new QuicProgram(ids, 4, reversed));
    Socket selected = select(reloaded, 9, hex("40 01020304"));
    assertThat(selected.attachment()).isEqualTo("server 3");
    assertThat(selected).isSameAs(reversed.get(4).socket());
  }

  @Test
  void aConnectionWhoseServerIsGoneOrDownGoesByItsHash() {
    QuicProgram before = new QuicProgram(ids, 4, members);
    group.attach("quic", before);
    Socket byHash = select(1, "40 01020304");
    Socket other = members.get(byHash == members.get(3).socket() ? 4 : 3).socket();
    before.learn(hex("c0 00000001 00 04 01020304"), other);
    assertThat(select(1, "40 01020304")).isSameAs(other);
    group.available(other, false);
    assertThat(select(1, "40 01020304")).isSameAs(byHash);

    List<Member> others = members("another ");
    ReuseportGroup reloaded = ReuseportGroup.of(others, Selection.HASH, _ -> 0);
    reloaded.attach("quic", new QuicProgram(ids, 4, others));
    assertThat(others.stream().map(Member::socket))
        .contains(select(reloaded, 1, hex("40 01020304")));
  }

  @Test
  void whatHasNoConnectionIdGoesByTheTuple() {
    group.attach("quic", new QuicProgram(ids, 8, members));
    assertThat(selected("40 010203")).hasSizeGreaterThan(1);
    assertThat(selected("c0 00000001 00 00")).hasSizeGreaterThan(1);
    assertThat(selected("")).hasSizeGreaterThan(1);
  }
}
