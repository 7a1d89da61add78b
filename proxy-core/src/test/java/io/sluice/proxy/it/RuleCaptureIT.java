package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The methods {@code tproxy} and {@code redirect}, from a client's side, with real nftables. */
@Timeout(180)
final class RuleCaptureIT {
  private static final int PAIRS = 2_000;
  private static final String TPROXY =
      "{name: edge, addresses: [\"192.0.2.0/24\", \"2001:db8:1::/64\"], ports: any,"
          + " method: tproxy, install: true}";
  private static final String REDIRECT = TPROXY.replace("tproxy", "redirect");

  private CaptureNets nets;
  private long seed;

  @BeforeEach
  void makeNets(@TempDir Path directory) throws Exception {
    assumeTrue(Netns.has("nft"), "needs nftables");
    nets = CaptureNets.make(directory);
    seed = System.nanoTime() & 0xffff_ffffL;
  }

  @AfterEach
  void removeNets() throws Exception {
    if (nets != null) {
      nets.close();
    }
  }

  private Path configuration(String capture) throws Exception {
    return nets.configuration(capture, CaptureNets.IPV4, CaptureNets.IPV6);
  }

  /** What nftables and the routing rules have of ours. */
  private String rules() throws Exception {
    return nets.gateway.run("nft", "list", "ruleset")
        + nets.gateway.run("ip", "-4", "rule")
        + nets.gateway.run("ip", "-6", "rule");
  }

  @Test
  void tproxyAnswersEveryPortOfTwoPrefixesFromWhereItWasAskedAndLeavesNoRules() throws Exception {
    SluiceProcess sluice = nets.run(configuration(TPROXY));
    assertThat(nets.gateway.run("ss", "-Hlntu").lines()).hasSize(2 * 2 * 2);
    nets.assertAnswers(PAIRS, seed, "tcp,udp", "1-65535", CaptureNets.IPV4, CaptureNets.IPV6);
    assertThat(rules()).contains("table inet sluice", "fwmark 0x534c lookup 21324");
    sluice.signal("TERM");
    assertThat(sluice.awaitExit()).isZero();
    assertThat(rules()).doesNotContain("sluice", "fwmark");
  }

  @Test
  void redirectAnswersEveryTcpPortOfTwoPrefixes() throws Exception {
    SluiceProcess sluice = nets.run(configuration(REDIRECT));
    assertThat(nets.gateway.run("ss", "-Hlntu").lines()).hasSize(2 * 2);
    nets.assertAnswers(PAIRS, seed, "tcp", "1-65535", CaptureNets.IPV4, CaptureNets.IPV6);
    sluice.signal("TERM");
    assertThat(sluice.awaitExit()).isZero();
    assertThat(rules()).doesNotContain("sluice", "fwmark");
  }

  @Test
  void aConnectionThatWasNotRedirectedIsRefused() throws Exception {
    SluiceProcess sluice = nets.run(configuration(REDIRECT));
    assertThat(nets.client.run(CaptureNets.question(2, seed, "tcp", "15002-15002", "10.9.1.2/32")))
        .contains("tcp 0 udp 0 wrong 2");
    sluice.awaitLine("", "end=not_captured");
  }

  @Test
  void afterAKillTheNextStartReplacesTheRulesAndRemoveTakesThemAway() throws Exception {
    Path configuration = configuration(TPROXY);
    SluiceProcess killed = nets.run(configuration);
    killed.signal("KILL");
    int _ = killed.awaitExit();
    assertThat(rules()).contains("table inet sluice");
    SluiceProcess next = nets.run(configuration);
    nets.assertAnswers(50, seed, "tcp,udp", "1-65535", CaptureNets.IPV4, CaptureNets.IPV6);
    assertThat(rules()).containsOnlyOnce("chain to_tproxy");
    next.signal("KILL");
    int _ = next.awaitExit();
    String _ =
        nets.gateway.run(
            SluiceProcess.sluice(List.of(), "capture", "remove").toArray(String[]::new));
    assertThat(rules()).doesNotContain("sluice", "fwmark");
  }

  @Test
  void whatCaptureRulesPrintsInstallsThem() throws Exception {
    Path configuration =
        configuration(
            TPROXY.replace("install: true", "except: {ports: [22], addresses: [192.0.2.7]}"));
    String[] command =
        SluiceProcess.sluice(List.of(), "capture", "rules", "-f", configuration.toString())
            .toArray(String[]::new);
    Path script = Files.writeString(nets.directory.resolve("rules.sh"), nets.gateway.run(command));
    SluiceProcess _ = nets.run(configuration);
    assertThat(nets.gateway.run("sh", "-e", script.toString())).isEmpty();
    nets.assertAnswers(100, seed, "tcp,udp", "23-65535", "192.0.2.128/25", CaptureNets.IPV6);
    assertThat(nets.client.run(CaptureNets.question(1, seed, "tcp", "80-80", "192.0.2.7/32")))
        .contains("tcp 0 udp 0 wrong 1");
  }

  @Test
  void aRangeThatAReloadAddsIsCapturedWithoutARestart() throws Exception {
    nets.route("198.51.100.0/24");
    SluiceProcess sluice = nets.run(configuration(TPROXY));
    nets.configuration(
        TPROXY.replace("\"192.0.2.0/24\"", "\"192.0.2.0/24\", 198.51.100.0/24"),
        CaptureNets.IPV4,
        CaptureNets.IPV6,
        "198.51.100.0/24");
    sluice.signal("HUP");
    sluice.awaitLine("", "reloaded generation=2");
    nets.assertAnswers(100, seed, "tcp,udp", "1-65535", CaptureNets.IPV4, "198.51.100.0/24");
  }
}
