package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Real NGINX behind a /24 and a /64, whose connections the kernel gives to it without us. */
@Timeout(180)
final class OffloadIT {
  private static final int PAIRS = 2_000;
  private static final int ROUNDS = Integer.getInteger("sluice.rounds", 20);
  private static final String OWN_ADDRESS = "10.9.1.1 ";
  private static final String OWN_ADDRESS_IPV6 = "fd09:1::1 ";

  private CaptureNets nets;
  private RealServers servers;
  private long seed;

  @BeforeEach
  void makeNets(@TempDir Path directory) throws Exception {
    nets = CaptureNets.joined(directory);
    nets.makeLocal(CaptureNets.IPV4);
    nets.makeLocal(CaptureNets.IPV6);
    servers = nets.startServersBesideSluice();
    seed = System.nanoTime() & 0xffff_ffffL;
  }

  @AfterEach
  void removeNets() throws Exception {
    nets.close();
  }

  @Test
  void nginxSeesTheClientsThemselvesAndAnOrdinaryUserWithTwoCapabilitiesMayDoIt() throws Exception {
    SluiceProcess sluice =
        nets.startAsNobody("+bpf,+net_admin", configuration("sk_lookup", "auto"))
            .awaitLine("ready");
    assertThat(sluice.output()).contains("target=127.0.0.1:7000 state=offloaded");
    nets.assertAnswers(PAIRS, seed, "own", "1-65535", CaptureNets.IPV4, CaptureNets.IPV6);
    List<String> seen = Files.readAllLines(servers.home().resolve("access.log"));
    assertThat(seen).hasSize(PAIRS);
    assertThat(seen).filteredOn(it -> it.startsWith(OWN_ADDRESS)).hasSize(PAIRS / 2);
    assertThat(seen).filteredOn(it -> it.startsWith(OWN_ADDRESS_IPV6)).hasSize(PAIRS / 2);
    assertThat(sluice.output()).doesNotContain("end=");
  }

  @Test
  void noSocketOfOursIsBetweenAClientAndNginx() throws Exception {
    SluiceProcess sluice = nets.run(configuration("sk_lookup", "required"));
    nets.add(
            SluiceProcess.start(
                nets.directory,
                nets.client.inside(
                    List.of(
                        "bash",
                        "-c",
                        "exec 3<>/dev/tcp/192.0.2.5/80 && echo connected && read line <&3"))))
        .awaitLine("connected");
    await()
        .atMost(Duration.ofSeconds(10))
        .untilAsserted(() -> assertThat(established()).contains("192.0.2.5:80", "\"nginx\""));
    assertThat(established()).doesNotContain("pid=" + sluice.pid());
  }

  @Test
  void theRelayTakesOverWhileNginxIsGoneAndGivesBackWhenItIsThereAgain() throws Exception {
    SluiceProcess sluice = nets.run(configuration("sk_lookup", "auto"));
    servers.close();
    sluice.awaitLine("", "target=127.0.0.1:7000 state=absent");
    assertThat(nets.client.run(CaptureNets.question(5, seed, "own", "80-80", CaptureNets.IPV4)))
        .contains("wrong 5");
    assertThat(sluice.output()).contains("end=connect_refused");
    servers = nets.startServersBesideSluice();
    await()
        .atMost(Duration.ofSeconds(10))
        .untilAsserted(() ->
            assertThat(sluice.output().lines().toList().reversed())
                .filteredOn(it -> it.contains("target=127.0.0.1:7000 state="))
                .first()
                .asString()
                .contains("state=offloaded"));
    nets.assertAnswers(50, seed, "own", "1-65535", CaptureNets.IPV4, CaptureNets.IPV6);
  }

  /** The property {@code sluice.rounds} has it switch more often than usually. */
  @Test
  void switchingBetweenKernelAndRelayUnderLoadFailsNobody() throws Exception {
    SluiceProcess sluice = nets.run(configuration("sk_lookup", "auto"));
    String[] question =
        CaptureNets.question(
            50 * ROUNDS, seed, "http", "1-65535", CaptureNets.IPV4, CaptureNets.IPV6);
    SluiceProcess asking =
        nets.add(SluiceProcess.start(nets.directory, nets.client.inside(List.of(question))));
    for (int round = 0; round < ROUNDS; round++) {
      configuration("sk_lookup", round % 2 == 0 ? "off" : "auto");
      sluice.signal("HUP");
      sluice.awaitLine("", "reloaded generation=" + (round + 2));
    }
    asking.awaitLine("asked ");
    assertThat(asking.output()).contains("wrong 0").doesNotContain("wrong http");
    List<String> seen = Files.readAllLines(servers.home().resolve("access.log"));
    assertThat(seen).as("by the kernel").anyMatch(it -> it.startsWith(OWN_ADDRESS));
  }

  @Test
  void withoutRightsAutoIsRelayedAndSaysWhy() throws Exception {
    SluiceProcess sluice =
        nets.startAsNobody("-all", configuration("auto", "auto")).awaitLine("ready");
    assertThat(sluice.output())
        .contains("captured name=edge method=bind", "not offloaded destination=web why=");
    nets.assertAnswers(20, seed, "http", "8080-8080", CaptureNets.IPV4);
    assertThat(Files.readAllLines(servers.home().resolve("access.log")))
        .allMatch(it -> it.startsWith("127.0.0.1 "));
  }

  @Test
  void withoutRightsRequiredIsRefused() throws Exception {
    SluiceProcess sluice = nets.startAsNobody("-all", configuration("auto", "required"));
    assertThat(sluice.awaitExit()).isEqualTo(78);
    assertThat(sluice.output())
        .containsPattern("(?m)^sluice: destination web: offload is required: .*EPERM");
  }

  private String established() throws Exception {
    return nets.gateway.run("ss", "-Htnp", "state", "established");
  }

  /** Both prefixes go to NGINX on the loopback of the family. */
  private Path configuration(String method, String offload) throws IOException {
    boolean isAuto = method.equals("auto");
    return Files.writeString(
        nets.directory.resolve("sluice.yaml"),
        """
        version: 1
        loops: 1
        admin: {http: none, socket: none}
        capture:
          - {name: edge, protocols: [tcp], addresses: ["192.0.2.0/24", "2001:db8:1::/64"], ports: %s, method: %s}
        bindings:
          - {label: web, protocol: tcp, prefix: 192.0.2.0/24, port: any}
          - {label: web6, protocol: tcp, prefix: "2001:db8:1::/64", port: any}
        destinations:
          - {label: web, protocol: tcp, targets: ["127.0.0.1:7000"], offload: %s}
          - {label: web6, protocol: tcp, targets: ["[::1]:7000"], offload: %s}
        """
            .formatted(isAuto ? "8080" : "any", method, offload, offload));
  }
}
