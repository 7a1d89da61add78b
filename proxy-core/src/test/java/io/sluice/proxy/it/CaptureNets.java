package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.awaitility.Awaitility;

/**
 * A client, a gateway that runs Sluice, and an echo server or real ones, each in a network
 * namespace of its own. The client sends the captured prefixes to the gateway.
 */
final class CaptureNets implements AutoCloseable {
  static final String IPV4 = "192.0.2.0/24";
  static final String IPV6 = "2001:db8:1::/64";
  static final int ECHO_PORT = RealServers.PORT;
  static final String ECHO = "10.9.2.2:" + ECHO_PORT;

  final Path directory;
  final Netns client;
  final Netns gateway;
  final Netns server;
  private final List<AutoCloseable> started = new ArrayList<>();

  private CaptureNets(Path directory, Netns client, Netns gateway, Netns server) {
    this.directory = directory;
    this.client = client;
    this.gateway = gateway;
    this.server = server;
    started.addAll(List.of(client, gateway, server));
  }

  /** With an echo server. */
  static CaptureNets make(Path directory) throws IOException, InterruptedException {
    CaptureNets nets = joined(directory);
    List<String> echo = new ArrayList<>(nets.server.prefix());
    echo.addAll(SluiceProcess.java(EchoServer.class.getName()));
    echo.addAll(List.of("10.9.2.2", String.valueOf(ECHO_PORT)));
    nets.add(SluiceProcess.start(directory, echo)).awaitLine("ready");
    return nets;
  }

  /** Without a server. */
  static CaptureNets joined(Path directory) throws IOException, InterruptedException {
    CaptureNets nets = new CaptureNets(directory, Netns.make(), Netns.make(), Netns.make());
    Netns.join(nets.client, nets.gateway, 1);
    Netns.join(nets.gateway, nets.server, 2);
    nets.route(IPV4);
    nets.route(IPV6);
    return nets;
  }

  /** Real servers in the echo server's place. */
  RealServers startRealServers() throws IOException {
    return startRealServers("10.9.2.2", "fd09:2::2");
  }

  /** Real servers on the gateway's loopback, where Sluice runs. */
  RealServers startServersBesideSluice() throws IOException {
    return startServersBesideSluice("127.0.0.1", "::1");
  }

  /** Real servers on these of the gateway's addresses. */
  RealServers startServersBesideSluice(String... addresses) throws IOException {
    return start(gateway, addresses);
  }

  /** Real servers on these addresses of the server's, once they listen. */
  RealServers startRealServers(String... addresses) throws IOException {
    return start(server, addresses);
  }

  private RealServers start(Netns on, String... addresses) throws IOException {
    RealServers servers = RealServers.start(directory, on, List.of(addresses));
    started.add(servers);
    Awaitility.await("servers that listen on " + List.of(addresses))
        .atMost(Duration.ofSeconds(20))
        .until(() ->
            on.run("ss", "-Hlntu", "sport", "=", ":" + RealServers.ANNOUNCED_PORT).lines().count()
                == 2L * addresses.length); // a listener and a datagram socket each
    return servers;
  }

  /** Has the client send a prefix to the gateway. */
  void route(String prefix) throws IOException, InterruptedException {
    boolean ipv6 = prefix.contains(":");
    client.run(
        "ip", ipv6 ? "-6" : "-4", "route", "add", prefix, "via", ipv6 ? "fd09:1::2" : "10.9.1.2");
  }

  /** Has the gateway's kernel take a prefix as its own. */
  void makeLocal(String prefix) throws IOException, InterruptedException {
    String version = prefix.contains(":") ? "-6" : "-4";
    gateway.run("ip", version, "route", "add", "local", prefix, "dev", "lo");
  }

  /** A configuration that sends everything that some captures take to the echo server. */
  Path configuration(String captures, String... prefixes) throws IOException {
    StringBuilder text = new StringBuilder("version: 1\nloops: 2\nadmin: {http: none}\ncapture:\n");
    captures.lines().forEach(line -> text.append("  - ").append(line).append('\n'));
    text.append("bindings:\n");
    for (String prefix : prefixes) {
      text.append("  - {label: echo, prefix: \"" + prefix + "\", port: any}\n");
    }
    text.append("destinations:\n");
    for (String protocol : List.of("tcp", "udp")) {
      text.append("  - {label: echo, protocol: " + protocol + ", targets: [\"" + ECHO + "\"]}\n");
    }
    return Files.writeString(directory.resolve("sluice.yaml"), text);
  }

  /** Sluice on the gateway, once it serves. */
  SluiceProcess run(Path configuration) throws IOException {
    return add(SluiceProcess.start(
            directory,
            SluiceProcess.sluice(gateway.prefix(), "run", "-f", configuration.toString())))
        .awaitLine("ready");
  }

  /**
   * Sluice on the gateway as a user who has nothing but these capabilities, and can't read where we
   * build.
   */
  SluiceProcess startAsNobody(String capabilities, Path configuration) throws Exception {
    assumeTrue(Netns.has("setpriv"), "needs setpriv");
    for (Path path = directory; path.startsWith("/tmp"); path = path.getParent()) {
      if (path.getNameCount() > 1) {
        path.toFile().setExecutable(true, false);
        path.toFile().setReadable(true, false);
      }
    }
    Path library = ClassPathCopy.into(directory);
    List<String> command = new ArrayList<>(gateway.prefix());
    command.addAll(
        List.of(
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--inh-caps=-all," + capabilities,
            "--ambient-caps=-all," + capabilities,
            "--bounding-set=-all," + capabilities));
    for (String word : SluiceProcess.sluice(List.of(), "run", "-f", configuration.toString())) {
      command.add(
          word.equals(System.getProperty("java.class.path")) ? ClassPathCopy.path(library) : word);
    }
    return add(SluiceProcess.start(directory, command));
  }

  SluiceProcess add(SluiceProcess process) {
    started.add(process);
    return process;
  }

  /** Asks from the client; all must be answered from where they were asked. */
  void assertAnswers(int pairs, long seed, String protocols, String ports, String... prefixes)
      throws IOException, InterruptedException {
    String said = client.run(question(pairs, seed, protocols, ports, prefixes));
    int tcp = protocols.matches(".*(tcp|http|own).*") ? pairs : 0;
    int udp = protocols.contains("udp") || protocols.contains("dns") ? pairs : 0;
    assertThat(said.strip())
        .isEqualTo("asked " + pairs + " tcp " + tcp + " udp " + udp + " wrong 0 seed " + seed);
  }

  static String[] question(
      int pairs, long seed, String protocols, String ports, String... prefixes) {
    List<String> command = new ArrayList<>(SluiceProcess.java(PairAsker.class.getName()));
    command.addAll(List.of(String.valueOf(pairs), String.valueOf(seed), protocols, ports));
    command.addAll(List.of(prefixes));
    return command.toArray(String[]::new);
  }

  @Override
  public void close() throws Exception {
    for (AutoCloseable it : started.reversed()) {
      it.close();
    }
  }
}
