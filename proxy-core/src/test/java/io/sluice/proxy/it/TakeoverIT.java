package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import java.io.IOException;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The real daemon, taken over by another one while it has traffic. */
@Timeout(300)
final class TakeoverIT {
  @TempDir private Path directory = Path.of(".");
  private final int port = TestDaemon.freePort();

  private Path file(int loops, TestServer server) throws IOException {
    Path file = directory.resolve("sluice.yaml");
    return Files.writeString(
        file,
        """
        version: 1
        admin: {http: "127.0.0.1:%d", socket: "%s"}
        """
                .formatted(TestDaemon.freePort(), directory.resolve("admin.sock"))
            + TestDaemon.web(loops, port, server.targets()));
  }

  private SluiceProcess start(Path file, String... more) throws IOException {
    List<String> arguments = new ArrayList<>(List.of("run", "-f", file.toString()));
    arguments.addAll(List.of(more));
    return SluiceProcess.start(
            directory, SluiceProcess.sluice(List.of(), arguments.toArray(String[]::new)))
        .awaitLine("ready");
  }

  @Test
  void noNewConnectionIsRefusedOrReset() throws Exception {
    AtomicBoolean isOver = new AtomicBoolean();
    AtomicInteger served = new AtomicInteger();
    List<String> failures = new ArrayList<>();
    try (TestServer server = TestServer.start(TestServer.PROTOCOL)) {
      Path file = file(2, server);
      SluiceProcess old = start(file);
      Thread client =
          Thread.ofPlatform()
              .start(() -> {
                while (!isOver.get()) {
                  try (Socket connection = Streams.connect(port)) {
                    Streams.send(connection, "DL 100\n");
                    long bytes = Streams.readAll(connection.getInputStream()).bytes();
                    if (bytes != 100) {
                      failures.add(bytes + " bytes came");
                    }
                    served.incrementAndGet();
                  } catch (IOException failure) {
                    failures.add(failure.toString());
                  }
                }
              });
      for (int i = 0; i < 3; i++) {
        SluiceProcess next = start(file, "--takeover");
        assertThat(old.awaitExit()).isZero();
        assertThat(next.output()).contains("taken over");
        old = next;
        int before = served.get();
        TestDaemon.until("it serves", () -> served.get() > before + 10);
      }
      isOver.set(true);
      client.join();
      old.close();
    }
    assertThat(failures).isEmpty();
    assertThat(served).hasPositiveValue();
  }
}
