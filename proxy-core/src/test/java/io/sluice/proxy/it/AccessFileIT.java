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
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A daemon whose access records have a file of their own. */
final class AccessFileIT {
  @TempDir private Path directory;
  private final int port = TestDaemon.freePort();

  private SluiceProcess start(int target, String... environment) throws IOException {
    Path file = directory.resolve("sluice.yaml");
    Files.writeString(
        file,
        """
        version: 1
        admin: {http: none, socket: none}
        bindings: [{label: web, protocol: tcp, prefix: 127.0.0.1/32, port: %d}]
        destinations: [{label: web, protocol: tcp, targets: ["127.0.0.1:%d"]}]
        """
            .formatted(port, target));
    List<String> prefix = new ArrayList<>(List.of("env"));
    prefix.addAll(List.of(environment));
    return SluiceProcess.start(
        directory, SluiceProcess.sluice(prefix, "run", "-f", file.toString()));
  }

  private void ask() throws IOException {
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, "hello");
      client.shutdownOutput();
      assertThat(client.getInputStream().readAllBytes()).asString().isEqualTo("hello");
    }
  }

  @Test
  void recordsAreInTheFileAndAfterSigusr1InTheNextOne() throws Exception {
    Path log = directory.resolve("access.log");
    try (TestServer server =
            TestServer.start(it -> it.getInputStream().transferTo(it.getOutputStream()));
        SluiceProcess sluice =
            start(
                server.port(),
                "SLUICE_ACCESS_FILE=" + log,
                "SLUICE_ACCESS_FORMAT={label} {end} {in} {out}")) {
      sluice.awaitLine("ready");
      ask();
      String line = "web client_closed 5 5";
      TestDaemon.until("a record", () -> Files.readAllLines(log).equals(List.of(line)));
      Path moved = Files.move(log, directory.resolve("access.log.1"));
      sluice.signal("USR1");
      TestDaemon.until("it is opened anew", () -> Files.exists(log));
      ask();
      TestDaemon.until("a record", () -> Files.readAllLines(log).equals(List.of(line)));
      assertThat(moved).hasContent(line);
      assertThat(sluice.output()).doesNotContain("end=client_closed");
    }
  }

  @Test
  void aFileThatCannotBeWrittenEndsTheStartInOneLine() throws Exception {
    try (SluiceProcess sluice = start(9, "SLUICE_ACCESS_FILE=/nowhere/access.log")) {
      assertThat(sluice.awaitExit()).isEqualTo(1);
      assertThat(sluice.output())
          .contains("sluice: SLUICE_ACCESS_FILE: can't write /nowhere/access.log")
          .doesNotContain("\tat ");
    }
  }

  @Test
  void aFieldThatThereIsNotEndsTheStartInOneLine() throws Exception {
    try (SluiceProcess sluice =
        start(
            9, "SLUICE_ACCESS_FILE=" + directory.resolve("x"), "SLUICE_ACCESS_FORMAT={latency}")) {
      assertThat(sluice.awaitExit()).isEqualTo(1);
      assertThat(sluice.output()).contains("sluice: SLUICE_ACCESS_FORMAT: {latency} is no field");
    }
  }
}
