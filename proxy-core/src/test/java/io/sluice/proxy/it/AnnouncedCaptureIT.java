package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.config.ConfigReader;
import io.sluice.proxy.Opened;
import io.sluice.proxy.doctor.TransparentRouting;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * HAProxy and dnsdist on the client's side announce who the first client is; Sluice captures what
 * they send, by each method, and tells NGINX and unbound: by a PROXY protocol header, or by sending
 * from the first client's own address.
 *
 * <p>First clients are 10.8.0.7 and fd08::7. They ask the balancers at port 9080 to have the server
 * told, at 9081 to have it see for itself.
 */
@Timeout(120)
final class AnnouncedCaptureIT {
  private static final String CONFIGURATION =
      """
      version: 1
      loops: 2
      admin: {http: none}
      limits: {drain: 0s}
      capture:
        - {name: edge, CAPTURE, proxyProtocol: {from: [10.9.1.1, "fd09:1::1"]}}
      bindings:
        - {label: told, prefix: 10.8.0.0/24, port: 9080}
        - {label: told, prefix: "fd08::/64", port: 9080}
        - {label: seen4, prefix: 10.8.0.0/24, port: 9081}
        - {label: seen6, prefix: "fd08::/64", port: 9081}
      destinations:
        - {label: told, protocol: tcp, targets: ["10.9.2.2:7001"], proxyProtocol: v2}
        - {label: told, protocol: udp, targets: ["10.9.2.2:7001"], proxyProtocol: v2}
        - {label: seen4, protocol: tcp, targets: ["10.9.2.2:7000"], source: transparent}
        - {label: seen4, protocol: udp, targets: ["10.9.2.2:7000"], source: transparent}
        - {label: seen6, protocol: tcp, targets: ["[fd09:2::2]:7000"], source: transparent}
        - {label: seen6, protocol: udp, targets: ["[fd09:2::2]:7000"], source: transparent}
      """;

  private static final String HAPROXY =
      """
      defaults
        mode tcp
        timeout connect 5s
        timeout client 10s
        timeout server 10s
      listen ipv4
        bind 10.8.0.1:9080,10.8.0.1:9081
        server sluice 192.0.2.5:8080 send-proxy-v2
      listen ipv6
        bind fd08::1:9080,fd08::1:9081
        server sluice [2001:db8:1::5]:8080 send-proxy-v2
      """;

  private static final String DNSDIST =
      """
      setACL({"0.0.0.0/0", "::/0"})
      setLocal("10.8.0.2:9080")
      addLocal("10.8.0.2:9081")
      addLocal("[fd08::2]:9080")
      addLocal("[fd08::2]:9081")
      newServer({address="192.0.2.6:8080", useProxyProtocol=true, pool="ipv4"}):setUp()
      newServer({address="[2001:db8:1::6]:8080", useProxyProtocol=true, pool="ipv6"}):setUp()
      ipv6 = newNMG()
      ipv6:addMask("::/0")
      addAction(NetmaskGroupRule(ipv6), PoolAction("ipv6"))
      addAction(AllRule(), PoolAction("ipv4"))
      """;

  @RegisterExtension final Opened opened = new Opened();
  private CaptureNets nets;
  private RealServers servers;

  @BeforeEach
  void makeNets(@TempDir Path directory) throws Exception {
    for (String program : List.of("nft", "haproxy", "dnsdist", "curl", "kdig")) {
      assumeTrue(Netns.has(program), "needs " + program);
    }
    nets = opened.add(CaptureNets.joined(directory));
    servers = nets.startRealServers();
    nets.server.run("ip", "route", "add", "default", "via", "10.9.2.1");
    nets.server.run("ip", "-6", "route", "add", "default", "via", "fd09:2::1");
  }

  private void startBalancers() throws Exception {
    for (String address : List.of("10.8.0.1", "10.8.0.2", "10.8.0.7")) {
      nets.client.run("ip", "addr", "add", address, "dev", "lo");
    }
    for (String address : List.of("fd08::1", "fd08::2", "fd08::7")) {
      nets.client.run("ip", "addr", "add", address, "dev", "lo", "nodad");
    }
    start("haproxy", HAPROXY, "-db", "-f");
    start("dnsdist", DNSDIST, "--supervised", "-C");
    await()
        .atMost(Duration.ofSeconds(20))
        .until(() -> nets.client.run("ss", "-Hlnt", "sport", "=", ":9081").lines().count() >= 4);
  }

  private void start(String program, String configuration, String... options) throws Exception {
    List<String> command = new ArrayList<>(List.of(program));
    command.addAll(List.of(options));
    Path file = Files.writeString(nets.directory.resolve(program + ".conf"), configuration);
    command.add(file.toString());
    nets.add(SluiceProcess.start(nets.directory, nets.client.inside(command)));
  }

  private Path configure(String text) throws Exception {
    Path file = Files.writeString(nets.directory.resolve("sluice.yaml"), text);
    for (String command : TransparentRouting.of(ConfigReader.read(file)).commands()) {
      String _ = nets.gateway.run("sh", "-c", command);
    }
    return file;
  }

  @ParameterizedTest(name = "{0} {1}")
  @CsvSource({
    "sk_lookup, tcp udp, 4 6",
    "tproxy, tcp udp, 4 6",
    "redirect, tcp, 4 6",
    "inherited, tcp, 4 6",
    "inherited, udp, 4"
  })
  void serversGetToKnowTheFirstClient(String method, String protocols, String families)
      throws Exception {
    startBalancers();
    boolean isInherited = method.equals("inherited");
    String capture =
        "method: "
            + method
            + ", protocols: ["
            + protocols.replace(' ', ',')
            + "]"
            + (isInherited ? "" : ", addresses: [192.0.2.0/24, \"2001:db8:1::/64\"], ports: [8080]")
            + (method.equals("tproxy") || method.equals("redirect") ? ", install: true" : "");
    Path file = configure(CONFIGURATION.replace("CAPTURE", capture));
    if (isInherited || method.equals("sk_lookup")) {
      nets.makeLocal(CaptureNets.IPV4);
      nets.makeLocal(CaptureNets.IPV6);
    }
    SluiceProcess sluice = isInherited ? activate(file, protocols) : nets.run(file);
    for (String family : families.split(" ", -1)) {
      String net = family.equals("4") ? "10.8.0." : "fd08::";
      String client = net + "7";
      for (int port : new int[] {9080, 9081}) {
        String name = "first" + family + "-" + port;
        if (protocols.contains("tcp")) {
          String[] answer = curl(client, net + "1", port, "/" + name).split(" ", -1);
          assertThat(answer).as(sluice.output()).hasSize(6).startsWith(client, answer[5]);
          assertThat(answer[4]).isEqualTo("/" + name);
        }
        if (protocols.contains("udp")) {
          assertThat(kdig(client, net + "2", port, name + ".test"))
              .as(sluice.output() + servers.unbound().output())
              .isEqualTo(RealServers.ANSWER + "\n");
          servers.unbound().awaitLine("", " " + client + " " + name + ".test. A IN");
        }
      }
    }
  }

  private SluiceProcess activate(Path file, String protocol) throws Exception {
    List<String> command = new ArrayList<>(List.of("systemd-socket-activate", "--fdname=edge"));
    command.addAll(
        protocol.equals("udp")
            ? List.of("--listen=0.0.0.0:8080", "--datagram")
            : List.of("--listen=8080"));
    command.addAll(SluiceProcess.sluice(List.of(), "run", "-f", file.toString()));
    return nets.add(SluiceProcess.start(nets.directory, nets.gateway.inside(command)))
        .awaitLine("Listening on");
  }

  /** What NGINX answered, and the client's own port behind it. */
  private String curl(String source, String host, int port, String path) throws Exception {
    String at = host.contains(":") ? "[" + host + "]" : host;
    return nets.client.run(
        "curl",
        "-sS",
        "--max-time",
        "20",
        "--interface",
        source,
        "-w",
        " %{local_port}",
        "http://" + at + ":" + port + path);
  }

  private String kdig(String source, String host, int port, String name) throws Exception {
    return nets.client.run(
        "kdig",
        "@" + host,
        "-p",
        String.valueOf(port),
        "-b",
        source,
        "+short",
        "+retry=3",
        "+time=3",
        name,
        "A");
  }
}
