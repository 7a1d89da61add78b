package io.sluice.steering.reuseport;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.DropReason;
import io.sluice.steering.IpAddress;
import io.sluice.steering.ListenerTable;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Program;
import io.sluice.steering.ProgramChain;
import io.sluice.steering.Protocol;
import io.sluice.steering.SkLookup;
import io.sluice.steering.Socket;
import io.sluice.steering.Verdict;
import io.sluice.steering.map.SockMap;
import io.sluice.steering.reuseport.ReuseportGroup.Member;
import io.sluice.steering.reuseport.ReuseportGroup.Selection;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The reuseport rows of the kernel's prog_tests/sk_lookup.c with its names (kernel-semantics.md
 * 13.1). Clients ask the external address; the SK_LOOKUP program assigns server A, and the program
 * on the group of A and B selects B.
 */
class SkLookupReuseportTest {
  private static final int EXTERNAL_PORT = 7007;
  private static final int INTERNAL_PORT = 8008;

  private final SockMap redirect = new SockMap(2);
  private int groupRuns;

  private static IpAddress address(boolean ipv6, int host) {
    return IpAddress.parse(ipv6 ? "fd00::" + host : "127.0.0." + host);
  }

  private Verdict connect(Protocol protocol, boolean ipv6, long flags, boolean withConnections) {
    Socket a = Socket.bound(protocol, address(ipv6, 2), INTERNAL_PORT).attachment("A").build();
    Socket b = Socket.bound(protocol, address(ipv6, 2), INTERNAL_PORT).attachment("B").build();
    List<Member> members = new ArrayList<>(List.of(new Member(a, 1), new Member(b, 1)));
    if (withConnections) {
      Socket connected = Socket.bound(protocol, address(ipv6, 2), INTERNAL_PORT).build();
      connected.state(Socket.State.ESTABLISHED);
      members.add(1, new Member(connected, 1));
    }
    ReuseportGroup group = ReuseportGroup.of(members, Selection.HASH, _ -> 0);
    assertThat(redirect.update(0, a)).isZero();
    assertThat(redirect.update(1, b)).isZero();
    group.attach("select", this::selectB);
    return lookUp(protocol, ipv6, flags);
  }

  private int selectB(ReuseportContext context) {
    groupRuns++;
    return context.selectReuseport(redirect, 1, 0) == 0
        ? ReuseportProgram.SK_PASS
        : ReuseportProgram.SK_DROP;
  }

  private Verdict lookUp(Protocol protocol, boolean ipv6, long flags) {
    Program assigning =
        context -> {
          if (context.localPort() != EXTERNAL_PORT) {
            return Program.SK_PASS;
          }
          return context.assign(redirect.lookup(0), flags) == 0 ? Program.SK_PASS : Program.SK_DROP;
        };
    Socket ordinary = Socket.bound(protocol, address(ipv6, 1), EXTERNAL_PORT).build();
    SkLookup engine =
        new SkLookup(
            ProgramChain.of(List.of(new ProgramChain.Link("assigning", assigning))),
            ListenerTable.of(List.of(ordinary)));
    LookupContext context = new LookupContext();
    return engine.lookup(
        context.of(protocol, address(ipv6, 1), 50_000, address(ipv6, 1), EXTERNAL_PORT, 1));
  }

  private static Object server(Verdict verdict) {
    return verdict instanceof Verdict.Assign assign
        ? String.valueOf(assign.socket().attachment())
        : verdict;
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource({
    "TCP IPv4 redir with reuseport, TCP, false",
    "TCP IPv6 redir with reuseport, TCP, true",
    "UDP IPv4 redir with reuseport, UDP, false",
    "UDP IPv6 redir and reuseport, UDP, true"
  })
  void redirWithReuseport(String name, Protocol protocol, boolean ipv6) {
    assertThat(server(connect(protocol, ipv6, 0, false))).isEqualTo("B");
    assertThat(groupRuns).isEqualTo(1);
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource({
    "UDP IPv4 redir and reuseport with conns, UDP, false",
    "UDP IPv6 redir and reuseport with conns, UDP, true"
  })
  void redirAndReuseportWithConns(String name, Protocol protocol, boolean ipv6) {
    assertThat(server(connect(protocol, ipv6, 0, true))).isEqualTo("B");
    assertThat(groupRuns).isEqualTo(1);
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource({
    "TCP IPv4 redir skip reuseport, TCP, false",
    "TCP IPv6 redir skip reuseport, TCP, true",
    "UDP IPv4 redir skip reuseport, UDP, false",
    "UDP IPv6 redir skip reuseport, UDP, true"
  })
  void redirSkipReuseport(String name, Protocol protocol, boolean ipv6) {
    assertThat(server(connect(protocol, ipv6, LookupContext.NO_REUSEPORT, false))).isEqualTo("A");
    assertThat(groupRuns).isZero();
  }

  @ParameterizedTest(name = "{0}")
  @CsvSource({
    "TCP IPv4 drop on reuseport, TCP, false",
    "TCP IPv6 drop on reuseport, TCP, true",
    "UDP IPv4 drop on reuseport, UDP, false",
    "UDP IPv6 drop on reuseport, UDP, true"
  })
  void dropOnReuseport(String name, Protocol protocol, boolean ipv6) {
    Socket a = Socket.bound(protocol, address(ipv6, 2), INTERNAL_PORT).build();
    ReuseportGroup group = ReuseportGroup.of(List.of(new Member(a, 1)), Selection.HASH, _ -> 0);
    assertThat(redirect.update(0, a)).isZero();
    group.attach("drop", _ -> ReuseportProgram.SK_DROP);
    assertThat(lookUp(protocol, ipv6, 0)).isEqualTo(new Verdict.Drop(DropReason.GROUP));
  }
}
