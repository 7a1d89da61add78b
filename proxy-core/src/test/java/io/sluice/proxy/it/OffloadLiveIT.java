package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.sluice.proxy.api.SocketAsker;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Changes at run time while the kernel gives connections to real NGINX, which says by which address
 * it was reached: {@code web} has three targets beside Sluice, {@code some} one, and two elsewhere.
 */
@Timeout(300)
final class OffloadLiveIT {
  private static final int ROUNDS = Integer.getInteger("sluice.rounds", 10);
  private static final Duration BOUND = Duration.ofSeconds(10);

  /** Each leaves what the next needs; the last leaves what was in the beginning. */
  private static final List<String> CHANGES =
      List.of(
          "/set?label=web&protocol=tcp&address=127.0.0.2:7000&weight=3",
          "/set?label=web&protocol=tcp&address=127.0.0.2:7000&state=drain",
          "/set?label=web&protocol=tcp&address=127.0.0.2:7000&state=ready",
          "/set?label=web&protocol=tcp&address=127.0.0.2:7000&weight=1",
          "/unregister?label=web&protocol=tcp&address=127.0.0.3:7000",
          "/register?label=web&protocol=tcp&address=127.0.0.3:7000",
          "/swap?label=web&protocol=tcp&to=127.0.0.2:7000,127.0.0.3:7000",
          "/swap?label=web&protocol=tcp&to=127.0.0.1:7000,127.0.0.2:7000,127.0.0.3:7000",
          "/bind?label=some&protocol=tcp&prefix=192.0.2.0/25&port=0",
          "/unbind?label=some&protocol=tcp&prefix=192.0.2.0/25&port=0");

  /** Whom NGINX saw, by which of its addresses, and who asked from which port for what. */
  private static final Pattern SAMPLE =
      Pattern.compile("(\\S+ \\d+) (\\S+) 7000 \\S+ asked (\\S+ \\d+) (\\S+)");

  private static final Pattern VERDICT =
      Pattern.compile("\"target\":\"\\[?([^\"\\]]+?)]?:7000\".*\"path\":\"(kernel|relay)");

  private CaptureNets nets;
  private SocketAsker asker;
  private SluiceProcess sluice;
  private final List<String> explained = new ArrayList<>();

  @BeforeEach
  void start(@TempDir Path directory) throws Exception {
    nets = CaptureNets.joined(directory);
    nets.makeLocal(CaptureNets.IPV4);
    RealServers _ = nets.startServersBesideSluice("127.0.0.1", "127.0.0.2", "127.0.0.3");
    Path socket = directory.resolve("admin.sock");
    asker = new SocketAsker(socket);
    Path file = directory.resolve("sluice.yaml");
    Files.writeString(
        file,
        """
        version: 1
        loops: 1
        admin: {http: "127.0.0.1:9090", socket: "%s"}
        capture:
          - {name: edge, protocols: [tcp], addresses: ["192.0.2.0/24"], ports: any, method: sk_lookup}
        bindings:
          - {label: web, protocol: tcp, prefix: 192.0.2.0/24, port: any}
          - {label: some, protocol: tcp, prefix: 192.0.2.0/24, port: 81}
        destinations:
          - {label: web, protocol: tcp, targets: ["127.0.0.1:7000", "127.0.0.2:7000", "127.0.0.3:7000"], offload: auto}
          - {label: some, protocol: tcp, targets: ["127.0.0.1:7000", "10.9.2.2:7000", "[fd09:2::2]:7000"], offload: auto}
        """
            .formatted(socket));
    sluice = nets.run(file);
  }

  @AfterEach
  void stop() throws Exception {
    nets.close();
  }

  @Test
  void eachChangeUnderLoadLeadsNewConnectionsWhereExplainSaysAndFailsNobody() throws Exception {
    RealServers _ = nets.startRealServers();
    String[] question =
        CaptureNets.question(400 * ROUNDS, System.nanoTime(), "http", "80-81", CaptureNets.IPV4);
    SluiceProcess asking =
        nets.add(SluiceProcess.start(nets.directory, nets.client.inside(List.of(question))));
    Set<String> all = new HashSet<>();
    for (int i = 0; i < ROUNDS * CHANGES.size(); i++) {
      String change = CHANGES.get(i % CHANGES.size());
      assertThat(asker.ask("POST", change, "")).as(change).startsWith("HTTP/1.1 200 ");
      await(change)
          .atMost(BOUND)
          .untilAsserted(() -> assertThat(reached("80", 10)).isEqualTo(explained));
      List<String> now = reached("80-81", 20);
      assertThat(now).as(change).isEqualTo(explained);
      all.addAll(now);
    }
    assertThat(all)
        .contains("kernel 127.0.0.1", "kernel 127.0.0.2", "kernel 127.0.0.3")
        .contains("relay 10.9.2.2", "relay fd09:2::2");
    asking.awaitLine("asked ");
    assertThat(asking.output()).contains("wrong 0").doesNotContain("wrong http");
  }

  @Test
  void noNewConnectionReachesATargetThatDrainsOnceItsSlotIsEmpty() throws Exception {
    assertThat(reached("80", 200)).contains("kernel 127.0.0.2");
    assertThat(asker.ask("POST", CHANGES.get(1), "")).startsWith("HTTP/1.1 200 ");
    sluice.awaitLine("", "target=127.0.0.2:7000 state=out");
    assertThat(reached("80", 200)).hasSize(200).noneMatch(it -> it.endsWith(" 127.0.0.2"));
  }

  @Test
  void whatTheKernelGaveIsCountedOnceHoweverOftenTargetsChange() throws Exception {
    for (int i = 0; i < 4; i++) {
      assertThat(reached("80", 25)).allMatch(it -> it.startsWith("kernel "));
      String change = CHANGES.get(i % 2 == 0 ? 0 : 3);
      assertThat(asker.ask("POST", change, "")).as(change).startsWith("HTTP/1.1 200 ");
    }
    String metrics = nets.gateway.run("curl", "-s", "http://127.0.0.1:9090/metrics");
    assertThat(metrics.lines())
        .filteredOn(it -> it.startsWith("sluice_offloaded_total{") && it.contains("\"web\""))
        .anyMatch(it -> it.endsWith(" 100") || it.endsWith(" 100.0"));
  }

  @Test
  void connectionsLiveOnWhenTheDaemonIsKilled() throws Exception {
    SluiceProcess client =
        nets.add(
            SluiceProcess.start(
                nets.directory,
                nets.client.inside(
                    List.of(
                        "bash",
                        "-c",
                        "exec 3<>/dev/tcp/192.0.2.5/80; echo connected; while [ ! -e killed ]; do"
                            + " sleep 0.05; done; printf 'GET /after HTTP/1.0\\r\\n\\r\\n' >&3;"
                            + " cat <&3; echo; echo over"))));
    client.awaitLine("connected");
    sluice.signal("KILL");
    assertThat(sluice.awaitExit()).isEqualTo(137);
    Files.createFile(nets.directory.resolve("killed"));
    assertThat(client.awaitLine("over").output()).contains("200 OK", " /after");
  }

  /**
   * By which path new connections came to which address of NGINX; {@code explained} is then what
   * the daemon says of each.
   */
  private List<String> reached(String ports, int count) throws Exception {
    explained.clear();
    List<String> reached = new ArrayList<>();
    String port = ports.contains("-") ? "[" + ports + "]" : ports;
    String said =
        nets.client.run(
            "curl",
            "-s",
            "-H",
            "Connection: close",
            "-w",
            " asked %{local_ip} %{local_port} %{remote_ip}:%{remote_port}\\n",
            "http://192.0.2.[1-" + count + "]:" + port + "/x");
    for (String line : said.lines().toList()) {
      Matcher sample = SAMPLE.matcher(line);
      assertThat(sample.matches()).as(line).isTrue();
      String path = sample.group(1).equals(sample.group(3)) ? "kernel" : "relay";
      reached.add(path + " " + sample.group(2));
      explained.add(explained(sample.group(3).replace(' ', ':') + " " + sample.group(4)));
    }
    return reached;
  }

  private String explained(String tuple) throws IOException {
    String answer = asker.ask("POST", "/explain", "tcp " + tuple + "\n");
    Matcher verdict = VERDICT.matcher(answer);
    assertThat(verdict.find()).as(answer).isTrue();
    return verdict.group(2) + " " + verdict.group(1);
  }
}
