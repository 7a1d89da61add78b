package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.config.ConfigReader;
import io.sluice.proxy.Opened;
import io.sluice.proxy.doctor.TransparentRouting;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Sluice in the way of clients to servers, unseen by both: it captures what passes, and goes on to
 * the original target from the client's own address. The rules of the capture and those that
 * transparent sources need are on the gateway together.
 */
@Timeout(120)
final class TransparentCaptureIT {
  private static final List<String> SERVERS =
      List.of("198.51.100.0", "198.51.100.1", "2001:db8:9::2", "2001:db8:9::3");
  @RegisterExtension final Opened opened = new Opened();
  private CaptureNets nets;
  private RealServers servers;

  /** The servers' addresses are behind the gateway, which forwards. */
  @BeforeEach
  void makeNets(@TempDir Path directory) throws Exception {
    for (String program : List.of("nft", "curl")) {
      assumeTrue(Netns.has(program), "needs " + program);
    }
    nets = opened.add(CaptureNets.joined(directory));
    nets.server.run("ip", "route", "add", "default", "via", "10.9.2.1");
    nets.server.run("ip", "-6", "route", "add", "default", "via", "fd09:2::1");
    for (String address : SERVERS) {
      boolean isIpv4 = !address.contains(":");
      String one = address + (isIpv4 ? "/32" : "/128");
      nets.route(one);
      nets.gateway.run(
          "ip",
          isIpv4 ? "-4" : "-6",
          "route",
          "add",
          one,
          "via",
          isIpv4 ? "10.9.2.2" : "fd09:2::2");
      nets.server.run("ip", "addr", "add", one, "dev", "lo");
    }
    servers = nets.startRealServers(SERVERS.toArray(String[]::new));
  }

  /** At last, all that passes is captured: the answers of servers, too. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "tproxy | tcp, udp | 198.51.100.0/24, \"2001:db8:9::/64\"",
        "redirect | tcp | 198.51.100.0/24, \"2001:db8:9::/64\"",
        "tproxy | tcp, udp | 0.0.0.0/0, \"::/0\""
      })
  void serversWhoseAddressesAreCapturedSeeTheClient(
      String method, String protocols, String addresses) throws Exception {
    StringBuilder text =
        new StringBuilder(
            """
            version: 1
            loops: 2
            admin: {http: none}
            limits: {drain: 0s}
            capture:
              - {name: way, method: %s, protocols: [%s], addresses: [%s], ports: any, install: true}
            bindings:
            """
                .formatted(method, protocols, addresses));
    StringBuilder destinations = new StringBuilder("destinations:\n");
    for (String protocol : protocols.split(", ", -1)) {
      for (String prefix : List.of("0.0.0.0/0", "\"::/0\"")) {
        text.append(
            "  - {label: on, protocol: %s, prefix: %s, port: any}\n".formatted(protocol, prefix));
      }
      destinations.append(
          "  - {label: on, protocol: %s, targets: [original], source: transparent}\n"
              .formatted(protocol));
    }
    Path file = Files.writeString(nets.directory.resolve("sluice.yaml"), text + "" + destinations);
    for (String command : TransparentRouting.of(ConfigReader.read(file)).commands()) {
      String _ = nets.gateway.run("sh", "-c", command);
    }
    SluiceProcess sluice = nets.run(file);
    List<String> urls = new ArrayList<>(List.of("curl", "-sS", "-m", "20"));
    urls.addAll(List.of("-w", " %{local_ip} %{local_port}\n"));
    for (String address : SERVERS) {
      urls.add("http://" + (address.contains(":") ? "[" + address + "]" : address) + ":7000/who");
    }
    String[] answers = nets.client.run(urls.toArray(String[]::new)).split("\n", -1);
    for (int i = 0; i < SERVERS.size(); i++) {
      String[] words = answers[i].split(" ", -1);
      assertThat(words).as(sluice::output).hasSize(7);
      assertThat(words).startsWith(words[5]).contains(SERVERS.get(i), "7000", "/who");
      if (method.equals("redirect")) { // which leads what the client's own port sends there to us
        assertThat(words[1]).isNotEqualTo(words[6]);
      } else {
        assertThat(words[1]).isEqualTo(words[6]);
      }
    }
    boolean hasUdp = protocols.contains("udp");
    nets.assertAnswers(
        200, 1, hasUdp ? "http,dns" : "http", "7000-7000", "198.51.100.0/31", "2001:db8:9::2/127");
    assertThat(sluice.output()).doesNotContain("end=loop", "end=no_");
    if (hasUdp) {
      assertThat(servers.unbound().output().lines().filter(it -> it.contains(" question")))
          .hasSize(200)
          .allMatch(it -> it.contains(" 10.9.1.1 ") || it.contains(" fd09:1::1 "));
    }
  }
}
