package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.TestDaemon;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The daemon serves, reloads and stops while its log can't be written. */
final class BlockedLogIT {
  private static final int PIPE_BYTES = 64 << 10;
  private static final int BOUND_SECONDS = 12;

  @TempDir private Path directory;
  private final int port = TestDaemon.freePort();
  private final int announcedPort = TestDaemon.freePort();
  private final int adminPort = TestDaemon.freePort();
  private ServerSocket server;

  @BeforeEach
  void serve() throws IOException {
    server = new ServerSocket(0, 64, InetAddress.ofLiteral("127.0.0.1"));
    Thread.ofVirtual()
        .start(() -> {
          try {
            while (true) {
              try (Socket client = server.accept()) {
                client.getOutputStream().write("hello".getBytes(StandardCharsets.US_ASCII));
              }
            }
          } catch (IOException _) {
            // Closed at the end of the test.
          }
        });
  }

  @AfterEach
  void close() throws IOException {
    server.close();
  }

  @Test
  void aPipeWithoutReaderHoldsNoLoopUp() throws Exception {
    try (Daemon daemon = start(ProcessBuilder.Redirect.PIPE)) {
      daemon.awaitReady(); // and from here on nobody reads
      for (int sent = 0; sent < 2 * PIPE_BYTES; sent += 100) { // a record has more than 100 bytes
        assertThat(ask()).isEqualTo("hello");
      }

      // The only loop warns of it.
      announceWrongly();

      assertThat(ask()).isEqualTo("hello");
      assertThat(admin("/livez")).isEqualTo("ok\n");
      daemon.assertThatItStops();
    }
  }

  @Test
  void aPipeThatIsFullFromTheStartHoldsNothingUp() throws Exception {
    File pipe = directory.resolve("pipe").toFile();
    assertThat(new ProcessBuilder("mkfifo", pipe.toString()).start().waitFor()).isZero();
    try (RandomAccessFile held = new RandomAccessFile(pipe, "rw")) {
      held.write(new byte[PIPE_BYTES]);
      try (Daemon daemon = start(ProcessBuilder.Redirect.to(pipe))) {
        assertThatItServes(daemon);
      }
    }
  }

  /** A disk that is full, and a descriptor that is none. */
  @ParameterizedTest
  @ValueSource(strings = {"exec \"$@\" 2>/dev/full", "exec \"$@\" 2>&-", "\"$@\" 2>&1 | exec true"})
  void whatCannotBeWrittenHoldsNothingUp(String shell) throws Exception {
    try (Daemon daemon = start(ProcessBuilder.Redirect.DISCARD, "sh", "-c", shell, "sh")) {
      assertThatItServes(daemon);
    }
  }

  private void assertThatItServes(Daemon daemon) throws Exception {
    Awaitility.await()
        .atMost(Duration.ofSeconds(30))
        .ignoreExceptions()
        .until(() -> admin("/readyz").equals("ok\n"));
    announceWrongly();
    assertThat(ask()).isEqualTo("hello");
    daemon.signal("HUP");
    Awaitility.await()
        .atMost(Duration.ofSeconds(BOUND_SECONDS))
        .until(() -> admin("/metrics").contains("\nsluice_generation 2"));
    assertThat(ask()).isEqualTo("hello");
    daemon.assertThatItStops();
  }

  private String ask() throws IOException {
    try (Socket socket = connect(port)) {
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
    }
  }

  private void announceWrongly() throws IOException {
    try (Socket socket = connect(announcedPort)) {
      socket.getOutputStream().write("GET / HTTP/1.0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
      socket.shutdownOutput();
      try {
        assertThat(socket.getInputStream().read()).isEqualTo(-1);
      } catch (IOException reset) {
        assertThat(reset).hasMessageContaining("reset");
      }
    }
  }

  private static Socket connect(int port) throws IOException {
    Socket socket = new Socket();
    socket.setSoTimeout(BOUND_SECONDS * 1000);
    socket.connect(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), port), 10_000);
    return socket;
  }

  private String admin(String path) throws IOException, InterruptedException {
    try (HttpClient client = HttpClient.newHttpClient()) {
      return client
          .send(
              HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + adminPort + path))
                  .timeout(Duration.ofSeconds(BOUND_SECONDS))
                  .build(),
              HttpResponse.BodyHandlers.ofString())
          .body();
    }
  }

  private Daemon start(ProcessBuilder.Redirect error, String... prefix) throws IOException {
    Path file = directory.resolve("sluice.yaml");
    Files.writeString(
        file,
        """
        version: 1
        loops: 1
        capture:
          - {name: plain, protocols: [tcp], addresses: [127.0.0.1/32], ports: [%d]}
          - name: announced
            protocols: [tcp]
            addresses: [127.0.0.1/32]
            ports: [%d]
            proxyProtocol: {from: [127.0.0.0/8]}
        bindings: [{label: web, protocol: tcp, prefix: 127.0.0.1/32, port: any}]
        destinations: [{label: web, protocol: tcp, targets: ["127.0.0.1:%d"]}]
        limits: {drain: 1s}
        admin: {http: "127.0.0.1:%d"}
        """
            .formatted(port, announcedPort, server.getLocalPort(), adminPort));
    var command = SluiceProcess.sluice(List.of(prefix), "run", "-f", file.toString());
    return new Daemon(
        new ProcessBuilder(command)
            .directory(directory.toFile())
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(error)
            .start());
  }

  /** One whose standard error nobody reads once it is ready. */
  private record Daemon(Process process) implements AutoCloseable {
    void awaitReady() throws IOException {
      BufferedReader reader = process.errorReader(StandardCharsets.UTF_8);
      String line = reader.readLine();
      while (!line.startsWith("ready ")) {
        line = reader.readLine();
      }
    }

    void signal(String name) throws IOException, InterruptedException {
      long pid = process.children().findFirst().orElse(process.toHandle()).pid();
      new ProcessBuilder("kill", "-" + name, String.valueOf(pid)).start().waitFor();
    }

    void assertThatItStops() throws IOException, InterruptedException {
      signal("TERM");
      assertThat(process.waitFor(BOUND_SECONDS, TimeUnit.SECONDS)).as("it has ended").isTrue();
    }

    @Override
    public void close() {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
  }
}
