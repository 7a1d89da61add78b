package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.TestDaemon;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The commands as a person runs them: another process, its output and its exit code. */
final class CommandsIT {
  private static final String TEN_MISTAKES =
      """
      version: 1
      bindings:
        - {label: web, protocol: tcp, prefix: 127.0.1.5/24, port: 8080}
        - {label: web, protocol: tcp, prefix: 127.0.2.0/24, port: 70000}
        - {label: web, protocol: sctp, prefix: 127.0.3.0/24, port: 80}
        - {label: nobody, protocol: tcp, prefix: 127.0.4.0/24, port: 80}
        - {label: web, protocol: tcp, prefix: 127.1, port: 80}
      destinations:
        - {label: web, protocol: tcp, targets: ["127.0.0.1"]}
        - {label: web2, protocol: tcp, target: ["127.0.0.1:80"]}
      limits: {connections: many, drain: 5}
      colour: red
      """;

  @TempDir private Path directory = Path.of(".");

  private record Result(int exitCode, String out, String err) {}

  private Result sluice(String... arguments) throws IOException, InterruptedException {
    return behind(List.of(), arguments);
  }

  private Result behind(List<String> prefix, String... arguments)
      throws IOException, InterruptedException {
    Path err = Files.createTempFile(directory, "err", "");
    Process process =
        new ProcessBuilder(SluiceProcess.sluice(prefix, arguments))
            .redirectError(err.toFile())
            .start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Result(process.waitFor(), out, Files.readString(err));
  }

  private String file(String yaml) throws IOException {
    return Files.writeString(Files.createTempFile(directory, "sluice", ".yaml"), yaml).toString();
  }

  private static String configuration(int port, int target) {
    return """
    version: 1
    bindings:
      - {label: web, protocol: tcp, prefix: 127.0.0.1/32, port: %d}
    destinations:
      - {label: web, protocol: tcp, targets: ["127.0.0.1:%d"]}
    expect:
      - {lookup: "tcp 203.0.113.9:5000 127.0.0.1:%d", assign: web}
    limits: {drain: 5s}
    admin: {http: "127.0.0.1:0"}
    """
        .formatted(port, target, port);
  }

  @Test
  void checkPrintsTenLinesForTenMistakesEachWithItsLine() throws Exception {
    String file = file(TEN_MISTAKES);
    Result result = sluice("check", "-f", file);
    assertThat(result.exitCode).isEqualTo(1);
    assertThat(result.err.lines().map(line -> line.substring(file.length() + 1)))
        .extracting(line -> Integer.parseInt(line.substring(0, line.indexOf(':'))))
        .containsExactly(3, 4, 5, 6, 7, 9, 10, 11, 11, 12);
    assertThat(result.err).doesNotContain("\tat ");
  }

  @Test
  void checkSaysOkAndExitsWithZero() throws Exception {
    Result result = sluice("check", "-f", file(configuration(8080, 8081)));
    assertThat(result).isEqualTo(new Result(0, result.out, ""));
    assertThat(result.out).contains(": ok: 1 capture, 1 binding, 1 program, 1 destination\n");
  }

  @Test
  void checkReadsStandardInput() throws Exception {
    String file = file(configuration(8080, 8081));
    List<String> shell = List.of("sh", "-c", "exec \"$@\" <" + file, "sh");
    Result result = behind(shell, "check", "-f", "-");
    assertThat(result).isEqualTo(new Result(0, result.out, ""));
    assertThat(result.out).contains(": ok: 1 capture, 1 binding");
  }

  @Test
  void checkAnswersInJson() throws Exception {
    Result result = sluice("check", "-o", "json", "-f", file(TEN_MISTAKES));
    assertThat(result.exitCode).isEqualTo(1);
    assertThat(result.out).startsWith("{\"valid\":false,\"problems\":[{\"file\":").hasLineCount(1);
  }

  @Test
  void runRefusesABadConfigurationWithExitCode78() throws Exception {
    Result result = sluice("run", "-f", file(TEN_MISTAKES));
    assertThat(result.exitCode).isEqualTo(78);
    assertThat(result.err).hasLineCount(10);
  }

  @Test
  void aMissingFileIsOneLine() throws Exception {
    Result result = sluice("run", "-f", directory + "/none.yaml");
    assertThat(result.exitCode).isEqualTo(78);
    assertThat(result.err).hasLineCount(1).contains("none.yaml");
  }

  @Test
  void aTakenPortIsNamedAndNotSaidToBeCaptured() throws Exception {
    try (ServerSocket taken = new ServerSocket(0, 16, InetAddress.ofLiteral("127.0.0.1"))) {
      Result result = sluice("run", "-f", file(configuration(taken.getLocalPort(), 1)));
      assertThat(result.exitCode).isEqualTo(1);
      assertThat(result.err).contains("EADDRINUSE; it is held by").doesNotContain("captured name=");
    }
  }

  @Test
  void aTakenAdminPortIsOneLine() throws Exception {
    try (ServerSocket taken = new ServerSocket(0, 16, InetAddress.ofLiteral("127.0.0.1"))) {
      String address = "127.0.0.1:" + taken.getLocalPort();
      String yaml =
          configuration(TestDaemon.freePort(), 1).replace("127.0.0.1:0\"", address + "\"");
      Result result = sluice("run", "-f", file(yaml));
      assertThat(result.exitCode).isEqualTo(1);
      assertThat(result.err.lines())
          .contains("sluice: admin.http: can't bind " + address + ": EADDRINUSE");
    }
  }

  @Test
  void wrongUsageExitsWithTwo() throws Exception {
    assertThat(sluice().exitCode).isEqualTo(2);
    assertThat(sluice("walk").exitCode).isEqualTo(2);
    assertThat(sluice("chek").err).contains("did you mean check").hasLineCount(1);
    assertThat(sluice("run", "--nope").err)
        .isEqualTo("sluice: Unknown option: '--nope'; see sluice run --help\n");
    Result nonsense = sluice("explain", "-f", file(configuration(80, 81)), "tcp", "1", "2");
    assertThat(nonsense.exitCode).isEqualTo(2);
    assertThat(nonsense.err).contains("see sluice explain --help").hasLineCount(1);
  }

  @Test
  void testHoldsTheFileAgainstItsExpectations() throws Exception {
    String right = configuration(8080, 8081);
    assertThat(sluice("test", "-f", file(right)))
        .isEqualTo(new Result(0, "1 expected lookup, 1 as expected\n", ""));
    Result wrong = sluice("test", "-f", file(right.replace("assign: web}", "drop: true}")));
    assertThat(wrong.exitCode).isEqualTo(1);
    assertThat(wrong.out).contains("expected drop, got assign web");
    assertThat(sluice("test", "-f", file(TEN_MISTAKES)).exitCode).isEqualTo(78);
  }

  @Test
  void explainSaysWhy() throws Exception {
    String file = file(configuration(8080, 8081));
    Result result = sluice("explain", "-f", file, "tcp", "203.0.113.9:51234", "127.0.0.1:8080");
    assertThat(result.exitCode).isZero();
    assertThat(result.out.replace(file, "FILE"))
        .isEqualTo(
            """
            tcp 203.0.113.9:51234 → 127.0.0.1:8080                         generation 1
              capture    derived         bind 127.0.0.1:8080
              program    bindings        PASS, assigned web   [FILE]
                         127.0.0.1/32:8080        → web        only match   [FILE:3:5]
              socket     web             1 target → 127.0.0.1:8081   [FILE:5:5]
              verdict    ASSIGN web → 127.0.0.1:8081
            """);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "method: sk_lookup                        | sk_lookup 192.0.2.0/24",
        "method: auto                             | auto 192.0.2.0/24",
        "method: tproxy                           | tproxy 192.0.2.0/24 through 127.0.0.1:15001",
        "method: redirect, socketPort: 99         | redirect 192.0.2.0/24 through 0.0.0.0:99",
        "method: inherited, fdName: web           | inherited web",
        "method: sk_lookup, except: {ports: 1-79} | sk_lookup 192.0.2.0/24",
      })
  void explainNamesTheWayIn(String method, String way) throws Exception {
    String file =
        file(
            configuration(8080, 8081)
                + "capture: [{name: edge, protocols: tcp, addresses: [192.0.2.0/24], ports: any, "
                + method
                + "}]\n");
    Result taken = sluice("explain", "-f", file, "tcp", "203.0.113.9:51234", "192.0.2.9:80");
    assertThat(taken.out).contains("  capture    edge            " + way + "\n");
    boolean excepts = method.contains("except");
    Result other = sluice("explain", "-f", file, "tcp", "203.0.113.9:51234", "192.0.2.9:79");
    assertThat(other.out.contains("not_captured")).isEqualTo(excepts);
  }

  @Test
  void versionAndHelpAnswer() throws Exception {
    assertThat(sluice("version").out).startsWith("sluice 0.1.0");
    for (String command :
        List.of("run", "check", "test", "explain", "capture", "demo", "version")) {
      Result help = sluice(command, "--help");
      assertThat(help.exitCode).isZero();
      assertThat(help.out).startsWith("Usage: sluice " + command);
    }
  }

  @Test
  void theDemoSteersAllItsRequestsRight() throws Exception {
    Result result = sluice("demo", "--once");
    assertThat(result.exitCode).as(result.out + result.err).isZero();
    assertThat(result.out).contains("278 requests, 0 steered wrong");
  }

  @Test
  void sigtermLetsASessionEndAndThenExitsWithZero() throws Exception {
    try (ServerSocket server = new ServerSocket(0, 16, InetAddress.ofLiteral("127.0.0.1"))) {
      int port = TestDaemon.freePort();
      try (SluiceProcess daemon = start(configuration(port, server.getLocalPort()))) {
        try (Socket client = connect(port);
            Socket accepted = server.accept()) {
          client.getOutputStream().write('a');
          assertThat(accepted.getInputStream().read()).isEqualTo('a');
          daemon.signal("TERM");
          Awaitility.await()
              .atMost(Duration.ofSeconds(10))
              .until(() -> daemon.output().contains("draining sessions=1"));
          accepted.getOutputStream().write('b');
          assertThat(client.getInputStream().read()).isEqualTo('b');
        }
        assertThat(daemon.awaitExit()).isZero();
        assertThat(daemon.output()).contains("stopped sessionsEnded=0");
      }
    }
  }

  @Test
  void sighupSwapsAValidFileInAndRefusesABadOne() throws Exception {
    try (ServerSocket first = server("first");
        ServerSocket second = server("second")) {
      int port = TestDaemon.freePort();
      Path file = Path.of(file(configuration(port, first.getLocalPort())));
      try (SluiceProcess daemon = start(file)) {
        assertThat(ask(port)).isEqualTo("first");
        Files.writeString(file, TEN_MISTAKES);
        daemon.signal("HUP");
        awaitOutput(daemon, "reload refused");
        assertThat(daemon.output()).contains(file + ":3:");
        assertThat(ask(port)).isEqualTo("first");
        Files.writeString(file, configuration(port, second.getLocalPort()));
        daemon.signal("HUP");
        awaitOutput(daemon, "reloaded generation=2");
        assertThat(ask(port)).isEqualTo("second");
      }
    }
  }

  private SluiceProcess start(String yaml) throws IOException {
    return start(Path.of(file(yaml)));
  }

  private SluiceProcess start(Path file) throws IOException {
    return SluiceProcess.start(
            directory, SluiceProcess.sluice(List.of(), "run", "-f", file.toString()))
        .awaitLine("ready http://127.0.0.1:");
  }

  private static void awaitOutput(SluiceProcess daemon, String text) {
    Awaitility.await().atMost(Duration.ofSeconds(15)).until(() -> daemon.output().contains(text));
  }

  private static ServerSocket server(String name) throws IOException {
    ServerSocket server = new ServerSocket(0, 16, InetAddress.ofLiteral("127.0.0.1"));
    Thread.ofVirtual()
        .start(() -> {
          try {
            while (true) {
              try (Socket client = server.accept()) {
                client.getOutputStream().write(name.getBytes(StandardCharsets.US_ASCII));
              }
            }
          } catch (IOException _) {
            // Closed at the end of the test.
          }
        });
    return server;
  }

  private static Socket connect(int port) throws IOException {
    Socket socket = new Socket();
    socket.setSoTimeout(10_000);
    socket.connect(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), port), 10_000);
    return socket;
  }

  private static String ask(int port) throws IOException {
    try (Socket socket = connect(port)) {
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
    }
  }
}
