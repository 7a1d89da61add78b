package io.sluice.steering.selftest;

import static io.sluice.steering.Program.SK_DROP;
import static io.sluice.steering.Program.SK_PASS;
import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.AttachPoint;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.ListenerTable;
import io.sluice.steering.LookupContext;
import io.sluice.steering.LookupObserver;
import io.sluice.steering.Program;
import io.sluice.steering.ProgramLink;
import io.sluice.steering.Protocol;
import io.sluice.steering.SkLookup;
import io.sluice.steering.Socket;
import io.sluice.steering.Verdict;
import io.sluice.steering.map.SockMap;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The network namespace of one subtest, and what its programs share. */
final class Netns {
  static final IpAddress INT_IP4 = IpAddress.parse("127.0.0.2");
  static final IpAddress INT_IP6 = IpAddress.parse("fd00::2");
  static final int EXT_PORT = 7007;
  static final int INT_PORT = 8008;
  static final int LOOPBACK = 1;
  static final int SERVER_A = 0;
  static final int CLIENT_PORT = 0x8235;

  /** What a client comes to if its connection is refused. */
  static final @Nullable Socket REFUSED = null;

  final AttachPoint point = new AttachPoint();
  final SockMap map = new SockMap(32);
  final List<Socket> bound = new ArrayList<>();
  final List<String> ran = new ArrayList<>();

  /** Otherwise what a program asserts would count as a drop. */
  private final LookupObserver failures =
      new LookupObserver() {
        @Override
        public void programFailed(String program, Throwable cause) {
          throw new AssertionError(program, cause);
        }
      };

  /** A server that only the map knows. */
  Socket server(int key, Protocol protocol, IpAddress address) {
    Socket socket = Socket.bound(protocol, address, INT_PORT).build();
    assertThat(map.update(key, socket)).isZero();
    return socket;
  }

  /** An ordinary server. */
  Socket listen(Protocol protocol, IpAddress address, int port) {
    Socket socket = Socket.bound(protocol, address, port).build();
    bound.add(socket);
    return socket;
  }

  ProgramLink attach(Program program) {
    ProgramLink link = ProgramLink.of("p" + ran.size(), program);
    assertThat(point.attach(link, 0)).isZero();
    return link;
  }

  /** Whom a client reaches; null if it is refused. */
  @Nullable Socket connect(Protocol protocol, IpAddress to) {
    IpAddress from = to.family() == Family.IPV4 ? INT_IP4 : INT_IP6;
    LookupContext context = new LookupContext(failures);
    context.of(protocol, from, CLIENT_PORT, to, EXT_PORT, LOOPBACK);
    return switch (new SkLookup(point, ListenerTable.of(bound)).lookup(context)) {
      case Verdict.Assign assign -> assign.socket();
      case Verdict.Pass pass -> pass.listener();
      case Verdict.Drop _ -> REFUSED;
    };
  }

  /** {@code select_sock_a}: an error drops. */
  Program selectA(int flags) {
    return context -> {
      Socket a = map.lookup(SERVER_A);
      return a != null && context.assign(a, flags) == 0 ? SK_PASS : SK_DROP;
    };
  }

  /** {@code redir_port}. */
  Program redirPort() {
    return context -> context.localPort() == EXT_PORT ? selectA(0).run(context) : SK_PASS;
  }

  /** {@code redir_ip4} and {@code redir_ip6}. */
  Program redirAddress(IpAddress address) {
    return context ->
        context.family() == address.family()
                && context.localPort() == EXT_PORT
                && context.localHigh() == address.high()
                && context.localLow() == address.low()
            ? selectA(0).run(context)
            : SK_PASS;
  }

  /** A program that notes that it ran. */
  Program noting(String name, Program program) {
    return context -> {
      ran.add(name);
      return program.run(context);
    };
  }
}
