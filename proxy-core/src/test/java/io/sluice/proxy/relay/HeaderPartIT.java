package io.sluice.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.proxy.ChildProcess;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A header of ours that the kernel takes in parts. */
@Timeout(60)
final class HeaderPartIT {
  @ParameterizedTest
  @ValueSource(strings = {"connection", "messages"})
  void theRestOfAHeaderGoesBeforeThePayload(String affinity) throws Exception {
    assumeTrue(
        "root".equals(System.getProperty("user.name")),
        "a network namespace with small buffers needs root, unshare and ip");
    try (ChildProcess scenario =
        ChildProcess.isolated(
            "ip link set lo mtu 1500; echo 1 1 1 > /proc/sys/net/ipv4/tcp_wmem",
            HeaderPartScenario.class,
            affinity)) {
      assertThat(scenario.exitCode()).as(() -> scenario.lines().toString()).isZero();
      assertThat(scenario.lines()).contains("whole");
    }
  }
}
