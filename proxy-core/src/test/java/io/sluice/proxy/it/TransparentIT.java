package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.config.ConfigReader;
import io.sluice.proxy.doctor.TransparentRouting;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A client, a gateway with Sluice, and a server whose way back leads through the gateway, each in a
 * network namespace: the server's own view of its peer is the client. The gateway's routing is set
 * up by the commands that {@link TransparentRouting} gives, and by nothing else.
 */
@Timeout(180)
final class TransparentIT {
  private static final int PORT = 8080; // the server's as well: what goes there could be captured
  private static final int FIRST_EPHEMERAL = 45_000;
  private static final int LAST_EPHEMERAL = 45_019;
  private static final String YAML =
      """
      version: 1
      admin: {http: none}
      limits: {drain: 0s}
      loops: 2
      bindings:
        - {label: v4, prefix: 10.91.1.1, port: 8080}
        - {label: v4, prefix: 10.91.1.3, port: 8080}
        - {label: v6, prefix: "fd91:1::1", port: 8080}
        - {label: own, prefix: 10.91.1.4, port: 8080}
        - {label: kernel, protocol: tcp, prefix: 10.91.1.5, port: 8080}
        - {label: own, prefix: "fd91:1::4", port: 8080}
      destinations:
        - {label: v4, protocol: tcp, targets: ["10.91.2.2:8080"], source: transparent, &}
        - {label: v4, protocol: udp, targets: ["10.91.2.2:8080"], source: transparent}
        - {label: v6, protocol: tcp, targets: ["[fd91:2::2]:8080"], source: transparent, &}
        - {label: v6, protocol: udp, targets: ["[fd91:2::2]:8080"], source: transparent}
        - {label: own, protocol: tcp, targets: ["[fd91:2::2]:8080"], source: "fd91:2:1::/64"}
        - {label: kernel, protocol: tcp, targets: ["10.91.2.2:8080"]}
        - {label: own, protocol: udp, targets: ["10.91.2.2:8080"], source: 10.91.2.1}
      """
          .replace("&", "connectTimeout: 1s, retries: 0");

  @Test
  void theServerSeesTheClientsAddressAndPort(@TempDir Path directory) throws Exception {
    assumeTrue(Netns.has("nft"), "needs nft");
    Path file = Files.writeString(directory.resolve("sluice.yaml"), YAML);
    TransparentRouting routing = TransparentRouting.of(ConfigReader.read(file));
    try (Netns client = Netns.make();
        Netns gateway = Netns.make();
        Netns server = Netns.make()) {
      connect(client, gateway, server);
      gateway.run(
          "sh",
          "-c",
          "echo %d %d > /proc/sys/net/ipv4/ip_local_port_range"
              .formatted(FIRST_EPHEMERAL, LAST_EPHEMERAL));
      List<String> serve = new ArrayList<>(SluiceProcess.java(PeerNames.class.getName()));
      serve.addAll(List.of("serve", String.valueOf(PORT)));
      try (SluiceProcess names = SluiceProcess.start(directory, server.inside(serve));
          SluiceProcess daemon =
              SluiceProcess.start(
                  directory,
                  SluiceProcess.sluice(gateway.prefix(), "run", "-f", file.toString()))) {
        names.awaitLine("serving");
        daemon.awaitLine("ready");

        assertThat(ask(client, "tcp 10.91.1.2 30001 10.91.1.1", "udp 10.91.1.2 30001 10.91.1.1"))
            .as("without the routing, the server's answers don't come to us")
            .hasSize(2)
            .allMatch(it -> it.contains("nothing") || it.endsWith(" "));

        for (String command : routing.commands()) {
          String _ = gateway.run("sh", "-c", command);
        }
        // All ports that the gateway gives its own sockets, and one of these all the same.
        List<String> asked = new ArrayList<>();
        List<String> expected = new ArrayList<>();
        for (int port = FIRST_EPHEMERAL; port <= LAST_EPHEMERAL; port++) {
          asked.add("tcp 10.91.1.2 " + port + " 10.91.1.1");
          expected.add("10.91.1.2:%1$d 10.91.1.2:%1$d".formatted(port));
        }
        asked.add("tcp 10.91.1.2 33000 10.91.1.5");
        List<String> kept = ask(client, asked.toArray(String[]::new));
        assertThat(kept.removeLast()).as(daemon::output).startsWith("10.91.1.2:33000 10.91.2.1:4");
        assertThat(kept).containsExactlyElementsOf(expected);

        asked.clear();
        expected.clear();
        for (int i = 0; i < 20; i++) {
          for (String protocol : List.of("tcp", "udp")) {
            int port = (i % 2 == 0 ? 31_000 : 1) + i; // privileged ones as well
            asked.add(protocol + " 10.91.1.2 " + port + " 10.91.1.1");
            expected.add("10.91.1.2:%1$d 10.91.1.2:%1$d".formatted(port));
            asked.add(protocol + " fd91:1::2 " + port + " fd91:1::1");
            expected.add("[fd91:1::2]:%1$d [fd91:1::2]:%1$d".formatted(port));
          }
        }
        assertThat(ask(client, asked.toArray(String[]::new))).containsExactlyElementsOf(expected);

        // One port of a client's to two captured addresses, and so to one target: it is no loop,
        // but towards that target the port can serve once only.
        List<String> twice =
            ask(
                client,
                "tcp 10.91.1.9 32000 10.91.1.1",
                "tcp 10.91.1.9 32000 10.91.1.3",
                "udp 10.91.1.9 32000 10.91.1.1",
                "udp 10.91.1.9 32000 10.91.1.3");
        assertThat(twice.get(0)).isEqualTo("10.91.1.9:32000 10.91.1.9:32000");
        assertThat(twice.get(2)).isEqualTo("10.91.1.9:32000 10.91.1.9:32000");
        for (int other : new int[] {1, 3}) {
          assertThat(twice.get(other))
              .startsWith("10.91.1.9:32000 10.91.1.9:")
              .doesNotEndWith(":32000");
        }

        // Own addresses; of an IPv6 prefix those that only a local route covers.
        gateway.run("ip", "-6", "route", "add", "local", "fd91:2:1::/64", "dev", "lo");
        List<String> own =
            ask(
                client,
                "tcp 10.91.1.2 33000 10.91.1.4",
                "tcp fd91:1::2 33000 fd91:1::4",
                "udp 10.91.1.2 33000 10.91.1.4");
        assertThat(own.get(0)).contains(" [fd91:2:1::");
        assertThat(own.get(1)).contains(" [fd91:2:1::");
        assertThat(own.get(2)).contains(" 10.91.2.1:");

        for (String command : routing.removal()) {
          String _ = gateway.run("sh", "-c", command);
        }
        assertThat(gateway.run("nft", "list", "ruleset")).isEmpty();
        assertThat(gateway.run("ip", "rule") + gateway.run("ip", "-6", "rule"))
            .doesNotContain("fwmark");
      }
    }
  }

  /** client 10.91.1.2 – 10.91.1.1 gateway 10.91.2.1 – 10.91.2.2 server, and fd91: alike. */
  private static void connect(Netns client, Netns gateway, Netns server) throws Exception {
    link(client, "10.91.1.2/24", "fd91:1::2/64", gateway, "g0", "10.91.1.1/24", "fd91:1::1/64");
    link(server, "10.91.2.2/24", "fd91:2::2/64", gateway, "g1", "10.91.2.1/24", "fd91:2::1/64");
    address(client, "eth0", "10.91.1.9/24");
    for (String more : List.of("10.91.1.3/24", "10.91.1.4/24", "10.91.1.5/24", "fd91:1::4/64")) {
      address(gateway, "g0", more);
    }
    for (Netns host : List.of(client, server)) {
      String net = host == client ? "1" : "2";
      host.run("ip", "route", "add", "default", "via", "10.91." + net + ".1");
      host.run("ip", "-6", "route", "add", "default", "via", "fd91:" + net + "::1");
    }
  }

  private static void link(
      Netns host,
      String v4,
      String v6,
      Netns gateway,
      String name,
      String gatewayV4,
      String gatewayV6)
      throws IOException, InterruptedException {
    host.run(
        "ip", "link", "add", "eth0", "type", "veth", "peer", "name", name, "netns", gateway.name());
    address(host, "eth0", v4);
    address(host, "eth0", v6);
    address(gateway, name, gatewayV4);
    address(gateway, name, gatewayV6);
    host.run("ip", "link", "set", "eth0", "up");
    gateway.run("ip", "link", "set", name, "up");
  }

  private static void address(Netns host, String device, String address)
      throws IOException, InterruptedException {
    if (address.contains("::")) {
      host.run("ip", "addr", "add", address, "dev", device, "nodad");
    } else {
      host.run("ip", "addr", "add", address, "dev", device);
    }
  }

  /** What {@link PeerNames} prints, without its first word. */
  private static List<String> ask(Netns client, String... questions) throws Exception {
    List<String> command = new ArrayList<>(SluiceProcess.java(PeerNames.class.getName()));
    command.add("ask");
    for (String question : questions) {
      command.addAll(List.of(question.split(" ", -1)));
      command.add(String.valueOf(PORT));
    }
    return client
        .run(command.toArray(String[]::new))
        .lines()
        .filter(it -> it.startsWith("answer "))
        .map(it -> it.substring("answer ".length()))
        .collect(Collectors.toCollection(ArrayList::new));
  }

  @Test
  void whoMayNotSendFromOthersAddressesDoesNotStart(@TempDir Path directory) throws Exception {
    assumeTrue(Netns.has("setpriv"), "needs setpriv");
    assumeTrue("root".equals(System.getProperty("user.name")), "needs root, to give rights up");
    Path file = Files.writeString(directory.resolve("sluice.yaml"), YAML);
    List<String> without =
        List.of("setpriv", "--bounding-set=-net_admin,-net_raw", "--inh-caps=-all");
    try (SluiceProcess daemon =
        SluiceProcess.start(
            directory, SluiceProcess.sluice(without, "run", "-f", file.toString()))) {
      assertThat(daemon.awaitExit()).isEqualTo(78);
      assertThat(daemon.output().lines().filter(it -> it.startsWith("sluice: ")))
          .containsExactly(
              "sluice: source: transparent of tcp destination 'v4' needs CAP_NET_ADMIN"
                  + " (EPERM at IP_TRANSPARENT); give it to the process, or leave source out");
    }
  }

  @Test
  void aReloadThatAsksForWhatItMayNotDoChangesNothing(@TempDir Path directory) throws Exception {
    assumeTrue(Netns.has("setpriv"), "needs setpriv");
    Path file = directory.resolve("sluice.yaml");
    try (Netns gateway = Netns.make()) {
      List<String> prefix = new ArrayList<>(gateway.prefix());
      prefix.addAll(List.of("setpriv", "--bounding-set=-net_admin,-net_raw", "--inh-caps=-all"));
      Files.writeString(file, "version: 1\nadmin: {http: none}\n");
      try (SluiceProcess daemon =
          SluiceProcess.start(
              directory, SluiceProcess.sluice(prefix, "run", "-f", file.toString()))) {
        daemon.awaitLine("ready");
        Files.writeString(file, YAML);
        daemon.signal("HUP");
        daemon.awaitLine("source: transparent of tcp destination 'v4' needs CAP_NET_ADMIN");
        assertThat(daemon.output()).contains("the old configuration stays in force");
        daemon.signal("TERM");
        assertThat(daemon.awaitExit()).isZero();
      }
    }
  }
}
