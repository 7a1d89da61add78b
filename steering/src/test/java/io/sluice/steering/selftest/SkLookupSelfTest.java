package io.sluice.steering.selftest;

import static io.sluice.steering.LookupContext.NO_REUSEPORT;
import static io.sluice.steering.LookupContext.REPLACE;
import static io.sluice.steering.Program.SK_DROP;
import static io.sluice.steering.Program.SK_PASS;
import static io.sluice.steering.Protocol.TCP;
import static io.sluice.steering.Protocol.UDP;
import static io.sluice.steering.selftest.Netns.CLIENT_PORT;
import static io.sluice.steering.selftest.Netns.EXT_PORT;
import static io.sluice.steering.selftest.Netns.INT_IP4;
import static io.sluice.steering.selftest.Netns.INT_IP6;
import static io.sluice.steering.selftest.Netns.INT_PORT;
import static io.sluice.steering.selftest.Netns.LOOPBACK;
import static io.sluice.steering.selftest.Netns.REFUSED;
import static io.sluice.steering.selftest.Netns.SERVER_A;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import io.sluice.steering.AttachPoint;
import io.sluice.steering.DropReason;
import io.sluice.steering.Errno;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Program;
import io.sluice.steering.ProgramLink;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.SocketGroup;
import io.sluice.steering.Verdict;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * The fifty subtests of the kernel's {@code tools/testing/selftests/bpf/prog_tests/sk_lookup.c}, by
 * its names: its addresses and maps, and Java programs that do what its BPF programs do.
 *
 * <p>Where the kernel's test connects and echoes, this one looks at which socket was chosen, and
 * "refused" is what a client there sees as ECONNREFUSED.
 */
class SkLookupSelfTest {
  private static final IpAddress EXT_IP4 = IpAddress.parse("127.0.0.1");
  private static final IpAddress INT_IP4_V6 = IpAddress.parse("::ffff:127.0.0.2");
  private static final IpAddress EXT_IP6 = IpAddress.parse("fd00::1");
  private static final int SERVER_B = 1;

  @TestFactory
  DynamicTest query() {
    return dynamicTest(
        "query lookup prog",
        () -> {
          Netns netns = new Netns();
          ProgramLink first = netns.attach(netns.noting("first", _ -> SK_PASS));
          ProgramLink second = netns.attach(netns.noting("second", _ -> SK_PASS));
          ProgramLink third = netns.attach(netns.noting("third", _ -> SK_DROP));
          List<Integer> ids = List.of(first.programId(), second.programId(), third.programId());

          assertThat(netns.point.query(4, 0)).isEqualTo(new AttachPoint.Programs(0, ids, 3));
          assertThat(ids).doesNotHaveDuplicates().doesNotContain(0);
          assertThat(first.attachPoint()).isSameAs(netns.point); // netns_ino != 0
          assertThat(first.detach()).isZero();
          assertThat(first.programId()).isEqualTo(ids.getFirst());
          assertThat(first.attachPoint()).isNull(); // netns_ino == 0
        });
  }

  @TestFactory
  Stream<DynamicTest> redirection() {
    return Stream.of(
        port("TCP IPv4 redir port", TCP, EXT_IP4, EXT_IP4),
        address("TCP IPv4 redir addr", TCP, EXT_IP4, INT_IP4),
        reuseport("TCP IPv4 redir with reuseport", TCP, EXT_IP4, INT_IP4, 0, SERVER_B),
        reuseport("TCP IPv4 redir skip reuseport", TCP, EXT_IP4, INT_IP4, NO_REUSEPORT, SERVER_A),
        port("TCP IPv6 redir port", TCP, EXT_IP6, EXT_IP6),
        address("TCP IPv6 redir addr", TCP, EXT_IP6, INT_IP6),
        port("TCP IPv4->IPv6 redir port", TCP, EXT_IP4, INT_IP4_V6),
        reuseport("TCP IPv6 redir with reuseport", TCP, EXT_IP6, INT_IP6, 0, SERVER_B),
        reuseport("TCP IPv6 redir skip reuseport", TCP, EXT_IP6, INT_IP6, NO_REUSEPORT, SERVER_A),
        port("UDP IPv4 redir port", UDP, EXT_IP4, EXT_IP4),
        address("UDP IPv4 redir addr", UDP, EXT_IP4, INT_IP4),
        reuseport("UDP IPv4 redir with reuseport", UDP, EXT_IP4, INT_IP4, 0, SERVER_B),
        withConns("UDP IPv4 redir and reuseport with conns", EXT_IP4, INT_IP4),
        reuseport("UDP IPv4 redir skip reuseport", UDP, EXT_IP4, INT_IP4, NO_REUSEPORT, SERVER_A),
        port("UDP IPv6 redir port", UDP, EXT_IP6, EXT_IP6),
        address("UDP IPv6 redir addr", UDP, EXT_IP6, INT_IP6),
        port("UDP IPv4->IPv6 redir port", UDP, EXT_IP4, INT_IP4_V6),
        reuseport("UDP IPv6 redir and reuseport", UDP, EXT_IP6, INT_IP6, 0, SERVER_B),
        withConns("UDP IPv6 redir and reuseport with conns", EXT_IP6, INT_IP6),
        reuseport("UDP IPv6 redir skip reuseport", UDP, EXT_IP6, INT_IP6, NO_REUSEPORT, SERVER_A));
  }

  private static DynamicTest port(String name, Protocol protocol, IpAddress to, IpAddress at) {
    return dynamicTest(
        name,
        () -> {
          Netns netns = new Netns();
          Socket a = netns.server(SERVER_A, protocol, at);
          netns.attach(netns.redirPort());

          assertThat(netns.connect(protocol, to)).isSameAs(a);
        });
  }

  private static DynamicTest address(String name, Protocol protocol, IpAddress to, IpAddress at) {
    return dynamicTest(
        name,
        () -> {
          Netns netns = new Netns();
          Socket a = netns.server(SERVER_A, protocol, at);
          netns.attach(netns.redirAddress(to));

          assertThat(netns.connect(protocol, to)).isSameAs(a);
        });
  }

  /** A and B share an address; their group's program selects B. */
  private static DynamicTest reuseport(
      String name, Protocol protocol, IpAddress to, IpAddress at, int flags, int acceptedOn) {
    return dynamicTest(
        name,
        () -> {
          Netns netns = new Netns();
          SocketGroup selectB = (_, _) -> requireNonNull(netns.map.lookup(SERVER_B)).assign();
          netns.server(SERVER_A, protocol, at).group(selectB);
          netns.server(SERVER_B, protocol, at).group(selectB);
          netns.attach(netns.selectA(flags));

          assertThat(netns.connect(protocol, to)).isSameAs(netns.map.lookup(acceptedOn));
        });
  }

  /** The same with a third socket on their address that is connected to somebody. */
  private static DynamicTest withConns(String name, IpAddress to, IpAddress at) {
    return dynamicTest(
        name,
        () -> {
          Netns netns = new Netns();
          SocketGroup selectB = (_, _) -> requireNonNull(netns.map.lookup(SERVER_B)).assign();
          netns.server(SERVER_A, UDP, at).group(selectB);
          Socket b = netns.server(SERVER_B, UDP, at);
          b.group(selectB);
          Socket connected = netns.listen(UDP, at, INT_PORT);
          connected.group(selectB);
          connected.state(Socket.State.ESTABLISHED);
          netns.attach(netns.selectA(0));

          assertThat(netns.connect(UDP, to)).isSameAs(b);
        });
  }

  @TestFactory
  Stream<DynamicTest> drop() {
    return Stream.of(
        dropOnLookup("TCP IPv4 drop on lookup", TCP, EXT_IP4, EXT_PORT),
        dropOnLookup("TCP IPv6 drop on lookup", TCP, EXT_IP6, EXT_PORT),
        dropOnLookup("UDP IPv4 drop on lookup", UDP, EXT_IP4, EXT_PORT),
        dropOnLookup("UDP IPv6 drop on lookup", UDP, EXT_IP6, INT_PORT),
        dropOnValidIfindex("TCP IPv4 drop on valid ifindex", TCP, EXT_IP4),
        dropOnValidIfindex("TCP IPv6 drop on valid ifindex", TCP, EXT_IP6),
        dropOnValidIfindex("UDP IPv4 drop on valid ifindex", UDP, EXT_IP4),
        dropOnValidIfindex("UDP IPv6 drop on valid ifindex", UDP, EXT_IP6),
        dropOnReuseport("TCP IPv4 drop on reuseport", TCP, EXT_IP4, INT_IP4),
        dropOnReuseport("TCP IPv6 drop on reuseport", TCP, EXT_IP6, INT_IP6),
        dropOnReuseport("UDP IPv4 drop on reuseport", UDP, EXT_IP4, INT_IP4),
        dropOnReuseport("TCP IPv6 drop on reuseport", TCP, EXT_IP6, INT_IP6)); // twice there too
  }

  private static DynamicTest dropOnLookup(String name, Protocol protocol, IpAddress to, int at) {
    return dynamicTest(
        name,
        () -> {
          Netns netns = new Netns();
          netns.listen(protocol, to, at);
          netns.attach(_ -> SK_DROP);

          assertThat(netns.connect(protocol, to)).isEqualTo(REFUSED);
        });
  }

  private static DynamicTest dropOnValidIfindex(String name, Protocol protocol, IpAddress to) {
    return dynamicTest(
        name,
        () -> {
          Netns netns = new Netns();
          netns.listen(protocol, to, EXT_PORT);
          netns.attach(context -> context.ingressIfindex() == LOOPBACK ? SK_DROP : SK_PASS);

          assertThat(netns.connect(protocol, to)).isEqualTo(REFUSED);
        });
  }

  /** The group of what is assigned drops: the listener where the client wanted to isn't asked. */
  private static DynamicTest dropOnReuseport(
      String name, Protocol protocol, IpAddress to, IpAddress at) {
    return dynamicTest(
        name,
        () -> {
          Netns netns = new Netns();
          netns.server(SERVER_A, protocol, at).group((_, _) -> Verdict.Drop.of(DropReason.GROUP));
          netns.listen(protocol, to, EXT_PORT);
          netns.attach(netns.selectA(0));

          assertThat(netns.connect(protocol, to)).isEqualTo(REFUSED);
        });
  }

  @TestFactory
  Stream<DynamicTest> assign() {
    return Stream.of(
        selectsB(
            "sk_assign returns EEXIST",
            netns ->
                context -> {
                  assertThat(context.assign(netns.map.lookup(SERVER_B), 0)).isZero();
                  assertThat(context.assign(netns.map.lookup(SERVER_A), 0))
                      .isEqualTo(Errno.EEXIST.negative());
                  return SK_PASS;
                }),
        selectsB(
            "sk_assign honors F_REPLACE",
            netns ->
                context -> {
                  assertThat(context.assign(netns.map.lookup(SERVER_A), 0)).isZero();
                  assertThat(context.assign(netns.map.lookup(SERVER_B), REPLACE)).isZero();
                  return SK_PASS;
                }),
        selectsB(
            "sk_assign accepts NULL socket",
            netns ->
                context -> {
                  assertThat(context.assign(null, 0)).isZero();
                  assertThat(context.assign(null, REPLACE)).isZero();
                  assertThat(context.assign(netns.map.lookup(SERVER_A), REPLACE)).isZero();
                  assertThat(context.assign(null, 0)).isEqualTo(Errno.EEXIST.negative());
                  assertThat(context.socket()).isSameAs(netns.map.lookup(SERVER_A));
                  assertThat(context.assign(null, REPLACE)).isZero();
                  assertThat(context.socket()).isNull();
                  assertThat(context.assign(netns.map.lookup(SERVER_B), REPLACE)).isZero();
                  return SK_PASS;
                }),
        selectsB(
            "access ctx->sk",
            netns ->
                context -> {
                  assertThat(context.socket()).isNull();
                  for (int key : new int[] {SERVER_A, SERVER_B}) {
                    assertThat(context.assign(netns.map.lookup(key), 0)).isZero();
                    Socket seen = context.socket();
                    assertThat(seen).isSameAs(netns.map.lookup(key)).isNotNull();
                    assertThat(seen.family()).isEqualTo(Family.IPV4);
                    assertThat(seen.protocol()).isEqualTo(TCP); // type SOCK_STREAM
                    assertThat(seen.state().number()).isEqualTo(10); // BPF_TCP_LISTEN
                    if (key == SERVER_A) {
                      assertThat(context.assign(null, REPLACE)).isZero();
                      assertThat(context.socket()).isNull();
                    }
                  }
                  return SK_PASS;
                }),
        narrowAccess("narrow access to ctx v4", EXT_IP4, SkLookupSelfTest::narrowV4),
        narrowAccess("narrow access to ctx v6", EXT_IP6, SkLookupSelfTest::narrowV6),
        rejects("sk_assign rejects TCP established", TCP),
        rejects("sk_assign rejects UDP connected", UDP));
  }

  /** Makes the program that is attached. */
  private interface Steer {
    Program program(Netns netns);
  }

  private static DynamicTest selectsB(String name, Steer steer) {
    return dynamicTest(
        name,
        () -> {
          Netns netns = new Netns();
          netns.server(SERVER_A, TCP, INT_IP4);
          long cookie = netns.server(SERVER_B, TCP, INT_IP4).cookie();
          netns.attach(steer.program(netns));

          Socket chosen = netns.connect(TCP, EXT_IP4);
          assertThat(chosen == null ? 0 : chosen.cookie()).isEqualTo(cookie);
        });
  }

  /** A load of a part of a field has no counterpart: accessors give whole values. */
  private static DynamicTest narrowAccess(String name, IpAddress to, Consumer<LookupContext> seen) {
    return dynamicTest(
        name,
        () -> {
          Netns netns = new Netns();
          Socket b = netns.server(SERVER_B, TCP, to);
          netns.attach(context -> {
            assertThat(context.protocol().number()).isEqualTo(6);
            assertThat(context.remotePort()).isEqualTo(CLIENT_PORT);
            assertThat(context.localPort()).isEqualTo(EXT_PORT);
            assertThat(context.ingressIfindex()).isEqualTo(LOOPBACK);
            seen.accept(context);
            return context.assign(b, 0) == 0 ? SK_PASS : SK_DROP;
          });

          assertThat(netns.connect(TCP, to)).isSameAs(b);
        });
  }

  private static void narrowV4(LookupContext context) {
    assertThat(context.family().number()).isEqualTo(2);
    assertThat(context.remoteIp4()).isEqualTo(0x7f000002);
    assertThat(context.localIp4()).isEqualTo(0x7f000001);
    assertThat(context.remoteHigh()).isZero();
    assertThat(context.localHigh()).isZero();
    assertThat(context.remoteLow()).isEqualTo(0x7f000002); // the kernel's remote_ip6 is 0
    assertThat(context.localLow()).isEqualTo(0x7f000001);
  }

  private static void narrowV6(LookupContext context) {
    assertThat(context.family().number()).isEqualTo(10);
    assertThat(context.remoteIp4()).isZero();
    assertThat(context.localIp4()).isZero();
    assertThat(context.remoteHigh()).isEqualTo(0xfd00L << 48);
    assertThat(context.remoteLow()).isEqualTo(2);
    assertThat(context.localHigh()).isEqualTo(0xfd00L << 48);
    assertThat(context.localLow()).isEqualTo(1);
  }

  private static DynamicTest rejects(String name, Protocol protocol) {
    return dynamicTest(
        name,
        () -> {
          Netns netns = new Netns();
          Socket ordinary = netns.listen(protocol, EXT_IP4, EXT_PORT);
          netns.server(SERVER_A, protocol, EXT_IP4).state(Socket.State.ESTABLISHED);
          netns.attach(context ->
              context.assign(netns.map.lookup(SERVER_A), 0) == Errno.ESOCKTNOSUPPORT.negative()
                  ? SK_PASS
                  : SK_DROP);

          assertThat(netns.connect(protocol, EXT_IP4)).isSameAs(ordinary);
        });
  }

  @TestFactory
  Stream<DynamicTest> multiProg() {
    return Stream.of(
        multiProg("pass, pass", true),
        multiProg("drop, drop", false),
        multiProg("pass, drop", false),
        multiProg("drop, pass", false),
        multiProg("pass, redir", true),
        multiProg("redir, pass", true),
        multiProg("drop, redir", true),
        multiProg("redir, drop", true),
        multiProg("redir, redir", true));
  }

  /** Two programs, both of which must run; a redirection leads to a server at another port. */
  private static DynamicTest multiProg(String programs, boolean connects) {
    return dynamicTest(
        "multi prog - " + programs,
        () -> {
          Netns netns = new Netns();
          Socket a = netns.server(SERVER_A, TCP, EXT_IP4);
          Socket ordinary = netns.listen(TCP, EXT_IP4, EXT_PORT);
          for (String program : programs.split(", ", -1)) {
            netns.attach(
                netns.noting(
                    program,
                    switch (program) {
                      case "pass" -> _ -> SK_PASS;
                      case "drop" -> _ -> SK_DROP;
                      default ->
                          context -> {
                            int _ = context.assign(netns.map.lookup(SERVER_A), 0);
                            return SK_PASS;
                          };
                    }));
          }
          Socket expected = programs.contains("redir") ? a : connects ? ordinary : REFUSED;

          assertThat(netns.connect(TCP, EXT_IP4)).isSameAs(expected);
          assertThat(netns.ran).containsExactly(programs.split(", ", -1));
        });
  }
}
