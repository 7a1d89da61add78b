package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.api.Parsed;
import io.sluice.proxy.api.SocketAsker;
import java.io.IOException;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The real daemon, changed by the real commands, and troubled by those who may not. */
@Timeout(300)
final class AdminSocketIT {
  private static final int NOBODY = 65534;

  @TempDir private Path directory = Path.of(".");
  private final int port = TestDaemon.freePort();
  private Path path;
  private SocketAsker asker;
  private TestServer server;

  private record Result(int exitCode, String out, String err) {}

  @BeforeEach
  void start() throws IOException {
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
    path = directory.resolve("admin.sock");
    asker = new SocketAsker(path);
    server = TestServer.start(it -> it.getInputStream().transferTo(it.getOutputStream()));
  }

  @AfterEach
  void stop() throws IOException {
    server.close();
  }

  private SluiceProcess daemon(String admin, String rest) throws IOException {
    Path file = directory.resolve("sluice.yaml");
    Files.writeString(
        file,
        "version: 1\nadmin: {http: none, socket: \"%s\"%s}\nlimits: {drain: 0s}\n%s"
            .formatted(path, admin, rest));
    return SluiceProcess.start(
            directory, SluiceProcess.sluice(List.of(), "run", "-f", file.toString()))
        .awaitLine("ready");
  }

  private Result sluice(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(SluiceProcess.sluice(List.of(), arguments));
    command.add("--socket");
    command.add(path.toString());
    return run(command);
  }

  /** In whatever order. */
  private static Set<Object> bindings(String json) {
    return Set.copyOf(Parsed.list(Parsed.object(json).get("bindings")));
  }

  private Result run(List<String> command) throws IOException, InterruptedException {
    Path err = Files.createTempFile(directory, "err", "");
    Process process = new ProcessBuilder(command).redirectError(err.toFile()).start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Result(process.waitFor(), out, Files.readString(err));
  }

  private Result asNobody(String method, String request) throws IOException, InterruptedException {
    return run(
        List.of(
            "setpriv",
            "--reuid=" + NOBODY,
            "--regid=" + NOBODY,
            "--clear-groups",
            "curl",
            "-sS",
            "-X",
            method,
            "--unix-socket",
            path.toString(),
            "http://sluice" + request));
  }

  private void assertEchoes(String address) throws IOException {
    try (Socket client = new Socket(address, port)) {
      client.setSoTimeout(10_000);
      client.getOutputStream().write(7);
      assertThat(client.getInputStream().read()).isEqualTo(7);
    }
  }

  @Test
  void twoCommandsLeadFromAnEmptyConfigurationToTraffic() throws Exception {
    try (SluiceProcess daemon = daemon("", "")) {
      Result bound = sluice("bind", "foo", "tcp", "127.0.0.0/8", String.valueOf(port));
      assertThat(bound.exitCode).as(bound.toString()).isZero();
      assertThat(bound.out)
          .startsWith("generation 2: + binding tcp 127.0.0.0/8:" + port + " → foo\n");
      Result registered = sluice("register", "foo", "127.0.0.1:" + server.port());
      assertThat(registered.exitCode).as(registered.toString()).isZero();
      assertEchoes("127.0.0.23");
      assertThat(sluice("bindings", "-o", "json").out)
          .isEqualTo(
              "{\"bindings\":[{\"label\":\"foo\",\"protocol\":\"tcp\",\"prefix\":\"127.0.0.0/8\","
                  + "\"port\":%d}]}\n",
              port);
      assertThat(sluice("status").out).contains("foo", "127.0.0.1:" + server.port());
      assertThat(sluice("unbind", "foo", "tcp", "127.0.0.0/8", String.valueOf(port)).exitCode)
          .isZero();
      daemon.signal("TERM");
      assertThat(daemon.awaitExit()).isZero();
      assertThat(path).doesNotExist();
    }
  }

  @Test
  void aCandidateIsTriedAndTakesTheProgramsPlace() throws Exception {
    Path candidate =
        Files.writeString(
            directory.resolve("candidate.yaml"),
            "rules:\n  - {to: 127.0.0.9, drop: true}\n  - {assign: web, protocol: tcp}\n");
    String rest =
        """
        bindings: [{label: web, protocol: tcp, prefix: 127.0.0.0/8, port: %d}]
        destinations: [{label: web, protocol: tcp, %s}]
        """
            .formatted(port, server.targets());
    try (SluiceProcess _ = daemon("", rest)) {
      assertThat(sluice("program", "shadow").out).isEqualTo("no shadow runs\n");
      Result started = sluice("program", "shadow", "bindings", "-f", candidate.toString());
      assertThat(started.out).as(started.toString()).isEqualTo("generation 2: + shadow bindings\n");
      assertEchoes("127.0.0.8");
      assertEchoes("127.0.0.9");
      assertThat(sluice("program", "shadow", "bindings").out)
          .startsWith("beside bindings: 1 lookups decided the same, 1 otherwise (50.00 %)\n")
          .contains("127.0.0.9:" + port + "  assign web  drop");
      Result promoted = sluice("program", "promote", "bindings");
      assertThat(promoted.out)
          .as(promoted.toString())
          .startsWith("generation 3: 2 changes\n  ~ program bindings\n  - shadow bindings\n");
      assertEchoes("127.0.0.8");
      try (Socket refused = new Socket("127.0.0.9", port)) {
        assertThatThrownBy(
                () -> {
                  refused.getOutputStream().write(7);
                  if (refused.getInputStream().read() < 0) {
                    throw new IOException("ended");
                  }
                })
            .isInstanceOf(IOException.class);
      }
      assertThat(sluice("program", "promote", "bindings").err)
          .isEqualTo("sluice: no shadow runs beside a program called bindings\n");
    }
  }

  @Test
  void aReloadThatIsRefusedFailsAndChangesNothing() throws Exception {
    try (SluiceProcess _ = daemon("", "")) {
      assertThat(sluice("reload").exitCode).isZero();
      String history = asker.get("/history");
      Files.writeString(
          directory.resolve("sluice.yaml"), "version: 1\ncolour: red\nshape: round\n");
      Result refused = sluice("reload");
      assertThat(refused.exitCode).isEqualTo(1);
      assertThat(refused.err)
          .contains(":2:1: colour", ":3:1: shape")
          .endsWith("sluice: refused, nothing has changed: 2 problems\n")
          .doesNotContain("\tat ");
      Result again = sluice("bind", "foo", "tcp", "127.0.0.0/8", "x");
      assertThat(again.exitCode).isEqualTo(1);
      assertThat(asker.get("/history")).isEqualTo(history);
    }
  }

  @Test
  void tubularsBindingsGoInAndComeOutEqual() throws Exception {
    String json =
        """
        {"bindings":[{"label":"foo","protocol":"tcp","prefix":"127.0.0.0/8","port":%d},
        {"label":"bar","protocol":"udp","prefix":"127.0.1.0/24","port":0}]}
        """
            .formatted(port);
    Path file = Files.writeString(directory.resolve("bindings.json"), json);
    try (SluiceProcess _ =
        daemon(
            "",
            "capture: [{name: c, protocols: [tcp, udp], addresses: 127.0.0.0/8, ports: "
                + port
                + "}]\n")) {
      assertThat(sluice("load-bindings", "--dry-run", file.toString()).exitCode).isZero();
      assertThat(sluice("bindings", "-o", "json").out).isEqualTo("{\"bindings\":[]}\n");
      Result loaded = sluice("load-bindings", file.toString());
      assertThat(loaded.exitCode).as(loaded.toString()).isZero();
      assertThat(bindings(sluice("bindings", "-o", "json").out)).isEqualTo(bindings(json));
    }
  }

  @Test
  void whoIsNotNamedMayNothingAndAReaderMayOnlyRead() throws Exception {
    try (SluiceProcess _ = daemon("", "")) {
      assertThat(asNobody("GET", "/status").exitCode).as("the file's mode").isNotZero();
    }
    try (SluiceProcess _ = daemon(", users: [daemon]", "")) {
      assertThat(asNobody("GET", "/status").out)
          .startsWith("{\"error\":\"user 65534 may not use this socket");
    }
    try (SluiceProcess _ = daemon(", readers: [" + NOBODY + "]", "")) {
      assertThat(asNobody("GET", "/status").out).contains("\"generation\":1");
      assertThat(asNobody("POST", "/bind?label=a&protocol=tcp&prefix=127.0.0.0/8&port=1").out)
          .startsWith("{\"error\":\"user 65534 may only read");
      assertThat(asNobody("POST", "/kill?all=true").out).contains("may only read");
    }
    try (SluiceProcess _ = daemon(", users: [" + NOBODY + "]", "")) {
      assertThat(
              asNobody("POST", "/bind?label=a&protocol=tcp&prefix=127.0.0.1/32&port=" + port).out)
          .startsWith("{\"generation\":2");
    }
  }

  @Test
  void anUnknownUserEndsTheStart() throws Exception {
    Path file = directory.resolve("unknown.yaml");
    Files.writeString(
        file, "version: 1\nadmin: {http: none, socket: \"" + path + "\", users: [nosuchuser]}\n");
    Result result = run(SluiceProcess.sluice(List.of(), "run", "-f", file.toString()));
    assertThat(result.exitCode).isEqualTo(1);
    assertThat(result.err)
        .contains("sluice: admin.users: no user nosuchuser on this machine\n")
        .doesNotContain("\tat ", "ready");
    assertThat(path).doesNotExist();
  }

  @Test
  void noDaemonIsOneLine() throws Exception {
    assertThat(sluice("status"))
        .isEqualTo(
            new Result(
                1,
                "",
                "sluice: no daemon listens at "
                    + path
                    + "; --socket PATH, or -f FILE, says where else\n"));
  }

  @Test
  void tenThousandRequestsAtOnceAreAnsweredAndTrafficGoesOn() throws Exception {
    String rest =
        """
        bindings: [{label: web, protocol: tcp, prefix: 127.0.0.0/8, port: %d}]
        destinations: [{label: web, protocol: tcp, %s}]
        """
            .formatted(port, server.targets());
    try (SluiceProcess _ = daemon("", rest);
        ExecutorService askers = Executors.newFixedThreadPool(64)) {
      List<Future<String>> answers = new ArrayList<>();
      for (int i = 0; i < 10_000; i++) {
        String request =
            i % 2 == 0 ? SocketAsker.requestOf("GET", "/history", "") : "garbage\r\n\r\n";
        answers.add(askers.submit(() -> asker.ask(request)));
      }
      assertEchoes("127.0.0.1"); // while they are asked
      int ok = 0;
      for (Future<String> answer : answers) {
        String head = answer.get().lines().findFirst().orElse("");
        assertThat(head).matches("HTTP/1.[01] (200 OK|400 Bad Request)");
        ok += head.endsWith("OK") ? 1 : 0;
      }
      assertThat(ok).isEqualTo(5_000);
      assertEchoes("127.0.0.1");
    }
  }

  @Test
  void aGigabyteIsRefusedWithoutBeingTaken() throws Exception {
    try (SluiceProcess _ = daemon("", "");
        SocketChannel channel =
            asker.send("POST /apply HTTP/1.1\r\nContent-Length: 1073741824\r\n\r\n")) {
      ByteBuffer part = ByteBuffer.allocate(1 << 16);
      long sent = 0;
      try {
        while (sent < 1 << 30) {
          sent += channel.write(part.rewind());
        }
      } catch (IOException _) {
        // It has heard enough.
      }
      assertThat(sent).isLessThan(16 << 20);
      assertThat(SocketAsker.rest(channel)).startsWith("HTTP/1.1 413 ");
      assertThat(asker.get("/history")).contains("\"generation\":1");
    }
  }
}
