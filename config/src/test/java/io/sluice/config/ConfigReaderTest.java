package io.sluice.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import io.sluice.steering.binding.BindingTable;
import io.sluice.steering.binding.Rule;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What a file says is what is read, section by section, in the order of the documentation: that is
 * one list, and a long one. What is wrong with a file is in problems.txt.
 */
class ConfigReaderTest {
  /** The configuration of docs/design, with what isn't available yet replaced. */
  private static final String DESIGN =
      """
      version: 1
      capture:                               # omitted: derived from the bindings, method bind
        - name: edge
          protocols: [tcp, udp]
          addresses: ["127.0.0.0/8"]         # prefixes or single addresses, v4 and v6
          ports: [8080, "9000-9099"]         # or any
          method: bind
      bindings:
        - {label: web, protocol: tcp, prefix: 127.0.1.0/24, port: 8080}
        - {label: l7,  protocol: tcp, prefix: 127.0.2.1/32, port: any}
        - {label: dns, protocol: udp, prefix: 127.0.3.0/24, port: 9053}
      destinations:
        - label: web
          protocol: tcp
          targets: ["127.0.0.1:8081", {address: "127.0.0.1:8082", weight: 2}]
          select: hash
        - {label: l7,  protocol: tcp, targets: ["unix:/run/l7.sock"]}
        - {label: dns, protocol: udp, targets: ["127.0.0.1:5353"], idleTimeout: 30s}
        - {label: ssh, protocol: tcp, targets: ["original:22"]}
      programs:                              # omitted: just the built-in bindings program
        - {name: bindings, builtin: bindings}
        - name: office
          rules:                             # first match decides; nothing matched = pass
            - {from: 203.0.113.0/24, to: 192.0.2.0/24, port: 22, protocol: tcp, assign: ssh, replace: true}
            - {to: 192.0.2.0/24, port: 22, drop: true}
      listeners:                             # the sockets that a pass falls through to
        - {protocol: tcp, address: 0.0.0.0, port: 8080, destination: web}
      expect:                                # checked by `sluice test`
        - {lookup: "tcp 203.0.113.9:5000 127.0.1.7:8080", assign: web}
      loops: 2                               # event loops; default: one per core
      limits: {connections: 100000, flows: 100000, halfClosed: 60s, drain: 30s}
      admin:
        http: 127.0.0.1:9901
        socket: /run/sluice/admin.sock
      """;

  @Test
  void theDesignsExampleLoads() throws Exception {
    Loaded loaded = ConfigReader.load("sluice.yaml", DESIGN, Map.of());

    assertThat(loaded.warnings()).isEmpty();
    assertThat(loaded.config())
        .isEqualTo(
            new Config(
                List.of(
                    new CaptureSpec(
                        "edge",
                        Set.of(Protocol.TCP, Protocol.UDP),
                        List.of(IpPrefix.parse("127.0.0.0/8")),
                        List.of(new PortRange(8080, 8080), new PortRange(9000, 9099)),
                        CaptureSpec.Method.BIND,
                        false)),
                false,
                BindingTable.of(
                    List.of(
                        binding("web", Protocol.TCP, "127.0.1.0/24", 8080),
                        binding("l7", Protocol.TCP, "127.0.2.1/32", Binding.ANY_PORT),
                        binding("dns", Protocol.UDP, "127.0.3.0/24", 9053))),
                List.of(
                    destination(
                        "web",
                        Protocol.TCP,
                        "1h",
                        target("127.0.0.1:8081", 1),
                        target("127.0.0.1:8082", 2)),
                    destination("l7", Protocol.TCP, "1h", target("unix:/run/l7.sock", 1)),
                    destination("dns", Protocol.UDP, "30s", target("127.0.0.1:5353", 1)),
                    destination("ssh", Protocol.TCP, "1h", target("original:22", 1))),
                List.of(
                    new ProgramSpec.Bindings("bindings"),
                    new ProgramSpec.Rules(
                        "office",
                        List.of(
                            new Rule(
                                IpPrefix.parse("203.0.113.0/24"),
                                null,
                                IpPrefix.parse("192.0.2.0/24"),
                                new PortRange(22, 22),
                                Protocol.TCP,
                                0,
                                new Rule.Action.Assign("ssh", true, false)),
                            new Rule(
                                null,
                                null,
                                IpPrefix.parse("192.0.2.0/24"),
                                new PortRange(22, 22),
                                null,
                                0,
                                new Rule.Action.Drop())))),
                List.of(new ListenerSpec(Protocol.TCP, IpAddress.ANY_IPV4, 8080, "web")),
                List.of(
                    new Expectation(
                        Lookup.parse("tcp 203.0.113.9:5000 127.0.1.7:8080"),
                        new Outcome.Assign("web"),
                        29)),
                2,
                Limits.DEFAULTS,
                new Admin(HostPort.parse("127.0.0.1:9901"), socketAt("/run/sluice/admin.sock")),
                loaded.config().document()));
  }

  private static AdminSocketSpec socketAt(String path) {
    return new AdminSocketSpec(Path.of(path), false, List.of(), List.of(), List.of());
  }

  private static Binding binding(String label, Protocol protocol, String prefix, int port) {
    return new Binding(label, protocol, IpPrefix.parse(prefix), port);
  }

  private static TargetSpec target(String address, int weight) {
    return new TargetSpec(TargetAddress.parse(address), weight);
  }

  private static DestinationSpec destination(
      String label, Protocol protocol, String idleTimeout, TargetSpec... targets) {
    return new DestinationSpec(
        label,
        protocol,
        List.of(targets),
        new Selection.Hash(),
        Duration.ofSeconds(5),
        Duration.parse("PT" + idleTimeout),
        2,
        0,
        DestinationSpec.Affinity.of(protocol),
        null,
        SourceSpec.KERNEL,
        null,
        protocol == Protocol.TCP ? Keepalive.DEFAULT : null,
        0,
        HealthSpec.standard(protocol == Protocol.TCP),
        OffloadSpec.OFF,
        DestinationLimits.NONE);
  }

  @Test
  void whatIsOmittedHasADefault() throws Exception {
    Config config = read("listeners: []");

    assertThat(config)
        .isEqualTo(
            new Config(
                List.of(),
                true,
                BindingTable.of(List.of()),
                List.of(),
                List.of(new ProgramSpec.Bindings("bindings")),
                List.of(),
                List.of(),
                0,
                new Limits(
                    100_000,
                    100_000,
                    Duration.ofSeconds(60),
                    Duration.ofSeconds(30),
                    Duration.ZERO,
                    0,
                    0,
                    null),
                new Admin(HostPort.parse("127.0.0.1:9901"), AdminSocketSpec.DEFAULTS),
                config.document()));
  }

  @Test
  void aBindingWithoutProtocolIsForBoth() throws Exception {
    Config config =
        read(
            """
            bindings: [{label: web, prefix: 127.0.1.0/24, port: 443}]
            destinations:
              - {label: web, protocol: tcp, targets: ["127.0.0.1:443"]}
              - {label: web, protocol: udp, targets: ["127.0.0.1:443"]}
            """);

    assertThat(config.bindings().asList())
        .containsExactly(
            binding("web", Protocol.TCP, "127.0.1.0/24", 443),
            binding("web", Protocol.UDP, "127.0.1.0/24", 443));
  }

  @Test
  void aListOfPortsIsABindingForEach() throws Exception {
    Config config =
        read(
            """
            bindings: [{label: web, protocol: tcp, prefix: 127.0.1.0/24, port: [80, "443"]}]
            destinations: [{label: web, protocol: tcp, targets: ["127.0.0.1:443"]}]
            """);

    assertThat(config.bindings().asList())
        .containsExactly(
            binding("web", Protocol.TCP, "127.0.1.0/24", 80),
            binding("web", Protocol.TCP, "127.0.1.0/24", 443));
  }

  @Test
  void quotesDontChangeWhatAScalarIs() throws Exception {
    Config config =
        read(
            """
            loops: "4"
            bindings:
              - {label: 8080, protocol: "tcp", prefix: 127.0.1.0/24, port: "8080"}
              - {label: "true", protocol: tcp, prefix: 127.0.2.0/24, port: 8080}
            destinations:
              - {label: "8080", protocol: tcp, targets: ["127.0.0.1:80"], retries: "1"}
              - {label: true, protocol: tcp, targets: ["127.0.0.1:80"]}
            """);

    assertThat(config.loops()).isEqualTo(4);
    assertThat(config.bindings().asList())
        .extracting(Binding::label)
        .containsExactly("8080", "true");
  }

  @Test
  void everyKeyOfARuleIsRead() throws Exception {
    Config config =
        read(
            """
            programs:
              - name: office
                rules:
                  - {from: 10.0.0.1, fromPort: 1000-2000, port: any, protocol: udp, ifindex: 3, pass: true}
                  - {to: "2001:db8::/32", protocol: tcp, assign: web, noReuseport: true, replace: false}
            destinations:
              - {label: web, protocol: tcp, targets: ["127.0.0.1:80"]}
            """);

    assertThat(config.programs())
        .containsExactly(
            new ProgramSpec.Rules(
                "office",
                List.of(
                    new Rule(
                        IpPrefix.parse("10.0.0.1/32"),
                        new PortRange(1000, 2000),
                        null,
                        PortRange.ANY,
                        Protocol.UDP,
                        3,
                        new Rule.Action.Pass()),
                    new Rule(
                        null,
                        null,
                        IpPrefix.parse("2001:db8::/32"),
                        null,
                        Protocol.TCP,
                        0,
                        new Rule.Action.Assign("web", false, true)))));
  }

  @Test
  void everyOutcomeIsRead() throws Exception {
    Config config =
        read(
            """
            expect:
              - {lookup: "tcp 10.0.0.1:5 10.0.0.2:80", pass: true}
              - lookup: "udp [::1]:5 [::2]:80"
                drop: true
            """);

    assertThat(config.expectations())
        .containsExactly(
            new Expectation(Lookup.parse("tcp 10.0.0.1:5 10.0.0.2:80"), new Outcome.Pass(), 3),
            new Expectation(Lookup.parse("udp [::1]:5 [::2]:80"), new Outcome.Drop(), 4));
  }

  @Test
  void adminHttpCanBeTurnedOffOrTakeAnyPort() throws Exception {
    assertThat(read("admin: {http: none}").admin().http()).isNull();
    assertThat(read("admin: {http: '[::1]:0'}").admin().http())
        .isEqualTo(new HostPort(IpAddress.parse("::1"), 0));
    assertThat(read("admin: {socket: /run/a.sock}").admin())
        .isEqualTo(new Admin(HostPort.parse("127.0.0.1:9901"), socketAt("/run/a.sock")));
  }

  @Test
  void theAdminSocketCanBeTurnedOff() throws Exception {
    AdminSocketSpec socket = read("admin: {socket: none}").admin().socket();
    assertThat(socket.isOff()).isTrue();
    assertThat(socket.listeningPath()).isNull();
  }

  @Test
  void whoMayUseTheAdminSocketIsNamedOrNumbered() throws Exception {
    AdminSocketSpec socket =
        read("admin: {users: [ann, 1000], groups: [ops], readers: [monitoring]}").admin().socket();
    assertThat(socket.users()).containsExactly("ann", "1000");
    assertThat(socket.groups()).containsExactly("ops");
    assertThat(socket.readers()).containsExactly("monitoring");
    assertThatThrownBy(() -> read("admin: {users: [\"an n\"]}"))
        .isInstanceOf(ConfigException.class)
        .hasMessageEndingWith(
            "admin.users[0]: \"an n\": a user's or group's name or number is expected, like"
                + " monitoring");
  }

  @Test
  void adminHostsAreInLowerCase() throws Exception {
    assertThat(read("admin: {hosts: [Proxy.Internal]}").admin().hosts())
        .containsExactly("proxy.internal");
  }

  @Test
  void aLameDuckServesForAsLongAsItSaysAndDrainMayBeZero() throws Exception {
    assertThat(read("limits: {lameDuck: 5s}").limits().lameDuck()).hasSeconds(5);
    assertThat(read("limits: {drain: 0s}").limits().drain()).isEqualTo(Duration.ZERO);
  }

  @Test
  void oneItemMayStandWithoutItsList() throws Exception {
    Config config =
        read("capture: [{name: a, protocols: udp, addresses: '::1', ports: any, strict: true}]");

    assertThat(config.captures())
        .containsExactly(
            new CaptureSpec(
                "a",
                Set.of(Protocol.UDP),
                List.of(IpPrefix.parse("::1/128")),
                List.of(PortRange.ANY),
                CaptureSpec.Method.BIND,
                true));
    assertThat(config.capturesDerived()).isFalse();
  }

  @Test
  void sixtyFourProgramsAreTheMost() throws Exception {
    assertThat(read(programs(64)).programs()).hasSize(64);
    assertThatThrownBy(() -> read(programs(65)))
        .hasMessage("f:3:3: programs: 65 programs; at most 64 can be attached");
  }

  @Test
  void aProgramsJarIsFoundBesideTheConfigurationOrByItsAbsolutePath(@TempDir Path directory)
      throws Exception {
    Path jar = Files.createFile(Files.createDirectory(directory.resolve("lib")).resolve("geo.jar"));
    Path file =
        Files.writeString(
            directory.resolve("sluice.yaml"),
            """
            version: 1
            programs:
              - {name: geo, jar: lib/geo.jar, class: com.example.Geo}
              - {name: geo2, jar: %s, class: com.example.Geo$$Of2}
            """
                .formatted(jar));

    Config config = ConfigReader.read(file);

    Place jarAt = new Place(file.toString(), 3, 22, "programs[0].jar");
    Place classAt = new Place(file.toString(), 3, 42, "programs[0].class");
    JarClass geo = new JarClass(jar, "com.example.Geo", jarAt, classAt);
    JarClass other = new JarClass(jar, "com.example.Geo$Of2", jarAt, classAt); // equal elsewhere
    assertThat(config.programs())
        .containsExactly(new ProgramSpec.Custom("geo", geo), new ProgramSpec.Custom("geo2", other));
    assertThat(((ProgramSpec.Custom) config.programs().getFirst()).code())
        .isInstanceOfSatisfying(
            JarClass.class,
            code -> {
              assertThat(code.jarAt()).isEqualTo(jarAt);
              assertThat(code.classAt()).isEqualTo(classAt);
            });
    assertThat(geo).isNotEqualTo(other);
  }

  private static String programs(int count) {
    return "programs:\n"
        + String.join(
            "",
            IntStream.range(0, count)
                .mapToObj(i -> "  - {name: p" + i + ", rules: []}\n")
                .toList());
  }

  @Test
  void variablesAreExpandedOnce() throws Exception {
    Config config =
        ConfigReader.read(
            "f",
            """
            version: ${VERSION}
            loops: ${LOOPS:-3}
            admin: {socket: "/run/${NAME}-${EMPTY:-none}$$${EMPTY}.sock"}
            limits: {connections: "1${ZEROES}"}
            """,
            Map.of("VERSION", "1", "NAME", "${VERSION}", "EMPTY", "", "ZEROES", "000"));

    assertThat(config.loops()).isEqualTo(3);
    assertThat(config.admin().socket()).isEqualTo(socketAt("/run/${VERSION}-none$.sock"));
    assertThat(config.limits().connections()).isEqualTo(1000);
  }

  @Test
  void keysAndCommentsArentExpanded() {
    assertThatThrownBy(() -> read("# ${UNSET}\n\"${UNSET}\": 1"))
        .isInstanceOf(ConfigException.class)
        .hasMessageStartingWith("f:3:1: ${UNSET}: unknown key");
  }

  @Test
  void anExceptionHasOneLineForEachProblem() {
    assertThatThrownBy(() -> read("loops: 0\nadmin: {http: x}\n"))
        .isInstanceOfSatisfying(
            ConfigException.class,
            e -> {
              assertThat(e.problems()).hasSize(2);
              assertThat(e.getMessage().lines())
                  .containsExactlyElementsOf(e.problems().stream().map(Problem::toString).toList());
            });
  }

  private static Config read(String sections) throws ConfigException {
    return ConfigReader.read("f", "version: 1\n" + sections, Map.of());
  }
}
