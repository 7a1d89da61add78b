package io.sluice.proxy;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.admin.HttpAsker;
import io.sluice.proxy.control.Daemon;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** What is counted belongs to the label, for as long as anything lives under it. */
final class RemovedLabelTest {
  private static final String ACTIVE = "\nsluice_sessions_active{label=\"old\",protocol=\"tcp\"} ";
  private static final String ENDED =
      "\nsluice_sessions_total{label=\"old\",protocol=\"tcp\",end=\"client_closed\"} ";

  private final int port = TestDaemon.freePort();

  @Test
  void sessionsOfARemovedLabelStayInTheMetricsAndCountWhenItComesBack() throws Exception {
    try (ServerSocket server = new ServerSocket(0, 16, InetAddress.ofLiteral("127.0.0.1"))) {
      Daemon daemon = new Daemon(TestDaemon.config(yaml("old", server.getLocalPort())));
      daemon.start();
      try (Socket client = new Socket()) {
        HttpAsker asker = new HttpAsker(Objects.requireNonNull(daemon.adminAddress()));
        client.connect(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), port), 10_000);
        try (Socket accepted = server.accept()) {
          TestDaemon.until("it is counted", () -> asker.get("/metrics").contains(ACTIVE + 1));
          reload(daemon, "new", server);
          reload(daemon, "new", server);
          assertThat(asker.get("/metrics")).contains(ACTIVE + 1);

          reload(daemon, "old", server);
          assertThat(asker.get("/metrics")).contains(ACTIVE + 1);
          reload(daemon, "new", server);
          client.shutdownOutput();
          assertThat(accepted.getInputStream().read()).isEqualTo(-1);
        }
        TestDaemon.until("its end is counted", () -> asker.get("/metrics").contains(ENDED + 1));
        assertThat(asker.get("/metrics")).contains(ACTIVE + 0);

        reload(daemon, "new", server);
        assertThat(asker.get("/metrics")).as("unused, and not configured").doesNotContain(ACTIVE);
      } finally {
        int _ = daemon.stop();
      }
    }
  }

  private void reload(Daemon daemon, String label, ServerSocket server) throws Exception {
    TestDaemon.reload(daemon, TestDaemon.config(yaml(label, server.getLocalPort())));
  }

  private String yaml(String label, int target) {
    return """
    loops: 1
    admin: {http: "127.0.0.1:0"}
    bindings: [{label: %s, protocol: tcp, prefix: 127.0.0.1/32, port: %d}]
    destinations: [{label: %s, protocol: tcp, targets: ["127.0.0.1:%d"]}]
    """
        .formatted(label, port, label, target);
  }
}
