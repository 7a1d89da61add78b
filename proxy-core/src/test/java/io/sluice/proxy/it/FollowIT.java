package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.api.Parsed;
import io.sluice.proxy.api.SocketAsker;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;
import java.net.SocketException;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What the running daemon explains is what it does, while it is changed. */
@Timeout(120)
final class FollowIT {
  private static final int COMPARED = 10_000;

  @TempDir private Path directory = Path.of(".");
  private final int port = TestDaemon.freePort();
  private final AtomicBoolean isOver = new AtomicBoolean();
  private SocketAsker asker;

  /** Connections to many addresses, each of which the server, or Sluice, ends. */
  private void connect() throws IOException {
    byte[] one = {7};
    for (int i = 0; !isOver.get(); i++) {
      try (Socket client = new Socket("127.0.40." + (1 + i % 200), port)) {
        client.setSoTimeout(10_000);
        try {
          client.getOutputStream().write(one);
          int _ = client.getInputStream().read();
        } catch (SocketException _) {
          // It was refused: by a reset.
        }
      }
    }
  }

  /** Bindings come and go, and lead elsewhere. */
  private void change() throws IOException {
    for (int i = 0; !isOver.get(); i++) {
      String label = i % 2 == 0 ? "one" : "other";
      String prefix = "127.0.40." + i * 32 % 256 + "/27";
      String query = "label=" + label + "&protocol=tcp&prefix=" + prefix + "&port=" + port;
      assertThat(asker.ask("POST", "/bind?" + query, "")).startsWith("HTTP/1.1 200 ");
      if (i % 3 == 0) {
        assertThat(asker.ask("POST", "/unbind?" + query, "")).startsWith("HTTP/1.1 200 ");
      }
    }
  }

  private interface Work {
    void run() throws IOException;
  }

  /** Has something done until all is over; if it fails, nobody goes on reading. */
  private static Future<?> begin(ExecutorService threads, Work work, SocketChannel reading) {
    return threads.submit(
        (Callable<?>)
            () -> {
              try {
                work.run();
              } catch (IOException | RuntimeException | Error failure) {
                reading.close();
                throw failure;
              }
              return null;
            });
  }

  @Test
  void explainAgreesWithTenThousandLiveLookupsWhileTheTableChanges() throws Exception {
    Path socket = directory.resolve("admin.sock");
    asker = new SocketAsker(socket);
    Set<Object> generations = new HashSet<>();
    Set<String> outcomes = new HashSet<>();
    long compared = 0;
    try (TestServer server = TestServer.start(it -> it.getInputStream().read());
        TestServer second = TestServer.start(it -> it.getInputStream().read());
        ExecutorService threads = Executors.newFixedThreadPool(2)) {
      Path file =
          Files.writeString(
              directory.resolve("sluice.yaml"),
              """
              version: 1
              loops: 2
              admin: {http: none, socket: "%1$s"}
              limits: {drain: 0s}
              capture: [{name: all, protocols: [tcp], addresses: [127.0.40.0/24], ports: %2$d}]
              bindings: [{label: one, protocol: tcp, prefix: 127.0.40.0/25, port: %2$d}]
              programs:
                - {name: bindings, builtin: bindings}
                - {name: office, rules: [{to: 127.0.40.200, drop: true}]}
              destinations:
                - {label: one, protocol: tcp, targets: ["127.0.0.1:%3$d", "127.0.0.1:%4$d"]}
                - {label: other, protocol: tcp, targets: ["127.0.0.1:%3$d"]}
              """
                  .formatted(socket, port, server.port(), second.port()));
      try (SluiceProcess _ =
              SluiceProcess.start(
                      directory, SluiceProcess.sluice(List.of(), "run", "-f", file.toString()))
                  .awaitLine("ready");
          SocketChannel following =
              asker.send(SocketAsker.requestOf("GET", "/explain/follow?protocol=tcp", ""));
          BufferedReader lines =
              new BufferedReader(
                  new InputStreamReader(
                      Channels.newInputStream(following), StandardCharsets.UTF_8))) {
        Future<?> traffic = begin(threads, this::connect, following);
        Future<?> changes = begin(threads, this::change, following);
        try {
          while (compared < COMPARED) {
            String line = lines.readLine();
            assertThat(line).as("the stream goes on").isNotNull();
            if (!line.startsWith("{\"at\"")) {
              continue; // a head, or how many were missed
            }
            Map<?, ?> explained = Parsed.object(line);
            Map<?, ?> live = Parsed.map(explained.get("live"));
            assertThat(explained.get("target")).as(line).isEqualTo(live.get("target"));
            assertThat(explained.get("reason")).as(line).isEqualTo(live.get("reason"));
            compared++;
            generations.add(explained.get("generation"));
            outcomes.add(live.get("label") + " " + live.get("target") + " " + live.get("reason"));
          }
        } finally {
          isOver.set(true);
        }
        assertThat(traffic.get()).isNull();
        assertThat(changes.get()).isNull();
      }
    }
    assertThat(generations).as("the table changed meanwhile").hasSizeGreaterThan(20);
    assertThat(outcomes).hasSizeGreaterThanOrEqualTo(4); // both labels, and refusals
  }
}
