package io.sluice.steering.reuseport;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.DropReason;
import io.sluice.steering.Errno;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.ListenerTable;
import io.sluice.steering.LookupContext;
import io.sluice.steering.ProgramChain;
import io.sluice.steering.Protocol;
import io.sluice.steering.SkLookup;
import io.sluice.steering.Socket;
import io.sluice.steering.Verdict;
import io.sluice.steering.map.SockHash;
import io.sluice.steering.map.SockMap;
import io.sluice.steering.reuseport.ReuseportGroup.Member;
import io.sluice.steering.reuseport.ReuseportGroup.Selection;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The reuseport tests of the kernel's prog_tests/sockmap_listen.c with its names
 * (kernel-semantics.md 13.2). The program selects what is under key 0, passes if that worked, and
 * drops otherwise.
 */
class SockmapListenReuseportTest {
  private static final byte[] KEY = {0, 0, 0, 0};

  record Case(boolean hash, Family family, Protocol protocol) {
    @Override
    public String toString() {
      return (hash ? "sockhash " : "sockmap ") + family + " " + protocol;
    }

    Socket socket(int host) {
      String address = family == Family.IPV4 ? "127.0.0." + host : "fd00::" + host;
      return Socket.bound(protocol, IpAddress.parse(address), 7007).build();
    }
  }

  static Stream<Case> cases() {
    List<Case> cases = new ArrayList<>();
    for (Protocol protocol : Protocol.values()) {
      for (Family family : Family.values()) {
        cases.add(new Case(false, family, protocol));
        cases.add(new Case(true, family, protocol));
      }
    }
    return cases.stream();
  }

  private static ReuseportGroup group(Socket... sockets) {
    return ReuseportGroup.of(
        Stream.of(sockets).map(it -> new Member(it, 1)).toList(), Selection.HASH, _ -> 0);
  }

  private final List<Integer> results = new ArrayList<>();

  /** Connects to the listener, on whose group the program runs. */
  private Verdict connect(Case test, Socket entry, Socket listener) {
    SockMap map = new SockMap(1);
    SockHash hash = new SockHash(4, 1);
    assertThat(test.hash ? hash.update(KEY, entry) : map.update(0, entry)).isZero();
    ReuseportProgram program =
        context -> {
          int result =
              test.hash
                  ? context.selectReuseport(hash, KEY, 0)
                  : context.selectReuseport(map, 0, 0);
          results.add(result);
          return result == 0 ? ReuseportProgram.SK_PASS : ReuseportProgram.SK_DROP;
        };
    assertThat(ReuseportGroup.attach(listener, "select", program)).isZero();
    LookupContext context =
        new LookupContext()
            .of(test.protocol, listener.address(), 50_000, listener.address(), 7007, 1);
    return new SkLookup(ProgramChain.of(List.of()), ListenerTable.of(List.of(listener)))
        .lookup(context);
  }

  @ParameterizedTest(name = "test_reuseport_select_listening {0}")
  @MethodSource("cases")
  void testReuseportSelectListening(Case test) {
    Socket listener = test.socket(1);
    group(listener);
    assertThat(connect(test, listener, listener)).isEqualTo(new Verdict.Pass(listener));
    assertThat(results).containsExactly(0);
  }

  @ParameterizedTest(name = "test_reuseport_select_connected {0}")
  @MethodSource("cases")
  void testReuseportSelectConnected(Case test) {
    Socket listener = test.socket(1);
    group(listener);
    Socket connected = test.socket(1);
    connected.state(Socket.State.ESTABLISHED);
    assertThat(connect(test, connected, listener)).isEqualTo(new Verdict.Drop(DropReason.GROUP));
    assertThat(results).containsExactly(Errno.EINVAL.negative());
  }

  @ParameterizedTest(name = "test_reuseport_mixed_groups {0}")
  @MethodSource("cases")
  void testReuseportMixedGroups(Case test) {
    Socket listener = test.socket(1);
    Socket elsewhere = test.socket(2);
    group(listener);
    group(elsewhere);
    assertThat(connect(test, elsewhere, listener)).isEqualTo(new Verdict.Drop(DropReason.GROUP));
    assertThat(results).containsExactly(Errno.EBADFD.negative());
  }
}
