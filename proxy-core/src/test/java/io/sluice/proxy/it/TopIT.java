package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code sluice top} in a real terminal: what stands on the screen, and what keys do. */
@Timeout(120)
final class TopIT {
  @TempDir private Path directory = Path.of(".");
  private final int port = TestDaemon.freePort();
  private final AtomicBoolean isOver = new AtomicBoolean();

  private String tmux(String... arguments) throws IOException, InterruptedException {
    List<String> command =
        new ArrayList<>(List.of("tmux", "-S", directory.resolve("tmux").toString()));
    command.addAll(List.of(arguments));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(out).isZero();
    return out;
  }

  /** Waits until the screen says all of this; what it says. */
  private String screen(String... parts) {
    String[] seen = {""};
    TestDaemon.until(
        String.join(", ", parts),
        () -> {
          seen[0] = tmux("capture-pane", "-p");
          return List.of(parts).stream().allMatch(seen[0]::contains);
        });
    return seen[0];
  }

  private void connect() throws IOException {
    while (!isOver.get()) {
      try (Socket client = new Socket()) {
        client.bind(new InetSocketAddress("127.0.77.7", 0));
        client.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
        client.getOutputStream().write(7);
        int _ = client.getInputStream().read();
      }
    }
  }

  @Test
  void theScreenShowsWhatIsGoingOnAndKeysSortFilterAndEndIt() throws Exception {
    assumeTrue(Files.isExecutable(Path.of("/usr/bin/tmux")), "tmux isn't installed");
    Path socket = directory.resolve("admin.sock");
    try (TestServer server = TestServer.start(it -> it.getInputStream().read());
        ExecutorService clients = Executors.newSingleThreadExecutor()) {
      Path file =
          Files.writeString(
              directory.resolve("sluice.yaml"),
              """
              version: 1
              admin: {http: none, socket: "%s"}
              limits: {drain: 0s}
              bindings: [{label: web, protocol: tcp, prefix: 127.0.0.1, port: %d}]
              destinations:
                - {label: web, protocol: tcp, %s}
                - {label: idle, protocol: tcp, targets: ["127.0.0.1:1"]}
              listeners: [{destination: idle, protocol: tcp, address: 127.0.0.2, port: %d}]
              """
                  .formatted(socket, port, server.targets(), TestDaemon.freePort()));
      try (SluiceProcess _ =
          SluiceProcess.start(
                  directory, SluiceProcess.sluice(List.of(), "run", "-f", file.toString()))
              .awaitLine("ready")) {
        Future<?> traffic =
            clients.submit(() -> {
              connect();
              return null;
            });
        List<String> top =
            SluiceProcess.sluice(
                List.of(), "top", "--socket", socket.toString(), "--interval", "500ms");
        String line =
            String.join(" ", top.stream().map(it -> "'" + it + "'").toList())
                + "; echo top has ended; sleep 60";
        Path script = Files.writeString(directory.resolve("top.sh"), line);
        String _ = tmux("new-session", "-d", "-x", "120", "-y", "30", "sh " + script);
        try {
          String first =
              screen("sorted by bytes", "tcp web", "tcp idle", "LOOKUPS/S", "127.0.77.7");
          String _ = tmux("send-keys", "s");
          String _ = screen("sorted by lookups");
          String _ = tmux("send-keys", "/idle");
          String _ = screen("only /idle_");
          String _ = tmux("send-keys", "Enter");
          assertThat(screen("only /idle\n", "tcp idle")).doesNotContain("tcp web", "127.0.77.7");
          System.out.println(first);
          String _ = tmux("send-keys", "q");
          String _ = screen("top has ended");
        } finally {
          isOver.set(true);
          String _ = tmux("kill-server");
        }
        assertThat(traffic.get()).isNull();
      }
    }
  }
}
