package io.sluice.proxy.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.Config;
import io.sluice.config.ConfigReader;
import io.sluice.proxy.arrival.CapturedRanges;
import io.sluice.proxy.kernel.KernelLookup;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.name.Resolver;
import io.sluice.proxy.observe.Counters;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.offload.Offload;
import io.sluice.proxy.target.Target;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.Verdict;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The program that the daemon has the kernel run, of random configurations, beside the engine: it
 * gives each connection to the target that the engine selects, if that can be offloaded, else to
 * our own socket; and drops what the engine drops.
 */
@Tag("conformance")
class PolicyConformanceTest {
  private static final int CASES = Integer.getInteger("conformance.policyCases", 60_000);
  private static final int CASES_PER_CONFIGURATION = 500;
  private static final int LABELS = 6;
  private static final int FIRST_PORT = 8000;
  private static final int PORTS = 6;
  private static final IpPrefix CAPTURED4 = IpPrefix.parse("198.51.100.0/24");
  private static final IpPrefix CAPTURED6 = IpPrefix.parse("2001:db8:1::/64");
  private static final IpPrefix ANNOUNCERS = IpPrefix.parse("203.0.113.224/27");
  private static final String NOT_HERE = "192.0.2.77:80";

  private final Kernel kernel = new Kernel();
  private final KernelLookup lookup = new KernelLookup(kernel.syscalls);
  private final List<Twin> listeners = new ArrayList<>();
  private final Map<Long, String> byCookie = new HashMap<>();
  private Twin relay;
  private Random random;

  @BeforeAll
  static void kernelTakesPrograms() {
    Kernel.assumeItTakesPrograms();
  }

  @BeforeEach
  void listen() {
    relay = Twin.bound(kernel, Twin.Spec.of("relay", Protocol.TCP, "::ffff:127.0.0.1"));
    byCookie.put(relay.cookie, "relay");
    for (String address : List.of("127.0.0.1", "127.0.0.2", "0.0.0.0", "::1", "::")) {
      Twin listener = Twin.bound(kernel, Twin.Spec.of(address, Protocol.TCP, address));
      listeners.add(listener);
      byCookie.put(listener.cookie, "port " + listener.socket.port());
    }
  }

  @AfterEach
  void close() {
    relay.close();
    listeners.forEach(Twin::close);
  }

  @Test
  void theKernelsProgramDecidesAsTheEngineDoes() throws Exception {
    Tally tally = Tally.seeded();
    while (tally.cases() < CASES && !tally.isFull()) {
      random = new Random(tally.random().nextLong());
      compare(configuration(), tally);
      tally.program();
    }
    tally.print("policy");
    assertThat(tally.differences()).isEmpty();
    for (String outcome : List.of("offloaded", "relayed", "dropped", "passed")) {
      assertThat(tally.count(outcome)).as(outcome).isGreaterThan(tally.cases() / 100);
    }
  }

  private void compare(String yaml, Tally tally) throws Exception {
    Config config = ConfigReader.load("random", yaml, Map.of()).config();
    Resolver resolver = new Resolver();
    Counters counters = new Counters();
    try (Offload offload = new Offload(counters)) {
      Snapshot snapshot = Snapshot.of(config, null, resolver);
      takeSomeDown(snapshot);
      Offload.Prepared prepared = offload.prepare(snapshot);
      assertThat(prepared.policy()).as(yaml).isNotNull();
      CapturedRanges ranges = CapturedRanges.of(config.captures());
      KernelLookup.Prepared program =
          lookup.prepare(ranges, Map.of(Protocol.TCP, relay.fd), prepared.policy());
      assertThat(program.wrong()).as(yaml).isEmpty();
      offload.commit(prepared);
      for (int i = 0; i < CASES_PER_CONFIGURATION && !tally.isFull(); i++) {
        LookupContext context = packet();
        String engine = engineSays(snapshot, ranges, context);
        String kernelSays = kernelSays(program.program(), context);
        tally.add(engine.startsWith("port") ? "offloaded" : engine);
        if (!engine.equals(kernelSays)) {
          tally.difference(context + ": kernel " + kernelSays + ", engine " + engine + "\n" + yaml);
        }
      }
      lookup.abort(program);
    } finally {
      resolver.close();
    }
  }

  private void takeSomeDown(Snapshot snapshot) {
    snapshot.destinations().stream()
        .flatMap(it -> it.targets().stream())
        .filter(_ -> random.nextInt(8) == 0)
        .flatMap(it -> it.endpoints().stream())
        .forEach(endpoint -> {
          endpoint.probedBy(() -> {});
          for (int failures = 0; failures < 3; failures++) {
            endpoint.failed(Refusal.CONNECT_REFUSED);
          }
        });
  }

  private String kernelSays(int program, LookupContext context) {
    byte[] out = new byte[ContextStruct.BYTES];
    int answer = kernel.bpf.testRun(program, ContextStruct.of(context).array(), out);
    long cookie = Kernel.bytes(8).put(out, 0, 8).getLong(0);
    return switch (answer) {
      case 0 -> "dropped";
      case 1 ->
          cookie == 0
              ? "passed"
              : byCookie
                  .getOrDefault(cookie, "a socket that isn't known")
                  .replace("relay", "relayed");
      default -> "failed with " + answer;
    };
  }

  /** What becomes of a packet, as the engine and the targets' states have it. */
  private static String engineSays(
      Snapshot snapshot, CapturedRanges ranges, LookupContext context) {
    if (!ranges.contains(
        context.protocol(),
        context.family(),
        context.localHigh(),
        context.localLow(),
        context.localPort())) {
      return "passed";
    }
    if (ANNOUNCERS.contains(context.remote())) {
      return "relayed";
    }
    return switch (snapshot.engine().lookup(context)) {
      case Verdict.Drop _ -> "dropped";
      case Verdict.Pass _ -> "relayed"; // and refused there
      case Verdict.Assign(Socket socket) -> taker(Target.of(socket), context.family());
    };
  }

  private static String taker(Target target, Family family) {
    boolean isTaken =
        target.destination().spec().offload().isWanted()
            && target.isUp()
            && target.offload().takes(family);
    String text = target.toString();
    return isTaken ? "port " + text.substring(text.lastIndexOf(':') + 1) : "relayed";
  }

  // ---- packets

  private LookupContext packet() {
    LookupContext context = new LookupContext();
    int remotePort = 1024 + random.nextInt(50_000);
    int localPort = FIRST_PORT + random.nextInt(PORTS + 1);
    if (random.nextBoolean()) {
      IpAddress remote = remote(Family.IPV4);
      IpAddress local = local(Family.IPV4);
      return context.ipv4(
          Protocol.TCP, (int) remote.low(), remotePort, (int) local.low(), localPort, 0);
    }
    IpAddress remote = remote(Family.IPV6);
    IpAddress local = local(Family.IPV6);
    return context.ipv6(
        Protocol.TCP,
        remote.high(),
        remote.low(),
        remotePort,
        local.high(),
        local.low(),
        localPort,
        0);
  }

  private IpAddress remote(Family family) {
    return family == Family.IPV4
        ? IpAddress.ipv4(0xcb00_7100 + random.nextInt(256))
        : IpAddress.ipv6(0x2001_0db8_0000_0002L, random.nextInt(4) * 0x1_0000_0001L);
  }

  /** Mostly in the captured prefix, where few bits differ. */
  private IpAddress local(Family family) {
    int bits = random.nextInt(16);
    int outside = random.nextInt(12) == 0 ? 1 : 0;
    return family == Family.IPV4
        ? IpAddress.ipv4(0xc633_6400 + (outside << 8) + bits)
        : IpAddress.ipv6(0x2001_0db8_0001_0000L + outside, bits);
  }

  // ---- configurations

  private String configuration() {
    StringBuilder yaml = new StringBuilder("version: 1\ncapture:\n");
    yaml.append("  - {name: edge, protocols: [tcp], method: sk_lookup, ports: [\"8000-8005\"],");
    yaml.append(" addresses: [" + CAPTURED4 + ", \"" + CAPTURED6 + "\"],");
    yaml.append(" proxyProtocol: {from: [" + ANNOUNCERS + "]}}\nbindings:\n");
    List<String> used = new ArrayList<>();
    for (int i = 1 + random.nextInt(30); i > 0; i--) {
      String place = "prefix: \"" + prefix(localOfAnyFamily()) + "\", port: " + anyOrPort();
      if (!used.contains(place)) {
        used.add(place);
        yaml.append("  - {label: " + label() + ", protocol: tcp, " + place + "}\n");
      }
    }
    yaml.append("programs:\n");
    int bindings = random.nextInt(3);
    for (int i = 0; i < 3; i++) {
      if (i == bindings) {
        yaml.append("  - {name: bindings, builtin: bindings}\n");
      } else if (random.nextBoolean()) {
        yaml.append("  - name: rules" + i + "\n    rules:\n");
        for (int j = 1 + random.nextInt(8); j > 0; j--) {
          yaml.append("      - " + rule() + "\n");
        }
      }
    }
    yaml.append("listeners:\n  - {protocol: tcp, address: 0.0.0.0, port: 8001, destination: l0}\n");
    yaml.append("destinations:\n");
    for (int label = 0; label < LABELS; label++) {
      yaml.append("  - " + destination(label) + "\n");
      yaml.append("  - {label: l" + label + ", protocol: udp, targets: [\"127.0.0.1:1\"]}\n");
    }
    return yaml.toString();
  }

  private String destination(int label) {
    List<String> places = new ArrayList<>();
    listeners.forEach(it -> places.add(place(it)));
    places.add(NOT_HERE);
    places.add("127.0.0.1:1"); // nobody listens there
    StringBuilder targets = new StringBuilder();
    for (int i = 1 + random.nextInt(4); i > 0; i--) {
      String place = places.remove(random.nextInt(places.size()));
      targets.append(targets.isEmpty() ? "" : ", ").append("{address: \"" + place + "\"");
      targets.append(", weight: " + (i == 1 ? 1 : random.nextInt(6)));
      targets.append(random.nextInt(8) == 0 && i > 1 ? ", state: drain" : "").append('}');
    }
    return "{label: l"
        + label
        + ", protocol: tcp, select: "
        + (random.nextBoolean() ? "hash" : "source")
        + (label == 0 || random.nextInt(5) > 0 ? ", offload: auto" : "")
        + ", passive: {fall: 1, for: 60s}, targets: ["
        + targets
        + "]}";
  }

  private static String place(Twin listener) {
    String address =
        switch (listener.name) {
          case "0.0.0.0" -> "127.0.0.3";
          case "::" -> "::1";
          default -> listener.name;
        };
    return IpAddress.withPort(IpAddress.parse(address), listener.socket.port());
  }

  private String rule() {
    StringBuilder rule = new StringBuilder("{");
    @Nullable Family family = random.nextInt(3) == 0 ? null : anyFamily();
    if (family != null && random.nextBoolean()) {
      rule.append("from: \"" + prefix(remote(family)) + "\", ");
    }
    if (family != null && random.nextBoolean()) {
      rule.append("to: \"" + prefix(local(family)) + "\", ");
    }
    if (random.nextInt(3) == 0) {
      int first = FIRST_PORT + random.nextInt(PORTS);
      rule.append("port: \"" + first + "-" + (first + random.nextInt(3)) + "\", ");
    }
    if (random.nextInt(4) == 0) {
      rule.append("fromPort: \"" + random.nextInt(1, 20_000) + "-30000\", ");
    }
    if (random.nextInt(6) == 0) {
      rule.append("protocol: " + (random.nextBoolean() ? "tcp" : "udp") + ", ");
    }
    return rule.append(action()).append('}').toString();
  }

  private String action() {
    return switch (random.nextInt(7)) {
      case 0, 6 -> "drop: true";
      case 1 -> "pass: true";
      case 2 -> "assign: " + label() + ", replace: true";
      case 3 -> "assign: " + label() + ", noReuseport: true";
      default -> "assign: " + label();
    };
  }

  private String label() {
    return "l" + random.nextInt(LABELS);
  }

  private Object anyOrPort() {
    return random.nextInt(3) == 0 ? "any" : FIRST_PORT + random.nextInt(PORTS);
  }

  private Family anyFamily() {
    return random.nextBoolean() ? Family.IPV4 : Family.IPV6;
  }

  private IpAddress localOfAnyFamily() {
    return local(anyFamily());
  }

  /** Often the whole address or nearly so, where the packets differ. */
  private IpPrefix prefix(IpAddress address) {
    int bits = address.family().bits();
    int length = random.nextInt(3) == 0 ? random.nextInt(8, bits + 1) : bits - random.nextInt(5);
    return IpPrefix.containing(address, length);
  }
}
