package io.sluice.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.steering.DropReason;
import java.net.Socket;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a lookup knows of a connection, and connections that would come back to us. */
@Timeout(60)
final class TcpSteeringTest {
  private static final int LOOPBACK_IFINDEX = 1;

  private final int port = TestDaemon.freePort();

  private String dropByInterface(TestServer server, int ifindex) {
    return """
    bindings:
      - {label: web, protocol: tcp, prefix: 127.0.0.1/32, port: %1$d}
      - {label: web, protocol: tcp, prefix: "::1/128", port: %1$d}
    programs:
      - {name: bindings, builtin: bindings}
      - {name: by-interface, rules: [{ifindex: %2$d, assign: none, replace: true}]}
    destinations:
      - {label: web, protocol: tcp, %3$s}
      - {label: none, protocol: tcp, targets: ["unix:/nonexistent/socket"]}
      - {label: none, protocol: udp, targets: ["127.0.0.1:9"]}
    """
        .formatted(port, ifindex, server.targets());
  }

  @ParameterizedTest
  @ValueSource(strings = {"127.0.0.1", "::1"})
  void aRuleSeesTheInterfaceThatAConnectionCameInBy(String address) throws Exception {
    try (TestServer server = TestServer.start(connection -> Streams.send(connection, "web"))) {
      try (TestDaemon _ = TestDaemon.start(dropByInterface(server, LOOPBACK_IFINDEX + 4000));
          Socket client = Streams.connect(address, port)) {
        assertThat(Streams.text(client, 3)).isEqualTo("web");
      }
      try (TestDaemon daemon = TestDaemon.start(dropByInterface(server, LOOPBACK_IFINDEX))) {
        assertThat(Streams.isReset(address, port)).isTrue();
        daemon.awaitSessions(0);
      }
    }
  }

  @Test
  void aTargetThatLeadsBackToUsIsRefusedAsALoopAndNotFollowed() throws Exception {
    String yaml =
        """
        bindings: [{label: self, protocol: tcp, prefix: 127.0.0.0/8, port: %d}]
        destinations: [{label: self, protocol: tcp, targets: [original], retries: 0}]
        """
            .formatted(port);
    try (TestDaemon daemon = TestDaemon.start(yaml)) {
      assertThat(Streams.isReset("127.0.9.9", port)).isTrue();
      TestDaemon.until("a loop is counted", () -> daemon.drops(DropReason.LOOP) > 0);
      daemon.awaitSessions(0);
      assertThat(daemon.drops(DropReason.LOOP)).isLessThan(10);
    }
  }
}
