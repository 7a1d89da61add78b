package io.sluice.proxy.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A candidate program on live connections. */
final class ShadowsTest {
  private static final int CLIENTS = 100;
  private static final int EACH = 10;

  @TempDir private Path directory = Path.of(".");
  private final int port = TestDaemon.freePort();

  private void connect(String from) throws IOException {
    try (Socket client = new Socket()) {
      client.setSoTimeout(10_000);
      client.bind(new InetSocketAddress(from, 0));
      client.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
      client.getOutputStream().write(7);
      assertThat(client.getInputStream().read()).isEqualTo(7);
    }
  }

  @Test
  void oneThatDiffersOnThreePercentIsReportedSoAndServesNothing() throws Exception {
    SocketAsker asker = new SocketAsker(directory.resolve("admin.sock"));
    try (TestServer server =
            TestServer.start(it -> it.getInputStream().transferTo(it.getOutputStream()));
        TestDaemon daemon =
            TestDaemon.start(
                """
                loops: 2
                admin: {http: none, socket: "%s"}
                bindings: [{label: web, protocol: tcp, prefix: 127.0.0.1/32, port: %d}]
                destinations: [{label: web, protocol: tcp, %s}]
                shadows:
                  - name: bindings
                    rules:
                      - {from: 127.0.1.1, drop: true}
                      - {from: 127.0.1.2, pass: true}
                      - {from: 127.0.1.3, drop: true}
                      - {protocol: tcp, assign: web}
                """
                    .formatted(directory.resolve("admin.sock"), port, server.targets()))) {
      for (int i = 0; i < CLIENTS * EACH; i++) {
        connect("127.0.1." + (1 + i % CLIENTS));
      }
      Map<?, ?> shadow =
          Parsed.maps(Parsed.object(asker.get("/shadows")).get("shadows")).getFirst();
      assertThat(shadow.get("program")).isEqualTo("bindings");
      assertThat(shadow.get("same")).isEqualTo(970L);
      assertThat(shadow.get("different")).isEqualTo(30L);
      assertThat(shadow.get("percentDifferent")).isEqualTo(3.0);
      assertThat(Parsed.maps(shadow.get("examples")))
          .isNotEmpty()
          .extracting(
              it -> String.valueOf(it.get("client")).split(":", 2)[0] + " " + it.get("would"))
          .containsOnly("127.0.1.1 drop", "127.0.1.2 pass", "127.0.1.3 drop");
      assertThat(daemon.snapshot().destinations().getFirst().traffic().bytesIn.sum())
          .as("all were served")
          .isEqualTo(CLIENTS * EACH);
    }
  }
}
