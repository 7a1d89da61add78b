package io.sluice.proxy.it;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;

/** A program that a test started, its output in a file; ended with the test. */
final class SluiceProcess implements AutoCloseable {
  private static final Duration BOUND = Duration.ofSeconds(30);

  private final Process process;
  private final Path output;

  private SluiceProcess(Process process, Path output) {
    this.process = process;
    this.output = output;
  }

  /** Starts any program. */
  static SluiceProcess start(Path directory, List<String> command) throws IOException {
    Path output = Files.createTempFile(directory, "output", ".log");
    Process process =
        new ProcessBuilder(command)
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    return new SluiceProcess(process, output);
  }

  /** {@code sluice …} on this JVM's class path, behind a prefix like {@code ip netns exec NAME}. */
  static List<String> sluice(List<String> prefix, String... arguments) {
    List<String> command = new ArrayList<>(prefix);
    command.addAll(java("io.sluice.proxy.Main"));
    command.addAll(List.of(arguments));
    return command;
  }

  /** A main class on this JVM's class path. */
  static List<String> java(String mainClass) {
    return List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-XX:+UseSerialGC",
        "-XX:+ExitOnOutOfMemoryError",
        "-Xshare:auto",
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        "-cp",
        System.getProperty("java.class.path"),
        mainClass);
  }

  /** Waits until the output has a line that begins so. */
  SluiceProcess awaitLine(String beginning) {
    return awaitLine(beginning, "");
  }

  /** Waits until the output has a line that begins so, and contains this. */
  SluiceProcess awaitLine(String beginning, String part) {
    Awaitility.await("\"" + beginning + part + "\" from " + this)
        .atMost(BOUND)
        .pollInterval(Duration.ofMillis(20))
        .until(() -> {
          boolean isAlive = process.isAlive(); // before its last words are read
          boolean isThere =
              output().lines().anyMatch(line -> line.startsWith(beginning) && line.contains(part));
          if (!isThere && !isAlive) {
            throw new IllegalStateException("it ended:\n" + output());
          }
          return isThere;
        });
    return this;
  }

  String output() {
    try {
      return Files.readString(output, StandardCharsets.UTF_8);
    } catch (IOException broken) {
      return broken.toString();
    }
  }

  void signal(String name) throws IOException, InterruptedException {
    new ProcessBuilder("kill", "-" + name, String.valueOf(process.pid())).start().waitFor();
  }

  /** The exit code, within a bound. */
  int awaitExit() throws InterruptedException {
    if (!process.waitFor(BOUND.toSeconds(), TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new IllegalStateException("it did not end:\n" + output());
    }
    return process.exitValue();
  }

  long pid() {
    return process.pid();
  }

  @Override
  public void close() {
    process.descendants().forEach(ProcessHandle::destroy);
    process.destroy();
    try {
      if (!process.waitFor(5, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public String toString() {
    return process.info().commandLine().orElse("pid " + process.pid());
  }
}
