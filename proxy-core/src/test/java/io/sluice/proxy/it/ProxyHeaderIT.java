package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * PROXY protocol headers between Sluice and real servers, in a network namespace of the test's own.
 * Clients come from 127.1.x.y; what the servers log is who they were told the client is.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Timeout(120)
final class ProxyHeaderIT {
  private static final String CONFIGURATION =
      """
      version: 1
      capture:
        - name: web
          protocols: [tcp]
          addresses: [192.0.2.0/24]
          ports: ["8001-8003"]
        - name: behind
          protocols: [tcp]
          addresses: [198.51.100.0/24]
          ports: [80]
          proxyProtocol: {from: [127.0.0.9]}
        - name: dns
          protocols: [udp]
          addresses: [192.0.2.0/24]
          ports: [53, 54]
      listeners:
        - {protocol: tcp, address: 0.0.0.0, port: 8001, destination: nginx-v1}
        - {protocol: tcp, address: 0.0.0.0, port: 8002, destination: nginx-v2}
        - {protocol: tcp, address: 0.0.0.0, port: 8003, destination: haproxy-v2}
        - {protocol: tcp, address: 0.0.0.0, port: 80, destination: nginx-v2}
        - {protocol: tcp, address: 0.0.0.0, port: 9080, destination: nginx-v2}
        - {protocol: udp, address: 0.0.0.0, port: 53, destination: unbound}
        - {protocol: udp, address: 0.0.0.0, port: 54, destination: dnsdist}
      destinations:
        - {label: nginx-v1,   protocol: tcp, targets: ["127.0.0.1:8081"], proxyProtocol: v1}
        - label: nginx-v2
          protocol: tcp
          targets: ["127.0.0.1:8081"]
          proxyProtocol: {version: v2, uniqueId: true, crc32c: true, passOn: true}
        - {label: haproxy-v2, protocol: tcp, targets: ["127.0.0.1:8082"], proxyProtocol: v2}
        - {label: unbound,    protocol: udp, targets: ["127.0.0.1:5301"], proxyProtocol: v2}
        - {label: dnsdist,    protocol: udp, targets: ["127.0.0.1:5302"], proxyProtocol: v2}
      admin: {http: none}
      """;

  private static final String HAPROXY =
      """
      global
        log stdout format raw local0
      defaults
        mode http
        log global
        timeout connect 5s
        timeout client 10s
        timeout server 10s
      frontend accepting
        bind 127.0.0.1:8082 accept-proxy
        log-format "haproxy-client %ci:%cp to %fi"
        default_backend nginx
      backend nginx
        server nginx 127.0.0.1:8083
      frontend sending
        mode tcp
        bind 127.0.0.1:9080
        default_backend sluice
      backend sluice
        mode tcp
        server sluice 198.51.100.1:80 source 127.0.0.9 send-proxy-v2
      """;

  private static final String UNBOUND =
      """
      server:
        interface: 127.0.0.1@5301
        proxy-protocol-port: 5301
        port: 5301
        access-control: 127.0.0.0/8 allow
        do-daemonize: no
        use-syslog: no
        logfile: ""
        log-queries: yes
        username: ""
        chroot: ""
        directory: "DIRECTORY"
        pidfile: "DIRECTORY/unbound.pid"
        local-zone: "test." static
        local-data: "www.test. A 192.0.2.7"
      remote-control:
        control-enable: no
      """;

  private static final String DNSDIST =
      """
      setLocal("127.0.0.1:5302")
      setProxyProtocolACL({"127.0.0.1/32"})
      setACL({"0.0.0.0/0"})
      addAction(AllRule(), LuaAction(function(dq)
        infolog("dnsdist-client " .. dq.remoteaddr:toString() .. " to " .. dq.localaddr:toString())
        return DNSAction.None
      end))
      addAction(AllRule(), SpoofAction("192.0.2.8"))
      """;

  private final List<AutoCloseable> started = new ArrayList<>();
  private Netns netns;
  private Path nginxLog;
  private SluiceProcess haproxy;
  private SluiceProcess unbound;
  private SluiceProcess dnsdist;

  @BeforeAll
  void startServers(@TempDir Path directory) throws Exception {
    for (String program : List.of("nginx", "haproxy", "unbound", "dnsdist", "curl", "kdig")) {
      assumeTrue(Netns.has(program), "needs " + program);
    }
    netns = Netns.make();
    started.add(netns);
    for (String prefix : List.of("192.0.2.0/24", "198.51.100.0/24")) {
      netns.run("ip", "route", "add", "local", prefix, "dev", "lo");
    }
    startNginx(directory);
    haproxy = start(directory, "haproxy", "-db", "-f", write(directory, "haproxy.cfg", HAPROXY));
    String unboundFile =
        write(directory, "unbound.conf", UNBOUND.replace("DIRECTORY", directory.toString()));
    unbound = start(directory, "unbound", "-d", "-c", unboundFile);
    dnsdist =
        start(
            directory, "dnsdist", "--supervised", "-C", write(directory, "dnsdist.conf", DNSDIST));
    Path file = Files.writeString(directory.resolve("sluice.yaml"), CONFIGURATION);
    SluiceProcess sluice =
        SluiceProcess.start(
            directory, SluiceProcess.sluice(netns.prefix(), "run", "-f", file.toString()));
    started.add(sluice);
    sluice.awaitLine("ready");
  }

  private static String write(Path directory, String name, String text) throws IOException {
    return Files.writeString(directory.resolve(name), text).toString();
  }

  private void startNginx(Path directory) throws IOException {
    Path home = directory.resolve("nginx");
    nginxLog = home.resolve("access.log");
    String http =
        """
        log_format told "client $proxy_protocol_addr to $proxy_protocol_server_addr:$proxy_protocol_server_port $uri";
        access_log %s told;
        server { listen 127.0.0.1:8081 proxy_protocol; location / { return 200 "told $proxy_protocol_addr\\n"; } }
        server { listen 127.0.0.1:8083; location / { return 200 "plain\\n"; } }
        """
            .formatted(nginxLog);
    start(directory, ServerPrograms.nginx(home, "", http).toArray(String[]::new));
  }

  private SluiceProcess start(Path directory, String... command) throws IOException {
    SluiceProcess process = SluiceProcess.start(directory, netns.inside(List.of(command)));
    started.add(process);
    return process;
  }

  @AfterAll
  void stopServers() throws Exception {
    for (AutoCloseable it : started.reversed()) {
      it.close();
    }
  }

  private String curl(String source, String url) throws Exception {
    return netns.run(
        "curl",
        "-sS",
        "--retry",
        "20",
        "--retry-delay",
        "1",
        "--retry-all-errors",
        "--max-time",
        "60",
        "--interface",
        source,
        url);
  }

  private static void awaitText(String text, Callable<String> log) {
    Awaitility.await("\"" + text + "\"")
        .atMost(Duration.ofSeconds(20))
        .until(log, it -> it.contains(text));
  }

  @ParameterizedTest
  @CsvSource({"8001, 127.1.0.1", "8002, 127.1.0.2"})
  void nginxLogsTheTrueClientForVersion1And2(int port, String client) throws Exception {
    assertThat(curl(client, "http://192.0.2.3:" + port + "/nginx"))
        .isEqualTo("told " + client + "\n");
    awaitText(
        "client " + client + " to 192.0.2.3:" + port + " /nginx", () -> Files.readString(nginxLog));
  }

  @Test
  void haproxyLogsTheTrueClient() throws Exception {
    assertThat(curl("127.1.0.3", "http://192.0.2.4:8003/")).isEqualTo("plain\n");
    awaitText("haproxy-client 127.1.0.3:", haproxy::output);
    awaitText(" to 192.0.2.4", haproxy::output);
  }

  @Test
  void theFirstClientIsKeptFromHaproxyThroughSluiceToNginx() throws Exception {
    assertThat(curl("127.1.0.4", "http://127.0.0.1:9080/chain")).isEqualTo("told 127.1.0.4\n");
    awaitText("client 127.1.0.4 to 127.0.0.1:9080 /chain", () -> Files.readString(nginxLog));
  }

  /** The header is payload here, which NGINX takes for a wrong request. */
  @Test
  void aHeaderFromAnUnlistedSourceIsNotBelieved() throws Exception {
    String answer =
        netns.run(
            "sh",
            "-c",
            "printf 'PROXY TCP4 203.0.113.9 198.51.100.1 1 80\\r\\nGET /forged HTTP/1.0\\r\\n\\r\\n'"
                + " | timeout 10 curl -sS --interface 127.1.0.5 --max-time 5 telnet://198.51.100.1:80"
                + " || true");
    assertThat(answer).contains("400 Bad Request");
    assertThat(Files.readString(nginxLog)).doesNotContain("203.0.113.9");
    awaitText("client 127.1.0.5 to 198.51.100.1:80", () -> Files.readString(nginxLog));
  }

  @Test
  void unboundLogsTheTrueClientOverUdp() throws Exception {
    assertThat(kdig("127.1.0.6", "192.0.2.5", 53)).contains("192.0.2.7");
    awaitText("127.1.0.6 www.test. A IN", unbound::output);
  }

  @Test
  void dnsdistLogsTheTrueClientOverUdp() throws Exception {
    assertThat(kdig("127.1.0.7", "192.0.2.6", 54)).contains("192.0.2.8");
    awaitText("dnsdist-client 127.1.0.7 to 192.0.2.6", dnsdist::output);
  }

  private String kdig(String source, String server, int port) throws Exception {
    return netns.run(
        "kdig",
        "@" + server,
        "-p",
        String.valueOf(port),
        "-b",
        source,
        "+short",
        "+retry=5",
        "+time=3",
        "www.test",
        "A");
  }
}
