package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.HostPort;
import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.admin.HttpAsker;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The real daemon after SIGTERM, with {@code limits.lameDuck}. */
@Timeout(120)
final class LameDuckIT {
  private static final String REQUEST = "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n";

  @TempDir private Path directory = Path.of(".");
  private final int port = TestDaemon.freePort();
  private final HostPort adminAddress = HostPort.parse("127.0.0.1:" + TestDaemon.freePort());
  private final HttpAsker admin = new HttpAsker(adminAddress);

  private SluiceProcess start(String lameDuck, TestServer server) throws IOException {
    Path file = directory.resolve("sluice.yaml");
    Files.writeString(
        file,
        """
        version: 1
        admin: {http: "%s", socket: none}
        limits: {lameDuck: %s}
        """
                .formatted(adminAddress, lameDuck)
            + TestDaemon.web(2, port, server.targets()));
    return SluiceProcess.start(
            directory, SluiceProcess.sluice(List.of(), "run", "-f", file.toString()))
        .awaitLine("ready");
  }

  @Test
  void newConnectionsAreServedWhileItSaysThatItIsNotReady() throws Exception {
    try (TestServer server = TestServer.start(TestServer.PROTOCOL);
        SluiceProcess daemon = start("60s", server)) {
      assertThat(admin.ask(REQUEST)).startsWith("HTTP/1.1 200 ");
      daemon.signal("TERM");
      TestDaemon.until("it isn't ready", () -> admin.ask(REQUEST).startsWith("HTTP/1.1 503 "));
      try (var client = Streams.connect(port)) {
        Streams.send(client, "DL 3\n");
        assertThat(Streams.readAll(client.getInputStream()).bytes()).isEqualTo(3);
      }
      assertThat(daemon.output()).doesNotContain("draining");
    }
  }

  @Test
  void itDrainsAndEndsWhenTheTimeIsOver() throws Exception {
    try (TestServer server = TestServer.start(TestServer.PROTOCOL);
        SluiceProcess daemon = start("100ms", server)) {
      daemon.signal("TERM");
      assertThat(daemon.awaitExit()).isZero();
      assertThat(daemon.output()).containsSubsequence("lame duck lastsMillis=100", "draining");
    }
  }
}
