package io.sluice.steering.reuseport;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.DropReason;
import io.sluice.steering.Errno;
import io.sluice.steering.IpAddress;
import io.sluice.steering.ListenerTable;
import io.sluice.steering.LookupContext;
import io.sluice.steering.LookupObserver;
import io.sluice.steering.Program;
import io.sluice.steering.ProgramChain;
import io.sluice.steering.Protocol;
import io.sluice.steering.SkLookup;
import io.sluice.steering.Socket;
import io.sluice.steering.Verdict;
import io.sluice.steering.map.ReuseportSockArray;
import io.sluice.steering.map.SockHash;
import io.sluice.steering.map.SockMap;
import io.sluice.steering.reuseport.ReuseportGroup.Member;
import io.sluice.steering.reuseport.ReuseportGroup.Selection;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What a group's program can do, and what comes of it: kernel-semantics.md 2.6 and 7.4. As long as
 * these sections have rows.
 */
class ReuseportProgramTest {
  private final List<String> failures = new ArrayList<>();
  private final LookupContext context =
      new LookupContext(
          new LookupObserver() {
            @Override
            public void programFailed(String program, Throwable cause) {
              failures.add(program + ": " + cause.getMessage());
            }
          });
  private final Socket a = listening("127.0.0.1");
  private final Socket b = listening("127.0.0.1");
  private final Socket elsewhere = listening("0.0.0.0");
  private final ReuseportGroup group = group(Selection.HASH, a, b);
  private int runs;

  private static Socket listening(String address) {
    return Socket.bound(Protocol.TCP, IpAddress.parse(address), 80).build();
  }

  private static ReuseportGroup group(Selection selection, Socket... sockets) {
    List<Member> members = Stream.of(sockets).map(it -> new Member(it, 1)).toList();
    return ReuseportGroup.of(members, selection, _ -> 0);
  }

  /** A lookup whose SK_LOOKUP program assigns A, beside another listener that takes the port. */
  private Verdict assignA(long flags) {
    return assignA(flags, 40_000);
  }

  private Verdict assignA(long flags, int clientPort) {
    context.ipv4(Protocol.TCP, 0x7f000001, clientPort, 0x7f000001, 80, 1);
    return lookup(flags);
  }

  private Verdict lookup(long flags) {
    Program assigning =
        it -> {
          assertThat(it.assign(a, flags)).isZero();
          return Program.SK_PASS;
        };
    return new SkLookup(
            ProgramChain.of(List.of(new ProgramChain.Link("assigning", assigning))),
            ListenerTable.of(List.of(elsewhere)))
        .lookup(context);
  }

  private static Socket taken(Verdict verdict) {
    assertThat(verdict).isInstanceOf(Verdict.Assign.class);
    return ((Verdict.Assign) verdict).socket();
  }

  /** Selects B, and says the errno if it can't. */
  private ReuseportProgram selecting(Socket socket) {
    SockMap map = new SockMap(1);
    assertThat(map.update(0, socket)).isZero();
    return it -> {
      runs++;
      return it.selectReuseport(map, 0, 0) == 0
          ? ReuseportProgram.SK_PASS
          : ReuseportProgram.SK_DROP;
    };
  }

  @Test
  void theSelectedMemberGetsAllClients() {
    group.attach("p", selecting(b));
    for (int port = 1; port <= 40; port++) {
      assertThat(taken(assignA(0, port))).isSameAs(b);
    }
    assertThat(runs).isEqualTo(40);
  }

  @Test
  void passWithoutSelectionIsTheHash() {
    Set<Socket> byHash = new HashSet<>();
    for (int port = 1; port <= 40; port++) {
      Socket without = taken(assignA(0, port));
      group.attach("p", _ -> ReuseportProgram.SK_PASS);
      assertThat(taken(assignA(0, port))).isSameAs(without);
      assertThat(group.detach()).isZero();
      byHash.add(without);
    }
    assertThat(byHash).containsExactlyInAnyOrder(a, b);
  }

  @Test
  void aSelectionThatFailedLeavesTheHashOrAnEarlierSelection() {
    Socket other = listening("127.0.0.1");
    group(Selection.HASH, other);
    SockMap map = new SockMap(2);
    map.update(0, b);
    map.update(1, other);
    Socket byHash = taken(assignA(0));

    group.attach(
        "p",
        it -> {
          assertThat(it.selectReuseport(map, 1, 0)).isEqualTo(Errno.EBADFD.negative());
          return ReuseportProgram.SK_PASS;
        });
    assertThat(taken(assignA(0))).isSameAs(byHash);

    group.attach(
        "p",
        it -> {
          assertThat(it.selectReuseport(map, 0, 0)).isZero();
          assertThat(it.selectReuseport(map, 1, 0)).isEqualTo(Errno.EBADFD.negative());
          return ReuseportProgram.SK_PASS;
        });
    assertThat(taken(assignA(0))).isSameAs(b);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 2, -1, Integer.MAX_VALUE})
  void anyOtherAnswerRefusesWithoutFallThrough(int answer) {
    group.attach(
        "p",
        it -> {
          assertThat(it.select(b)).isZero();
          return answer;
        });
    assertThat(assignA(0)).isEqualTo(new Verdict.Drop(DropReason.GROUP));
    assertThat(failures).isEmpty();
  }

  @Test
  void aGroupsDropIsNotPassedOnToTheWildcardListener() {
    group.attach("p", _ -> ReuseportProgram.SK_DROP);
    SkLookup engine =
        new SkLookup(ProgramChain.of(List.of()), ListenerTable.of(List.of(a, b, elsewhere)));
    context.ipv4(Protocol.TCP, 0x7f000001, 1, 0x7f000001, 80, 1);
    assertThat(engine.lookup(context)).isEqualTo(new Verdict.Drop(DropReason.GROUP));
    context.ipv4(Protocol.TCP, 0x7f000001, 1, 0x7f000002, 80, 1);
    assertThat(engine.lookup(context)).isEqualTo(new Verdict.Pass(elsewhere));
  }

  @Test
  void aProgramThatThrowsRefusesAndIsReported() {
    group.attach(
        "broken",
        it -> {
          assertThat(it.select(b)).isZero();
          throw new IllegalStateException("by the test");
        });
    assertThat(assignA(0)).isEqualTo(new Verdict.Drop(DropReason.PROGRAM_ERROR));
    assertThat(failures).containsExactly("broken: by the test");

    group.attach("dropping", _ -> ReuseportProgram.SK_DROP);
    assertThat(assignA(0)).isEqualTo(new Verdict.Drop(DropReason.GROUP));
  }

  @Test
  void noReuseportRunsNoProgram() {
    group.attach("p", selecting(b));
    assertThat(taken(assignA(LookupContext.NO_REUSEPORT))).isSameAs(a);
    assertThat(runs).isZero();
  }

  @Test
  void withoutAPacketTheHashDecides() {
    Socket byHash = taken(assignA(0, 7));
    group.attach("p", selecting(byHash == a ? b : a));
    context.ipv4(Protocol.TCP, 0x7f000001, 7, 0x7f000001, 80, 1).withoutPacket();
    assertThat(taken(lookup(0))).isSameAs(byHash);
    assertThat(runs).isZero();
    assertThat(taken(assignA(0, 7))).describedAs("the next has one").isNotSameAs(byHash);
  }

  record Refusal(String what, @Nullable Socket entry, Errno errno) {
    @Override
    public String toString() {
      return what + " " + errno;
    }
  }

  static Stream<Refusal> refusals() {
    Socket alone = listening("127.0.0.1");
    Socket shut = listening("127.0.0.1");
    Socket connected = Socket.bound(Protocol.UDP, IpAddress.ANY_IPV4, 80).build();
    Socket udp = Socket.bound(Protocol.UDP, IpAddress.parse("::1"), 80).build();
    Socket v6 = listening("::1");
    Socket otherAddress = listening("127.0.0.2");
    group(Selection.HASH, shut);
    group(Selection.HASH, connected);
    group(Selection.HASH, udp);
    group(Selection.HASH, v6);
    group(Selection.HASH, otherAddress);
    shut.state(Socket.State.CLOSE);
    connected.state(Socket.State.ESTABLISHED);
    Socket established =
        Socket.bound(Protocol.TCP, IpAddress.ANY_IPV4, 80).state(Socket.State.ESTABLISHED).build();
    return Stream.of(
        new Refusal("no entry", null, Errno.ENOENT),
        new Refusal("a listener in no group", alone, Errno.EINVAL),
        new Refusal("an established socket", established, Errno.EINVAL),
        new Refusal("a listener that was shut has left its group", shut, Errno.EINVAL),
        new Refusal("a connected UDP socket has left its group", connected, Errno.EINVAL),
        new Refusal("another protocol, and another family", udp, Errno.EPROTOTYPE),
        new Refusal("another family", v6, Errno.EAFNOSUPPORT),
        new Refusal("another group", otherAddress, Errno.EBADFD));
  }

  @ParameterizedTest
  @MethodSource("refusals")
  void selectReuseportRefuses(Refusal refusal) {
    SockMap map = new SockMap(1);
    SockHash hash = new SockHash(4, 1);
    byte[] key = {1, 2, 3, 4};
    Socket entry = refusal.entry;
    if (entry != null) {
      Socket.State state = entry.state();
      if (entry.protocol() == Protocol.TCP && state == Socket.State.CLOSE) {
        entry.state(Socket.State.LISTEN); // as it was when it was inserted
      }
      assertThat(map.update(0, entry)).isZero();
      assertThat(hash.update(key, entry)).isZero();
      entry.state(state);
    }
    List<Integer> results = new ArrayList<>();
    group.attach(
        "p",
        it -> {
          results.add(it.selectReuseport(map, 0, 0));
          results.add(it.selectReuseport(map, 0, 0xffff));
          results.add(it.selectReuseport(hash, key, 0));
          results.add(it.selectReuseport(map, 1, 0)); // out of range
          results.add(it.selectReuseport(map, -1, 0));
          return ReuseportProgram.SK_PASS;
        });
    assertThat(taken(assignA(0))).isIn(a, b);
    int expected = refusal.errno.negative();
    int none = Errno.ENOENT.negative();
    assertThat(results).containsExactly(expected, expected, expected, none, none);
  }

  @Test
  void aSockarrayAnswersTheSame() {
    Socket udp = Socket.bound(Protocol.UDP, IpAddress.parse("127.0.0.1"), 80).build();
    Socket v6 = listening("::1");
    Socket otherAddress = listening("127.0.0.2");
    Socket shut = listening("127.0.0.1");
    ReuseportSockArray array = new ReuseportSockArray(8);
    int index = 0;
    for (Socket socket : List.of(b, udp, v6, otherAddress, shut)) {
      if (socket != b) {
        group(Selection.HASH, socket);
      }
      assertThat(array.update(index++, socket)).isZero();
    }
    shut.state(Socket.State.CLOSE); // leaves its group, and with it the array
    List<Integer> results = new ArrayList<>();
    group.attach(
        "p",
        it -> {
          for (int i = 0; i < 6; i++) {
            results.add(it.selectReuseport(array, i, 0xffff));
          }
          results.add(it.selectReuseport(array, 8, 0));
          return ReuseportProgram.SK_PASS;
        });
    assertThat(taken(assignA(0))).describedAs("of all, the first stands").isSameAs(b);
    assertThat(results)
        .containsExactly(
            0,
            Errno.EPROTOTYPE.negative(),
            Errno.EAFNOSUPPORT.negative(),
            Errno.EBADFD.negative(),
            Errno.ENOENT.negative(),
            Errno.ENOENT.negative(),
            Errno.ENOENT.negative());
  }

  @Test
  void flagsAreIgnored() {
    SockMap map = new SockMap(1);
    map.update(0, b);
    group.attach("p", it -> it.selectReuseport(map, 0, 0xffff) == 0 ? 1 : 0);
    assertThat(taken(assignA(0))).isSameAs(b);
  }

  @Test
  void membersAreSelectedByTheirPlaceWithoutAMap() {
    Socket c = listening("127.0.0.1");
    group(Selection.HASH, a, b, c);
    c.close();
    List<Integer> results = new ArrayList<>();
    ReuseportGroup.attach(
        a,
        "p",
        it -> {
          for (int i = -1; i <= it.members(); i++) {
            results.add(it.selectMember(i));
          }
          return ReuseportProgram.SK_PASS;
        });
    assertThat(taken(assignA(0))).isSameAs(b);
    int none = Errno.ENOENT.negative();
    assertThat(results).containsExactly(none, 0, 0, none, none);
  }

  @Test
  void aSocketThatOnlyStandsForTheGroupCantBeSelected() {
    Socket standIn = listening("127.0.0.1");
    standIn.group(group);
    group.attach("p", it -> it.select(standIn) == Errno.EINVAL.negative() ? 1 : 0);
    assertThat(taken(assignA(0))).isIn(a, b);
  }

  @Test
  void attachReplacesAndDetachTakesOff() {
    assertThat(group.hasProgram()).isFalse();
    assertThat(ReuseportGroup.detach(a)).isEqualTo(Errno.ENOENT.negative());
    assertThat(ReuseportGroup.attach(a, "p", selecting(a))).isZero();
    assertThat(ReuseportGroup.attach(b, "p", selecting(b))).isZero();
    assertThat(group.hasProgram()).isTrue();
    assertThat(group.describe()).isEqualTo("2 members, program, else hash");
    assertThat(taken(assignA(0))).isSameAs(b);
    assertThat(ReuseportGroup.detach(a)).isZero();
    assertThat(ReuseportGroup.detach(b)).isEqualTo(Errno.ENOENT.negative());
    assertThat(group.describe()).isEqualTo("2 members, hash");
    assertThat(taken(assignA(0))).isIn(a, b);
    assertThat(runs).isEqualTo(1);
  }

  @Test
  void attachAndDetachWantASocketInAGroup() {
    Socket closed = listening("127.0.0.1");
    closed.close();
    ReuseportProgram any = _ -> 1;
    assertThat(ReuseportGroup.attach(elsewhere, "p", any)).isEqualTo(Errno.EINVAL.negative());
    assertThat(ReuseportGroup.detach(elsewhere)).isEqualTo(Errno.EINVAL.negative());
    assertThat(ReuseportGroup.attach(closed, "p", any)).isEqualTo(Errno.EBADF.negative());
    assertThat(ReuseportGroup.detach(closed)).isEqualTo(Errno.EBADF.negative());
  }

  @Test
  void aNamedMemberThatIsDownIsPassedOverUnlessAllAre() {
    group.attach("p", selecting(b));
    group.available(b, false);
    assertThat(taken(assignA(0))).isSameAs(a);
    group.available(a, false);
    assertThat(taken(assignA(0))).isSameAs(b);
    group.available(b, true);
    assertThat(taken(assignA(0))).isSameAs(b);
    assertThat(runs).describedAs("once per lookup").isEqualTo(3);
  }

  @Test
  void aNamedMemberThatDrainsIsStillSelected() {
    Socket drained = listening("127.0.0.1");
    Socket other = listening("127.0.0.1");
    ReuseportGroup weighted =
        ReuseportGroup.of(
            List.of(new Member(drained, 0), new Member(other, 1)), Selection.HASH, _ -> 0);
    context.ipv4(Protocol.TCP, 0x7f000001, 1, 0x7f000001, 80, 1);
    assertThat(weighted.select(context, drained).socket()).isSameAs(other);
    weighted.attach("p", it -> it.select(drained) == 0 ? 1 : 0);
    assertThat(weighted.select(context, drained).socket()).isSameAs(drained);
  }

  @Test
  void aProgramSelectsOnceAndARetryGoesTheGroupsOwnWay() {
    group.attach("p", selecting(b));
    Tried tried = new Tried();
    assertThat(taken(assignA(0))).isSameAs(b);
    assertThat(group.selectOther(context, b, tried)).isSameAs(a);
    assertThat(group.selectOther(context, a, tried)).isNull();
    assertThat(runs).isEqualTo(1);
  }

  @Test
  void withoutSelectionTheGroupsOwnWayDecides() {
    ReuseportGroup inTurn = group(Selection.ROUND_ROBIN, a, b);
    inTurn.attach("p", _ -> 1);
    assertThat(List.of(taken(assignA(0)), taken(assignA(0)), taken(assignA(0))))
        .containsExactly(a, b, a);
  }

  @Test
  void aHashOfTheProgramsOwnSelectsByWeight() {
    Socket[] sockets = {a, b};
    for (int i = 0; i < 2; i++) {
      int hash = i == 0 ? 0 : -1; // ⌊hash · 2 / 2³²⌋
      group.attach(
          "p",
          it -> {
            it.selectByHash(hash);
            return ReuseportProgram.SK_PASS;
          });
      assertThat(taken(assignA(0, 1))).isSameAs(sockets[i]);
      assertThat(taken(assignA(0, 2))).isSameAs(sockets[i]);
    }
    group.available(b, false);
    assertThat(taken(assignA(0))).isSameAs(a);
  }
}
