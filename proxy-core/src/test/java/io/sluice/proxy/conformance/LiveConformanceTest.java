package io.sluice.proxy.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.proxy.ChildProcess;
import java.time.Duration;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Connects and datagrams in a network namespace end where the engine says they do. */
@Tag("conformance")
class LiveConformanceTest {
  private static final Duration BOUND = Duration.ofSeconds(60);
  private static final Pattern CASES = Pattern.compile(" cases=(\\d+) ");

  // Loopback with two more addresses, a second device, and refusals that aren't rate limited.
  private static final String NAMESPACE =
      """
      ip addr add fd00::1/64 dev lo nodad
      ip link add d0 index IFINDEX type veth peer name d1
      ip link set d0 up; ip link set d1 up
      ip addr add IPV4/24 dev d0; ip addr add IPV6/64 dev d0 nodad
      echo 0 > /proc/sys/net/ipv4/icmp_ratemask
      echo 0 > /proc/sys/net/ipv6/icmp/ratelimit
      """
          .strip()
          .replace("IFINDEX", String.valueOf(Scene.OTHER_IFINDEX))
          .replace("IPV4", Scene.OTHER_IPV4)
          .replace("IPV6", Scene.OTHER_IPV6);

  @BeforeAll
  static void kernelTakesPrograms() {
    assumeTrue(
        "root".equals(System.getProperty("user.name")),
        "needs root: it makes a network namespace of its own");
    Kernel.assumeItTakesPrograms();
  }

  @Test
  void livePacketsGoWhereTheEngineSays() throws Exception {
    List<String> said = run(String.valueOf(Long.getLong("conformance.seed", System.nanoTime())));
    String summary = said.getLast();
    System.out.println(summary);
    assertThat(said).as("differences").containsExactly(summary);
    Matcher cases = CASES.matcher(summary);
    assertThat(cases.find()).isTrue();
    assertThat(Integer.parseInt(cases.group(1))).isGreaterThanOrEqualTo(2000);
  }

  @Test
  void anEngineWithoutListenersIsFoundOut() throws Exception {
    assertThat(run("1", "lie").getLast()).doesNotContain("differences=0");
  }

  /** What it says, of which the last line is the summary. */
  private static List<String> run(String... arguments) throws Exception {
    try (ChildProcess child = ChildProcess.isolated(NAMESPACE, LiveConformance.class, arguments)) {
      await("the end of " + List.of(arguments)).atMost(BOUND).until(() -> !child.isAlive());
      assertThat(child.exitCode()).as("%s", child.lines()).isZero();
      String _ = child.awaitLine("conformance:");
      return child.lines();
    }
  }
}
