package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.proxy.Opened;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The methods {@code tproxy} and {@code redirect}, from a client's side, with real nftables, in
 * front of NGINX and unbound.
 */
@Timeout(180)
final class RuleCaptureIT {
  private static final int PAIRS = 2_000;
  private static final int WHILE_RELOADING = 1_000;
  private static final String MORE = "198.51.100.0/24";
  private static final String TPROXY =
      "{name: edge, addresses: [\"192.0.2.0/24\", \"2001:db8:1::/64\"], ports: any,"
          + " method: tproxy, install: true}";
  private static final String REDIRECT =
      "{name: edge, addresses: [\"192.0.2.0/24\", \"2001:db8:1::/64\"], ports: any,"
          + " method: redirect, install: true}";

  @RegisterExtension final Opened opened = new Opened();
  private CaptureNets nets;
  private long seed;

  @BeforeEach
  void makeNets(@TempDir Path directory) throws Exception {
    assumeTrue(Netns.has("nft"), "needs nftables");
    nets = opened.add(CaptureNets.joined(directory));
    RealServers _ = nets.startRealServers();
    seed = System.nanoTime() & 0xffff_ffffL;
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
    nets.assertAnswers(PAIRS, seed, "http,dns", "1-65535", CaptureNets.IPV4, CaptureNets.IPV6);
    assertThat(rules()).contains("table inet sluice", "fwmark 0x534c lookup 21324");
    sluice.signal("TERM");
    assertThat(sluice.awaitExit()).isZero();
    assertThat(rules()).doesNotContain("sluice", "fwmark");
  }

  @ParameterizedTest
  @ValueSource(strings = {TPROXY, REDIRECT})
  void rulesThatSomebodyRemovesArePutBack(String capture) throws Exception {
    SluiceProcess sluice = nets.run(configuration(capture));
    nets.gateway.run("nft", "flush", "ruleset");
    sluice.awaitLine("", "rules were changed by somebody: put back");
    assertThat(rules()).contains("table inet sluice");
    nets.assertAnswers(20, seed, protocols(capture), "1-65535", CaptureNets.IPV4, CaptureNets.IPV6);
  }

  @Test
  void redirectAnswersEveryTcpPortOfTwoPrefixes() throws Exception {
    SluiceProcess sluice = nets.run(configuration(REDIRECT));
    assertThat(nets.gateway.run("ss", "-Hlntu").lines()).hasSize(2 * 2);
    nets.assertAnswers(PAIRS, seed, "http", "1-65535", CaptureNets.IPV4, CaptureNets.IPV6);
    sluice.signal("TERM");
    assertThat(sluice.awaitExit()).isZero();
    assertThat(rules()).doesNotContain("sluice", "fwmark");
  }

  @Test
  void aConnectionThatWasNotRedirectedIsRefused() throws Exception {
    SluiceProcess sluice = nets.run(configuration(REDIRECT));
    assertThat(nets.client.run(CaptureNets.question(2, seed, "http", "15002-15002", "10.9.1.2/32")))
        .contains("tcp 0 udp 0 wrong 2");
    sluice.awaitLine("", "end=not_captured");
  }

  @ParameterizedTest
  @ValueSource(strings = {TPROXY, REDIRECT})
  void afterAKillTheNextStartReplacesTheRulesAndRemoveTakesThemAway(String capture)
      throws Exception {
    Path configuration = configuration(capture);
    SluiceProcess killed = nets.run(configuration);
    killed.signal("KILL");
    int _ = killed.awaitExit();
    assertThat(rules()).contains("table inet sluice");
    assertThat(nets.gateway.run("ss", "-Hlntu")).as("no socket is left").isEmpty();
    SluiceProcess next = nets.run(configuration);
    nets.assertAnswers(50, seed, protocols(capture), "1-65535", CaptureNets.IPV4, CaptureNets.IPV6);
    assertThat(rules()).containsOnlyOnce("chain to_");
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
    nets.assertAnswers(100, seed, "http,dns", "23-65535", "192.0.2.128/25", CaptureNets.IPV6);
    assertThat(nets.client.run(CaptureNets.question(1, seed, "http", "80-80", "192.0.2.7/32")))
        .contains("tcp 0 udp 0 wrong 1");
  }

  @ParameterizedTest
  @ValueSource(strings = {TPROXY, REDIRECT})
  void aRangeThatAReloadAddsIsCapturedAndNoneOfTheOthersIsRefusedMeanwhile(String capture)
      throws Exception {
    nets.route(MORE);
    SluiceProcess sluice = nets.run(configuration(capture));
    SluiceProcess asking =
        nets.add(
            SluiceProcess.start(
                nets.directory,
                nets.client.inside(
                    List.of(
                        CaptureNets.question(
                            WHILE_RELOADING,
                            seed,
                            protocols(capture),
                            "1-65535",
                            CaptureNets.IPV4)))));
    String wider = capture.replace("\"192.0.2.0/24\"", "\"192.0.2.0/24\", " + MORE);
    for (int reloads = 1; reloads < 10; reloads++) { // the last one adds it
      nets.configuration(
          reloads % 2 == 1 ? wider : capture, CaptureNets.IPV4, CaptureNets.IPV6, MORE);
      sluice.signal("HUP");
      sluice.awaitLine("", "reloaded generation=" + (reloads + 1));
    }
    asking.awaitLine("asked " + WHILE_RELOADING);
    assertThat(asking.output()).contains(" wrong 0 seed");
    nets.assertAnswers(100, seed, protocols(capture), "1-65535", MORE);
  }

  private static String protocols(String capture) {
    return capture.equals(REDIRECT) ? "http" : "http,dns";
  }
}
