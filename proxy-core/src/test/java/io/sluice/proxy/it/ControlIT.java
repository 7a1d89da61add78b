package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.program.TestJar;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The daemon when a program from a jar takes too long, blocks a loop, or fills the heap. The
 * program does to a connection, or in its constructor, what the file {@code do} says.
 */
@Timeout(180)
final class ControlIT {
  private static final String CLASS = "com.example.Misbehaves";

  @TempDir private Path directory = Path.of(".");
  private final int port = TestDaemon.freePort();
  private final int admin = TestDaemon.freePort();

  @BeforeEach
  void writeConfiguration() throws IOException {
    TestJar.of(
            CLASS,
            """
            package com.example;

            import io.sluice.steering.LookupContext;
            import io.sluice.steering.Program;
            import java.nio.file.Files;
            import java.nio.file.Path;
            import java.util.ArrayList;
            import java.util.List;

            public final class Misbehaves implements Program {
              public Misbehaves() throws Exception {
                System.err.println("constructed");
                if (todo().equals("wait in constructor")) {
                  sleep(3_000);
                } else if (todo().equals("hang in constructor")) {
                  sleep(600_000);
                }
              }

              private static String todo() throws Exception {
                return Files.readString(Path.of("%s"));
              }

              private static void sleep(long millis) throws Exception {
                long until = System.nanoTime() + millis * 1_000_000;
                while (System.nanoTime() < until) {
                  try {
                    Thread.sleep(10);
                  } catch (InterruptedException e) {
                    // It doesn't care.
                  }
                }
              }

              @Override
              public int run(LookupContext context) {
                try {
                  switch (todo()) {
                    case "block" -> sleep(600_000);
                    case "fill" -> {
                      List<long[]> all = new ArrayList<>();
                      while (true) {
                        all.add(new long[1 << 20]);
                      }
                    }
                    default -> {}
                  }
                } catch (Exception e) {
                  throw new IllegalStateException(e);
                }
                return SK_DROP;
              }
            }
            """
                .formatted(directory.resolve("do")))
        .write(directory.resolve("p.jar"));
    todo("nothing");
    Files.writeString(
        directory.resolve("sluice.yaml"),
        """
        version: 1
        loops: 2
        admin: {http: "127.0.0.1:%d"}
        capture: [{name: edge, protocols: tcp, addresses: 127.0.0.1, ports: %d}]
        programs: [{name: misbehaves, jar: p.jar, class: %s}]
        """
            .formatted(admin, port, CLASS));
  }

  private void todo(String what) throws IOException {
    Files.writeString(directory.resolve("do"), what);
  }

  private SluiceProcess start(String... options) throws IOException {
    List<String> command =
        new ArrayList<>(
            SluiceProcess.sluice(
                List.of(), "run", "-f", directory.resolve("sluice.yaml").toString()));
    command.addAll(1, List.of(options));
    return SluiceProcess.start(directory, command);
  }

  private String livez() throws IOException, InterruptedException {
    try (HttpClient client = HttpClient.newHttpClient()) {
      HttpResponse<String> answer =
          client.send(
              HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + admin + "/livez")).build(),
              HttpResponse.BodyHandlers.ofString());
      return answer.statusCode() + " " + answer.body().strip();
    }
  }

  @Test
  void aHangupDuringTheStartIsAReloadAfterIt() throws Exception {
    todo("wait in constructor");
    try (SluiceProcess sluice = start()) {
      sluice.awaitLine("constructed");
      sluice.signal("HUP");
      sluice.signal("HUP");
      sluice.awaitLine("ready");
      sluice.awaitLine("", "reloaded generation=2");
      sluice.signal("TERM");
      assertThat(sluice.awaitExit()).isZero();
      assertThat(sluice.output()).doesNotContain("reloaded generation=3");
    }
  }

  @Test
  void aStopDuringTheStartEndsIt() throws Exception {
    todo("hang in constructor");
    try (SluiceProcess sluice = start()) {
      sluice.awaitLine("constructed");
      sluice.signal("TERM");
      assertThat(sluice.awaitExit()).isZero();
    }
  }

  @Test
  void aStopWaitsForNoReload() throws Exception {
    try (SluiceProcess sluice = start()) {
      sluice.awaitLine("ready");
      todo("hang in constructor");
      for (int i = 0; i < 5; i++) {
        sluice.signal("HUP");
      }
      TestDaemon.until(
          "the reload is under way",
          () -> sluice.output().lines().filter(it -> it.equals("constructed")).count() == 2);
      sluice.signal("TERM");
      assertThat(sluice.awaitExit()).isZero();
      assertThat(sluice.output()).doesNotContain("reloaded");
    }
  }

  @Test
  void aBlockedLoopIsNamedByLivez() throws Exception {
    try (SluiceProcess sluice = start()) {
      sluice.awaitLine("ready");
      assertThat(livez()).isEqualTo("200 ok");
      todo("block");
      try (var _ = Streams.connect("127.0.0.1", port)) {
        TestDaemon.until("it is named", () -> livez().startsWith("503 loop "));
        assertThat(livez()).matches("503 loop [01] has not answered for [0-9]+ ms");
      }
    }
  }

  @Test
  void aProgramThatFillsTheHeapEndsTheProcessWithItsOwnExitCode() throws Exception {
    try (SluiceProcess sluice = start("-Xmx64m")) {
      sluice.awaitLine("ready");
      todo("fill");
      try (var _ = Streams.connect("127.0.0.1", port)) {
        assertThat(sluice.awaitExit()).isEqualTo(3);
      }
    }
  }

  @Test
  void theLauncherHasTheProcessEndWhenTheHeapIsFull() throws Exception {
    Path launcher = Path.of("..", "bin", "sluice");
    assertThat(Files.readString(launcher)).contains("-XX:+ExitOnOutOfMemoryError");
  }
}
