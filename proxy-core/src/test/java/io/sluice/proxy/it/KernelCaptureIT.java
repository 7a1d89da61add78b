package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.proxy.Opened;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The method {@code sk_lookup}, from a client's side, with the real kernel. */
@Timeout(180)
final class KernelCaptureIT {
  private static final int PAIRS = 2_000;
  private static final String MORE = "198.51.100.0/24";
  private static final String BOTH =
      "{name: edge, addresses: [\"192.0.2.0/24\", \"2001:db8:1::/64\"], ports: any,"
          + " method: sk_lookup, except: {ports: none}}";
  private static final String ANOTHER =
      "\n{name: more, addresses: [\"198.51.100.0/24\"], ports: any, method: sk_lookup,"
          + " except: {ports: none}}";

  @RegisterExtension final Opened opened = new Opened();
  private CaptureNets nets;
  private long seed;

  @BeforeEach
  void makeNets(@TempDir Path directory) throws Exception {
    nets = opened.add(CaptureNets.make(directory));
    nets.makeLocal(CaptureNets.IPV4);
    nets.makeLocal(CaptureNets.IPV6);
    seed = System.nanoTime() & 0xffff_ffffL;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void everyPortOfTwoPrefixesIsAnsweredFromWhereItWasAskedByTwoSocketsPerLoop(int loops)
      throws Exception {
    Path configuration = nets.configuration(BOTH, CaptureNets.IPV4, CaptureNets.IPV6);
    Files.writeString(
        configuration, Files.readString(configuration).replace("loops: 2", "loops: " + loops));
    SluiceProcess sluice = nets.run(configuration);
    assertThat(listening()).filteredOn(it -> it.startsWith("tcp")).hasSize(loops);
    assertThat(listening()).filteredOn(it -> it.startsWith("udp")).hasSize(loops);
    nets.assertAnswers(PAIRS, seed, "tcp,udp", "1-65535", CaptureNets.IPV4, CaptureNets.IPV6);
    sluice.signal("TERM");
    assertThat(sluice.awaitExit()).isZero();
    assertThat(links()).isEmpty();
  }

  @Test
  void aRangeThatAReloadAddsIsCapturedAndNoneOfTheOthersIsRefusedMeanwhile() throws Exception {
    nets.route(MORE);
    nets.makeLocal(MORE);
    SluiceProcess sluice = nets.run(nets.configuration(BOTH, CaptureNets.IPV4, CaptureNets.IPV6));
    SluiceProcess asking =
        nets.add(
            SluiceProcess.start(
                nets.directory,
                nets.client.inside(
                    List.of(
                        CaptureNets.question(
                            PAIRS, seed, "tcp,udp", "1-65535", CaptureNets.IPV4)))));
    int reloads = 0;
    while (reloads < 20 || reloads % 2 == 0) {
      boolean more = reloads++ % 2 == 0;
      nets.configuration(more ? BOTH + ANOTHER : BOTH, CaptureNets.IPV4, CaptureNets.IPV6, MORE);
      sluice.signal("HUP");
      sluice.awaitLine("", "reloaded generation=" + (reloads + 1));
    }
    asking.awaitLine("asked " + PAIRS);
    assertThat(asking.output()).doesNotContain("wrong udp", "wrong tcp");
    nets.assertAnswers(200, seed, "tcp,udp", "1-65535", MORE);
    assertThat(links()).hasSize(1);
  }

  @Test
  void ipv6ThatAReloadAddsComesBySocketsThatWereThereBefore() throws Exception {
    Path configuration =
        nets.configuration(BOTH.replace(", \"" + CaptureNets.IPV6 + "\"", ""), CaptureNets.IPV4);
    SluiceProcess sluice = nets.run(configuration);
    List<String> before = listening();
    assertThat(before).hasSize(2 * 2).allMatch(it -> it.contains("127.0.0.1]:"));
    nets.configuration(BOTH, CaptureNets.IPV4, CaptureNets.IPV6);
    sluice.signal("HUP");
    sluice.awaitLine("", "reloaded generation=2");
    assertThat(listening()).isEqualTo(before);
    nets.assertAnswers(100, seed, "tcp,udp", "1-65535", CaptureNets.IPV4, CaptureNets.IPV6);
  }

  @Test
  void exceptionsStayOut() throws Exception {
    nets.run(
        nets.configuration(
            "{name: edge, addresses: [192.0.2.0/24], ports: any, method: sk_lookup,"
                + " except: {ports: [22, 5000-65535], addresses: [192.0.2.128/25]}}",
            CaptureNets.IPV4));
    nets.assertAnswers(200, seed, "tcp,udp", "23-4999", "192.0.2.0/25");
    for (String[] outside :
        new String[][] {
          {"22-22", "192.0.2.0/25"}, {"5000-65535", "192.0.2.0/25"}, {"80-80", "192.0.2.128/25"}
        }) {
      assertThat(nets.client.run(CaptureNets.question(10, seed, "tcp", outside[0], outside[1])))
          .contains("tcp 0 udp 0 wrong 10", "Connection refused");
    }
  }

  @Test
  void portAnyOfUdpLeavesTheMachinesOwnEphemeralPortsAlone() throws Exception {
    String range =
        nets.gateway
            .run("cat", "/proc/sys/net/ipv4/ip_local_port_range")
            .strip()
            .replaceAll("\\s+", "-");
    SluiceProcess sluice =
        nets.run(
            nets.configuration(
                "{name: edge, addresses: [192.0.2.0/24], ports: any, method: sk_lookup}",
                CaptureNets.IPV4));
    assertThat(sluice.output()).contains("except=udp[" + range + "]");
    nets.assertAnswers(50, seed, "tcp", range, CaptureNets.IPV4);
    nets.assertAnswers(50, seed, "tcp,udp", "1-1023", CaptureNets.IPV4);
  }

  @Test
  void afterAKillNoProgramIsAttached() throws Exception {
    assumeTrue(Netns.has("bpftool"), "needs bpftool");
    SluiceProcess sluice = nets.run(nets.configuration(BOTH, CaptureNets.IPV4, CaptureNets.IPV6));
    assertThat(links()).hasSize(1);
    sluice.signal("KILL");
    int _ = sluice.awaitExit();
    await().atMost(Duration.ofSeconds(10)).untilAsserted(() -> assertThat(links()).isEmpty());
  }

  @Test
  void aProgramThatSomebodyDetachesIsAttachedAgain() throws Exception {
    SluiceProcess sluice = nets.run(nets.configuration(BOTH, CaptureNets.IPV4, CaptureNets.IPV6));
    nets.gateway.run("bpftool", "link", "detach", "id", linkId());
    sluice.awaitLine("", "program was detached: put back");
    assertThat(links()).hasSize(1);
    nets.assertAnswers(20, seed, "tcp,udp", "1-65535", CaptureNets.IPV4, CaptureNets.IPV6);
  }

  @Test
  void anOrdinaryUserWithThreeCapabilitiesMayDoIt() throws Exception {
    Path configuration = nets.configuration(BOTH, CaptureNets.IPV4, CaptureNets.IPV6);
    nets.startAsNobody("+bpf,+net_admin,+net_bind_service", configuration).awaitLine("ready");
    nets.assertAnswers(200, seed, "tcp,udp", "1-65535", CaptureNets.IPV4, CaptureNets.IPV6);
    nets.assertAnswers(100, seed, "tcp,udp", "1-1023", CaptureNets.IPV4, CaptureNets.IPV6);
  }

  @Test
  void anOrdinaryUserWithoutRightsIsToldWhichAreMissing() throws Exception {
    Path configuration = nets.configuration(BOTH, CaptureNets.IPV4, CaptureNets.IPV6);
    SluiceProcess sluice = nets.startAsNobody("-all", configuration);
    assertThat(sluice.awaitExit()).isEqualTo(78);
    assertThat(sluice.output().lines().filter(it -> it.startsWith("sluice:")))
        .hasSize(3)
        .allMatch(it -> it.contains("capture edge: method sk_lookup needs CAP_"))
        .allMatch(it -> it.contains("AmbientCapabilities=CAP_"));
  }

  @Test
  void autoIsKernelCaptureWithTheRightsAndBindWithout() throws Exception {
    Path configuration =
        nets.configuration(
            "{name: edge, addresses: [192.0.2.0/24], ports: 8080, method: auto}", CaptureNets.IPV4);
    SluiceProcess privileged = nets.run(configuration);
    assertThat(privileged.output()).contains("captured name=edge method=sk_lookup");
    nets.assertAnswers(20, seed, "tcp,udp", "8080-8080", CaptureNets.IPV4);
    privileged.signal("TERM");
    assertThat(privileged.awaitExit()).isZero();
    SluiceProcess ordinary = nets.startAsNobody("-all", configuration).awaitLine("ready");
    assertThat(ordinary.output()).contains("captured name=edge method=bind");
    nets.assertAnswers(20, seed, "tcp,udp", "8080-8080", CaptureNets.IPV4);
  }

  @Test
  void whatWouldComeBackToUsIsRefusedAsALoopOnWhicheverLoopItComes() throws Exception {
    Path configuration = nets.configuration(BOTH, CaptureNets.IPV4, CaptureNets.IPV6);
    Files.writeString(
        configuration,
        Files.readString(configuration)
            .replace(CaptureNets.ECHO, "original")
            .replace("http: none", "http: \"127.0.0.1:9901\""));
    SluiceProcess sluice = nets.run(configuration);
    int pairs = 20;
    String[] question =
        CaptureNets.question(pairs, seed, "tcp", "1-65535", CaptureNets.IPV4, CaptureNets.IPV6);
    assertThat(nets.client.run(question)).contains("wrong " + pairs);
    for (int i = 0; i < pairs; i++) {
      nets.client.run("bash", "-c", "echo x > /dev/udp/192.0.2." + i + "/" + (1000 + i));
    }
    for (String protocol : List.of("tcp", "udp")) {
      await()
          .atMost(Duration.ofSeconds(10))
          .untilAsserted(() ->
              assertThat(nets.gateway.run("curl", "-sS", "http://127.0.0.1:9901/metrics"))
                  .contains(
                      "sluice_drops_total{reason=\"loop\",protocol=\""
                          + protocol
                          + "\"} "
                          + pairs
                          + ".0"));
    }
    assertThat(sluice.output()).contains("end=loop");
  }

  /** The gateway's listening and unconnected sockets. */
  private List<String> listening() throws Exception {
    return nets.gateway.run("ss", "-Hlntu").lines().sorted().toList();
  }

  /** The id of the SK_LOOKUP link to the gateway's namespace: it stands on the line before. */
  private String linkId() throws Exception {
    String link = links().getFirst();
    String all = nets.gateway.run("bpftool", "link", "show");
    String before = all.substring(0, all.indexOf(link)).stripTrailing();
    return before.substring(before.lastIndexOf('\n') + 1).split(":", 2)[0];
  }

  /** The SK_LOOKUP links to the gateway's namespace. */
  private List<String> links() throws Exception {
    assumeTrue(Netns.has("bpftool"), "needs bpftool");
    String inode = String.valueOf(nets.gateway.inode());
    return nets.gateway
        .run("bpftool", "link", "show")
        .lines()
        .filter(it -> it.contains("netns_ino " + inode + " ") && it.contains("sk_lookup"))
        .toList();
  }
}
