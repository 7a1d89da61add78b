package io.sluice.bench;

import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.ListenerTable;
import io.sluice.steering.LookupContext;
import io.sluice.steering.PortRange;
import io.sluice.steering.Program;
import io.sluice.steering.ProgramChain;
import io.sluice.steering.ProgramChain.Link;
import io.sluice.steering.Protocol;
import io.sluice.steering.SkLookup;
import io.sluice.steering.Socket;
import io.sluice.steering.Verdict;
import io.sluice.steering.binding.BindingTable;
import io.sluice.steering.binding.BindingsProgram;
import io.sluice.steering.binding.Rule;
import io.sluice.steering.binding.Rule.Action;
import io.sluice.steering.binding.RulesProgram;
import io.sluice.steering.map.SockMap;
import io.sluice.steering.reuseport.ReuseportGroup;
import io.sluice.steering.reuseport.ReuseportGroup.Member;
import io.sluice.steering.reuseport.ReuseportGroup.Selection;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** Engines to measure with; each label's socket is the one in slot 0. */
final class LookupPath {
  private LookupPath() {}

  static Socket socket(int port) {
    return Socket.bound(Protocol.TCP, IpAddress.ipv6(0, 0), port).attachment("t" + port).build();
  }

  static SockMap sockets(Socket socket) {
    SockMap sockets = new SockMap(4, 8, 1, 0);
    if (sockets.update(0, socket) != 0) {
      throw new IllegalStateException("the map doesn't take " + socket);
    }
    return sockets;
  }

  /** As many programs as said, each over the same table and with the same socket. */
  static SkLookup bindings(BindingTable table, int programs) {
    SockMap sockets = sockets(socket(8080));
    Program program = BindingsProgram.of(table, sockets, (_, _) -> 0);
    return chain(IntStream.range(0, programs).mapToObj(i -> new Link("p" + i, program)).toList());
  }

  /** Rules of which only the last matches a packet of {@link #describe}. */
  static SkLookup rules(int count) {
    List<Rule> rules = new ArrayList<>();
    Action assign = new Action.Assign("web", false, false);
    IpPrefix to = new IpPrefix(IpAddress.ANY_IPV4, 0);
    for (int i = 1; i < count; i++) {
      IpPrefix from = IpPrefix.single(IpAddress.ipv4(0x0a00_0000 + i));
      rules.add(new Rule(from, null, to, new PortRange(80, 89), Protocol.TCP, 0, assign));
    }
    rules.add(new Rule(null, null, to, new PortRange(80, 89), Protocol.TCP, 0, assign));
    Program program = RulesProgram.of(rules, sockets(socket(8080)), (_, _) -> 0);
    return chain(List.of(new Link("rules", program)));
  }

  private static SkLookup chain(List<Link> links) {
    return new SkLookup(ProgramChain.of(links), ListenerTable.EMPTY);
  }

  /** A group of unlike names, so that hashes have something to spread over. */
  static ReuseportGroup group(int members, Selection selection) {
    return ReuseportGroup.of(
        IntStream.range(0, members).mapToObj(i -> new Member(socket(9000 + i), 1)).toList(),
        selection,
        Socket::port);
  }

  /** A packet to port 80 of an IPv4 address. */
  static LookupContext describe(LookupContext context, int number) {
    return context.ipv4(
        Protocol.TCP, 0xc000_0201, 1024 + (number & 0x7fff), 0xcb00_7100 + (number & 0xff), 80, 1);
  }

  /** Fails at once rather than measure something else. */
  static void check(SkLookup engine, LookupContext context) {
    Verdict verdict = engine.lookup(context);
    if (!(verdict instanceof Verdict.Assign)) {
      throw new IllegalStateException("nothing is assigned: " + verdict);
    }
  }
}
