package io.sluice.proxy.conformance;

import io.sluice.proxy.conformance.Twin.Spec;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.ListenerTable;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.SocketGroup;
import io.sluice.steering.reuseport.ReuseportGroup;
import io.sluice.steering.reuseport.ReuseportGroup.Member;
import io.sluice.steering.reuseport.ReuseportGroup.Selection;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * Sockets that listen side by side on few addresses and two ports, with groups, group programs and
 * connected UDP sockets, in the kernel and in the engine.
 */
final class Scene implements AutoCloseable {
  /** A device of the namespace besides loopback, and its addresses. */
  static final int OTHER_IFINDEX = 77;

  static final String OTHER_IPV4 = "10.9.9.1";
  static final String OTHER_IPV6 = "fd00:9::1";
  private static final int LOOPBACK_IFINDEX = 1;

  private static final List<String> BOUND =
      List.of(
          "127.0.0.1",
          "127.0.0.2",
          OTHER_IPV4,
          "0.0.0.0",
          "0.0.0.0",
          "::",
          "::",
          "::1",
          "fd00::1",
          OTHER_IPV6,
          "::ffff:127.0.0.1",
          "::ffff:0.0.0.0");
  private static final List<String> WANTED =
      List.of("127.0.0.1", "127.0.0.2", OTHER_IPV4, "::1", "fd00::1", OTHER_IPV6);
  private static final List<String> ON_LO = List.of("127.0.0.1", "127.0.0.2", "::1", "fd00::1");
  private static final int[] PORTS = {7001, 7002};
  private static final int FIRST_CLIENT_PORT = 20_000;
  private static final int CLIENT_PORTS = 10_000;

  /** A UDP socket connected to a client: what the daemon's flow is. */
  private record FlowKey(IpAddress client, int clientPort, IpAddress local, int localPort) {}

  final Kernel kernel;
  final List<Twin> twins = new ArrayList<>();
  final SocketMaps maps;
  final Map<SocketGroup, GroupCode> groups = new HashMap<>();
  final ListenerTable listeners;
  private final Random random;

  /**
   * Whether programs change the maps; if not, groups' programs look into them. Not both: for UDP,
   * the kernel asks the group of a socket that is bound to the exact address before it runs the
   * SK_LOOKUP programs, and forgets the answer if they assign or drop (net/ipv4/udp.c). The engine
   * asks afterwards, and only if it counts.
   */
  final boolean programsWrite;

  private final Map<FlowKey, Twin> flows = new HashMap<>();
  private final Map<GroupCode, Integer> groupDigests = new HashMap<>();
  private static int nextClientPort;

  Scene(Kernel kernel, Random random) {
    this.kernel = kernel;
    this.random = random;
    this.programsWrite = random.nextBoolean();
    this.maps = new SocketMaps(kernel, random);
    Map<String, List<Twin>> members = new HashMap<>();
    int wanted = 4 + random.nextInt(16);
    for (int i = 0; i < wanted; i++) {
      Spec spec = spec("socket " + i);
      if (Twin.tryBound(kernel, spec) instanceof Twin twin) { // else its address is taken
        twins.add(twin);
        if (spec.reuse() == Spec.Reuse.PORT) {
          String key = spec.withName("") + " " + twin.socket.isV6Only();
          members.computeIfAbsent(key, _ -> new ArrayList<>()).add(twin);
        }
      }
    }
    for (int i = 0; i < 3; i++) {
      openFlow(i);
    }
    members.values().forEach(this::makeGroup);
    this.listeners = ListenerTable.of(twins.stream().map(twin -> twin.socket).toList());
    for (int i = 0; i < 2; i++) {
      twins.stream().filter(Scene::answersAnybody).forEach(maps::put);
    }
  }

  private Spec spec(String name) {
    Protocol protocol = random.nextBoolean() ? Protocol.TCP : Protocol.UDP;
    String address = BOUND.get(random.nextInt(BOUND.size()));
    boolean v6Only = address.equals("::") && random.nextInt(3) == 0;
    int port = PORTS[random.nextInt(PORTS.length)];
    int ifindex =
        random.nextInt(4) > 0 ? 0 : random.nextBoolean() ? LOOPBACK_IFINDEX : OTHER_IFINDEX;
    Spec.Reuse reuse = random.nextInt(3) > 0 ? Spec.Reuse.PORT : Spec.Reuse.NONE;
    if (protocol == Protocol.UDP && random.nextInt(3) == 0) {
      reuse = Spec.Reuse.ADDRESS;
    }
    return new Spec(name, protocol, IpAddress.parse(address), port, v6Only, reuse, ifindex);
  }

  private void openFlow(int i) {
    String client = WANTED.get(random.nextInt(WANTED.size()));
    Spec spec = spec("flow " + i);
    boolean ipv4 = client.indexOf(':') < 0;
    if (spec.protocol() == Protocol.TCP
        || spec.ifindex() != 0
        || spec.address().isIpv4Mapped()
        || ipv4 != (spec.address().family() == Family.IPV4)
        || !(Twin.tryBound(kernel, spec) instanceof Twin twin)) {
      return;
    }
    twins.add(twin);
    int clientPort = clientPort();
    twin.connect(IpAddress.parse(client), clientPort);
    Sockaddr local = twin.local();
    IpAddress address = IpAddress.of(local.ipFamily(), local.high(), local.low());
    flows.put(new FlowKey(IpAddress.parse(client), clientPort, address, local.port()), twin);
  }

  private void makeGroup(List<Twin> members) {
    List<Member> list = members.stream().map(twin -> new Member(twin.socket, 1)).toList();
    ReuseportGroup group = ReuseportGroup.of(list, Selection.HASH, _ -> 0);
    boolean has = random.nextInt(3) > 0;
    GroupCode code = has ? GroupCode.random(maps, random, !programsWrite) : GroupCode.none(maps);
    // The engine's group always has a program, which tells whether the group was asked.
    group.attach("tested", code);
    groups.put(group, code);
    if (!has) {
      return;
    }
    int digest = kernel.map(Linux.BPF_MAP_TYPE_ARRAY, 4, 8, 1);
    groupDigests.put(code, digest);
    int program =
        kernel.program(
            Linux.BPF_PROG_TYPE_SK_REUSEPORT, Linux.BPF_SK_REUSEPORT_SELECT, code.assemble(digest));
    int member = members.get(random.nextInt(members.size())).fd;
    Kernel.check(
        "attach",
        kernel.syscalls.setOption(
            member, Linux.SOL_SOCKET, Linux.SO_ATTACH_REUSEPORT_EBPF, program));
    kernel.close(program);
  }

  /** A TCP socket would answer through its device, and a client elsewhere hear nothing. */
  private static boolean answersAnybody(Twin twin) {
    return twin.socket.protocol() == Protocol.UDP || twin.socket.boundIfindex() == 0;
  }

  /** Something happens to a socket or an entry. */
  void stir() {
    Twin twin = twins.get(random.nextInt(twins.size()));
    if (twin.socket.isClosed()) {
      return;
    }
    switch (random.nextInt(12)) {
      case 0 -> {
        if (random.nextInt(4) == 0) {
          twin.close();
        } else if (twin.listens()) {
          twin.shut();
        }
      }
      default -> {
        if (answersAnybody(twin)) {
          maps.stir(twin);
        }
      }
    }
  }

  /** A client that wants something here; some are those that have a flow. */
  void fill(LookupContext packet) {
    if (!flows.isEmpty() && random.nextInt(8) == 0) {
      FlowKey flow = List.copyOf(flows.keySet()).get(random.nextInt(flows.size()));
      IpAddress local = flow.local;
      if (random.nextInt(4) == 0) {
        local = address(WANTED, flow.client.family());
      }
      packet.of(Protocol.UDP, flow.client, flow.clientPort, local, flow.localPort, ifindex(local));
      return;
    }
    IpAddress local = IpAddress.parse(WANTED.get(random.nextInt(WANTED.size())));
    // From the same device: what is bound to one answers through it.
    IpAddress client = ifindex(local) == OTHER_IFINDEX ? local : address(ON_LO, local.family());
    packet.of(
        random.nextBoolean() ? Protocol.TCP : Protocol.UDP,
        client,
        clientPort(),
        local,
        PORTS[random.nextInt(PORTS.length)],
        ifindex(local));
  }

  private IpAddress address(List<String> choice, Family family) {
    while (true) {
      IpAddress address = IpAddress.parse(choice.get(random.nextInt(choice.size())));
      if (address.family() == family) {
        return address;
      }
    }
  }

  /** As the kernel sees what goes to an own address: it came in by the device that has it. */
  private static int ifindex(IpAddress local) {
    String text = local.toString();
    return text.equals(OTHER_IPV4) || text.equals(OTHER_IPV6) ? OTHER_IFINDEX : LOOPBACK_IFINDEX;
  }

  private static int clientPort() {
    return FIRST_CLIENT_PORT + nextClientPort++ % CLIENT_PORTS;
  }

  /** The connected socket that takes a datagram before any program is asked. */
  @Nullable Socket flow(LookupContext packet) {
    Twin twin =
        packet.protocol() == Protocol.UDP
            ? flows.get(
                new FlowKey(
                    packet.remote(), packet.remotePort(), packet.local(), packet.localPort()))
            : null;
    return twin == null || twin.socket.isClosed() ? null : twin.socket;
  }

  /** Compares the maps' whole content. */
  void compareMaps() {
    Map<Socket, Long> cookies = new HashMap<>();
    twins.forEach(twin -> cookies.put(twin.socket, twin.cookie));
    maps.compareContent(cookies);
  }

  /** Whether a group's program that ran saw something else than the kernel's. */
  boolean sawSomethingElse(GroupCode code) {
    Integer map = groupDigests.get(code);
    return code.hasRun() && map != null && digest(kernel, map) != code.digest();
  }

  static long digest(Kernel kernel, int map) {
    byte[] value = new byte[8];
    Kernel.check("digest", kernel.bpf.lookup(map, Kernel.word(0), value));
    return Kernel.bytes(8).put(value).getLong(0);
  }

  @Override
  public void close() {
    twins.forEach(Twin::close);
    groupDigests.values().forEach(kernel::close);
    maps.close();
  }
}
