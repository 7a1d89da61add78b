package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two NGINX and a dnsmasq behind prefixes, on IPv4 and IPv6, in a network namespace of the test's
 * own; asked with curl and a DNS client.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class RealServersIT {
  private static final String CONFIGURATION =
      """
      version: 1
      capture:
        - name: web
          protocols: [tcp]
          addresses: ["192.0.2.0/24", "2001:db8:1::/64"]
          ports: [80]
        - name: l7
          protocols: [tcp]
          addresses: ["198.51.100.1", "2001:db8:2::1"]
          ports: ["10000-10999"]
        - name: dns
          protocols: [udp]
          addresses: ["203.0.113.0/24", "2001:db8:3::/64"]
          ports: [53]
      bindings:
        - {label: web, protocol: tcp, prefix: "192.0.2.0/24",       port: 80}
        - {label: web, protocol: tcp, prefix: "2001:db8:1::/64",    port: 80}
        - {label: l7,  protocol: tcp, prefix: "198.51.100.1/32",    port: any}
        - {label: l7,  protocol: tcp, prefix: "2001:db8:2::1/128",  port: any}
        - {label: dns, protocol: udp, prefix: "203.0.113.0/24",     port: 53}
        - {label: dns, protocol: udp, prefix: "2001:db8:3::/64",    port: 53}
      destinations:
        - {label: web, protocol: tcp, targets: ["127.0.0.1:8081"]}
        - {label: l7,  protocol: tcp, targets: ["127.0.0.1:8082"]}
        - {label: dns, protocol: udp, targets: ["127.0.0.1:5353"]}
      admin: {http: "127.0.0.1:9901"}
      """;

  private final List<AutoCloseable> started = new ArrayList<>();
  private Netns netns;
  private SluiceProcess sluice;

  @BeforeAll
  void startServers(@TempDir Path directory) throws Exception {
    for (String program : List.of("nginx", "dnsmasq", "curl", "promtool")) {
      assumeTrue(Netns.has(program), "needs " + program);
    }
    netns = Netns.make();
    started.add(netns);
    for (String prefix : List.of("192.0.2.0/24", "198.51.100.1/32", "203.0.113.0/24")) {
      netns.run("ip", "route", "add", "local", prefix, "dev", "lo");
    }
    for (String prefix : List.of("2001:db8:1::/64", "2001:db8:2::1/128", "2001:db8:3::/64")) {
      netns.run("ip", "-6", "route", "add", "local", prefix, "dev", "lo");
    }
    startNginx(directory, "first", 8081);
    startNginx(directory, "second", 8082);
    start(directory, ServerPrograms.dnsmasq(5353, "--log-facility=-"));
    Path file = Files.writeString(directory.resolve("sluice.yaml"), CONFIGURATION);
    sluice =
        SluiceProcess.start(
            directory, SluiceProcess.sluice(netns.prefix(), "run", "-f", file.toString()));
    started.add(sluice);
    sluice.awaitLine("ready");
  }

  private void startNginx(Path directory, String name, int port) throws IOException {
    String http =
        "access_log off; server { listen 127.0.0.1:%d; location / { return 200 \"%s\\n\"; } }"
            .formatted(port, name);
    start(directory, ServerPrograms.nginx(directory.resolve(name), "", http));
  }

  private void start(Path directory, List<String> command) throws IOException {
    started.add(SluiceProcess.start(directory, netns.inside(command)));
  }

  @AfterAll
  void stopServers() throws Exception {
    for (AutoCloseable it : started.reversed()) {
      it.close();
    }
  }

  @Test
  void everyAddressOfAnIpv4PrefixReachesTheFirstNginx() throws Exception {
    assertThat(answers("http://192.0.2.[0-255]/")).hasSize(256).containsOnly("first");
  }

  @Test
  void addressesOfAnIpv6PrefixReachTheFirstNginx() throws Exception {
    assertThat(answersOf(256, i -> "http://[2001:db8:1::" + Integer.toHexString(i * 257) + "]/"))
        .hasSize(256)
        .containsOnly("first");
  }

  @Test
  void aThousandPortsOfOneIpv4AddressReachTheSecondNginx() throws Exception {
    assertThat(answers("http://198.51.100.1:[10000-10999]/")).hasSize(1000).containsOnly("second");
  }

  @Test
  void aThousandPortsOfOneIpv6AddressReachTheSecondNginx() throws Exception {
    assertThat(answersOf(1000, i -> "http://[2001:db8:2::1]:" + (10_000 + i) + "/"))
        .hasSize(1000)
        .containsOnly("second");
  }

  private List<String> answersOf(int count, IntFunction<String> url) throws Exception {
    String urls = IntStream.range(0, count).mapToObj(url).collect(Collectors.joining(" "));
    return answers("-g " + urls);
  }

  /** The bodies that curl got, one a line. */
  private List<String> answers(String arguments) throws Exception {
    List<String> command =
        new ArrayList<>(List.of("curl", "-sS", "--max-time", "60", "--connect-timeout", "10"));
    command.addAll(List.of(arguments.split(" ", -1)));
    return netns.run(command.toArray(String[]::new)).lines().toList();
  }

  @Test
  void fiftyIpv4AddressesAnswerDnsFromTheAddressThatWasAsked() throws Exception {
    assertDnsAnswers(IntStream.range(0, 50).mapToObj(i -> "203.0.113." + (i * 5 + 1)).toList());
  }

  @Test
  void fiftyIpv6AddressesAnswerDnsFromTheAddressThatWasAsked() throws Exception {
    assertDnsAnswers(
        IntStream.range(1, 51)
            .mapToObj(i -> "2001:db8:3:0:0:0:0:" + Integer.toHexString(i))
            .toList());
  }

  private void assertDnsAnswers(List<String> addresses) throws Exception {
    List<String> command = new ArrayList<>(SluiceProcess.java(DnsClient.class.getName()));
    command.addAll(List.of("www.test", "53"));
    command.addAll(addresses);
    List<String> expected =
        addresses.stream()
            .map(it -> "asked " + it + " 53 from " + it + " 53 answer 192.0.2.7")
            .toList();
    assertThat(netns.run(command.toArray(String[]::new)).lines())
        .containsExactlyElementsOf(expected);
  }

  @Test
  void promtoolFindsNothingToSayAboutTheMetrics() throws Exception {
    assertThat(answers("http://192.0.2.9/")).containsOnly("first");
    String metrics = netns.run("curl", "-sS", "http://127.0.0.1:9901/metrics");
    assertThat(metrics)
        .contains("sluice_lookups_total{label=\"web\",family=\"ipv4\",protocol=\"tcp\"}");
    Process promtool = new ProcessBuilder("promtool", "check", "metrics").start();
    try (var in = promtool.getOutputStream()) {
      in.write(metrics.getBytes(java.nio.charset.StandardCharsets.UTF_8));
    }
    String said =
        new String(
                promtool.getErrorStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8)
            + new String(
                promtool.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
    assertThat(promtool.waitFor()).as(said).isZero();
    assertThat(said).isEmpty();
  }

  @Test
  void livenessAndReadinessAnswer() throws Exception {
    assertThat(netns.run("curl", "-sS", "http://127.0.0.1:9901/livez")).isEqualTo("ok\n");
    assertThat(netns.run("curl", "-sS", "http://127.0.0.1:9901/readyz")).isEqualTo("ok\n");
  }
}
