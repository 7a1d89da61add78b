package io.sluice.proxy.flow;

import static io.sluice.proxy.TestDaemon.until;
import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.observe.Refusal;
import io.sluice.steering.Protocol;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** {@code perSource} and {@code bandwidth} of UDP. */
@Timeout(60)
final class SourceFlowsTest {
  private final int port = TestDaemon.freePort();

  private TestDaemon daemon(UdpPeer server, String limits, String destination) throws Exception {
    return TestDaemon.start(
        """
        loops: 1
        limits: {drain: 0s%s}
        bindings: [{label: echo, protocol: udp, prefix: 127.0.0.1/32, port: %d}]
        destinations: [{label: echo, protocol: udp, targets: "127.0.0.1:%d"%s}]
        """
            .formatted(limits, port, server.port(), destination));
  }

  private static long refused(TestDaemon daemon, Refusal reason) {
    return daemon.counters().drops(reason, Protocol.UDP).sum();
  }

  @Test
  void aSourceHasNoMoreFlowsThanItMayAndOthersHaveTheirs() throws Exception {
    try (UdpPeer server = UdpPeer.echo();
        TestDaemon daemon = daemon(server, ", perSource: {flows: 1}", "");
        UdpPeer first = UdpPeer.client();
        UdpPeer second = UdpPeer.client();
        UdpPeer other = new UdpPeer("127.0.9.1", 0)) {
      first.send("one", "127.0.0.1", port);
      assertThat(first.receive().text()).isEqualTo("one");
      second.send("two", "127.0.0.1", port);
      until("refused", () -> refused(daemon, Refusal.SOURCE_FLOWS) == 1);
      other.send("three", "127.0.0.1", port);
      assertThat(other.receive().text()).isEqualTo("three");
      first.send("four", "127.0.0.1", port);
      assertThat(first.receive().text()).isEqualTo("four");
      assertThat(server.sources()).hasSize(2);
    }
  }

  @Test
  void newFlowsHaveARateOfTheirOwn() throws Exception {
    try (UdpPeer server = UdpPeer.echo();
        TestDaemon daemon =
            daemon(server, "", ", responses: 1, perSource: {newFlowsPerSecond: 1}")) {
      int sent = 0;
      while (refused(daemon, Refusal.SOURCE_FLOW_RATE) == 0) {
        try (UdpPeer client = UdpPeer.client()) {
          client.send("a", "127.0.0.1", port);
          sent++;
        }
      }
      assertThat(sent).isGreaterThan(1);
    }
  }

  @Test
  void datagramsBeyondTheBandwidthAreDropped() throws Exception {
    try (UdpPeer server = UdpPeer.echoIfAsked();
        TestDaemon daemon = daemon(server, "", ", bandwidth: {session: 64KiB}");
        UdpPeer client = UdpPeer.client()) {
      while (refused(daemon, Refusal.BANDWIDTH) == 0) {
        client.send(new byte[8 << 10], "127.0.0.1", port);
      }
      assertThat(server.heard()).isNotEmpty();
    }
  }
}
