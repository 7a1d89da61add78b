package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;

/** {@code bin/sluice} in a tree like an installed one, with the cache that scripts/train makes. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
final class LauncherIT {
  @TempDir private static Path tree = Path.of(".");

  private record Result(int exitCode, String output) {}

  @BeforeAll
  static void makeATreeAndTrain() throws Exception {
    Path launcher = InstalledTree.make(tree);
    Result trained =
        run(
            List.of(
                InstalledTree.checkout() + "/scripts/train", tree.toString(), launcher.toString()),
            Map.of());
    assertThat(trained).isEqualTo(new Result(0, ""));
    assertThat(tree.resolve("sluice.aot")).exists();
  }

  private static Result run(List<String> command, Map<String, String> environment)
      throws IOException, InterruptedException {
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    builder.environment().putAll(environment);
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Result(process.waitFor(), output);
  }

  private static Result version(String options) throws IOException, InterruptedException {
    return run(List.of(tree + "/bin/sluice", "version"), Map.of("JAVA_OPTS", options));
  }

  @Test
  void anOlderJavaIsSaidInOneLine(@TempDir Path home) throws Exception {
    Files.writeString(home.resolve("release"), "JAVA_VERSION=\"17.0.2\"\n");
    Path java = Files.createDirectories(home.resolve("bin")).resolve("java");
    Files.writeString(java, "#!/bin/sh\necho this must not be run\n");
    assertThat(java.toFile().setExecutable(true)).isTrue();
    Result result =
        run(List.of(tree + "/bin/sluice", "version"), Map.of("JAVA_HOME", home.toString()));
    assertThat(result.exitCode).isEqualTo(1);
    assertThat(result.output)
        .hasLineCount(1)
        .startsWith("sluice: Java 25 is needed, and " + java + " is Java 17: set JAVA_HOME");
  }

  /** The classes that a start loads, with their sources, one a line. */
  private static List<String> classesOfAStart() throws Exception {
    int port;
    try (ServerSocket free = new ServerSocket(0)) {
      port = free.getLocalPort();
    }
    Path file = tree.resolve("start.yaml");
    Files.writeString(
        file,
        """
        version: 1
        bindings: [{label: web, protocol: tcp, prefix: 127.0.0.1/32, port: %d}]
        destinations: [{label: web, protocol: tcp, targets: ["127.0.0.1:1"]}]
        admin: {http: "127.0.0.1:0"}
        """
            .formatted(port));
    Path log = tree.resolve("classes.log");
    List<String> command =
        List.of(
            "env",
            "JAVA_HOME=" + System.getProperty("java.home"),
            "JAVA_OPTS=-Xlog:class+load:file=" + log,
            tree + "/bin/sluice",
            "run",
            "-f",
            file.toString());
    try (SluiceProcess daemon = SluiceProcess.start(tree, command)) {
      daemon.awaitLine("ready ");
      daemon.signal("TERM");
      assertThat(daemon.awaitExit()).isZero();
    }
    return Files.readAllLines(log);
  }

  @Test
  @Order(1)
  void aStartTakesItsClassesFromTheCache() throws Exception {
    assertThat(classesOfAStart())
        .filteredOn(line -> line.contains(" io.sluice.") && !line.contains("$$")) // spun
        .isNotEmpty()
        .allSatisfy(line -> assertThat(line).contains("shared objects file"));
  }

  @Test
  @Order(2)
  void aStartNeedsNoCommandLineParserAndNoXml() throws Exception {
    Files.move(tree.resolve("sluice.aot"), tree.resolve("kept.aot"));
    try {
      assertThat(classesOfAStart())
          .anySatisfy(line -> assertThat(line).contains(" io.sluice.proxy.control.Foreground "))
          .noneSatisfy(line ->
              assertThat(line)
                  .containsPattern(" (picocli|org\\.xml|javax\\.xml|com\\.sun\\.org\\.apache)\\."));
    } finally {
      Files.move(tree.resolve("kept.aot"), tree.resolve("sluice.aot"));
    }
  }

  @Test
  @Order(3)
  void aCacheOfOtherJarsIsPassedOverInSilence() throws Exception {
    Path jar;
    try (var jars = Files.newDirectoryStream(tree.resolve("lib"), "sluice-*.jar")) {
      jar = jars.iterator().next();
    }
    FileTime later =
        FileTime.from(Files.getLastModifiedTime(jar).toInstant().plus(Duration.ofMinutes(1)));
    Files.setLastModifiedTime(jar, later);
    Result result = version("");
    assertThat(result.exitCode).isZero();
    assertThat(result.output).startsWith("sluice ").hasLineCount(1);
  }

  @Test
  @Order(4)
  void aCacheThatIsNoneIsPassedOverInSilence() throws Exception {
    Files.writeString(tree.resolve("sluice.aot"), "nonsense");
    Result result = version("");
    assertThat(result.exitCode).isZero();
    assertThat(result.output).startsWith("sluice ").hasLineCount(1);
  }
}
