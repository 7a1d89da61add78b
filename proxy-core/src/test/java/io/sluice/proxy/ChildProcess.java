package io.sluice.proxy;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Another JVM with the tests' class path, whose output is collected. */
public final class ChildProcess implements AutoCloseable {
  private static final long END_SECONDS = 20;

  private final Process process;
  private final List<String> lines = new CopyOnWriteArrayList<>();
  private final Thread reader;

  private ChildProcess(Process process) {
    this.process = process;
    this.reader = Thread.ofVirtual().start(this::read);
  }

  /**
   * Starts one.
   *
   * @param shell what a shell is to do first, like {@code ulimit -n 100}
   * @param main whose {@code main} to run
   */
  public static ChildProcess java(String shell, Class<?> main, String... arguments)
      throws IOException {
    return start(List.of(), shell, main, arguments);
  }

  /** Starts one in a network namespace of its own, with loopback; needs root. */
  public static ChildProcess isolated(String shell, Class<?> main, String... arguments)
      throws IOException {
    return start(List.of("unshare", "-n"), "ip link set lo up; " + shell, main, arguments);
  }

  private static ChildProcess start(
      List<String> prefix, String shell, Class<?> main, String... arguments) throws IOException {
    List<String> command = new ArrayList<>(prefix);
    command.addAll(List.of("sh", "-ec", shell + "; exec \"$@\"", "sh"));
    command.add(Path.of(property("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx256m", "-XX:+UseSerialGC", "--enable-native-access=ALL-UNNAMED"));
    command.addAll(List.of("-cp", property("java.class.path"), main.getName()));
    command.addAll(List.of(arguments));
    return new ChildProcess(new ProcessBuilder(command).redirectErrorStream(true).start());
  }

  private static String property(String name) {
    return Objects.requireNonNull(System.getProperty(name), name);
  }

  private void read() {
    try (BufferedReader output = process.inputReader(StandardCharsets.UTF_8)) {
      for (String line = output.readLine(); line != null; line = output.readLine()) {
        lines.add(line);
      }
    } catch (IOException _) {
      // It was ended.
    }
  }

  /** How many descriptors it has open. */
  public int openDescriptors() throws IOException {
    try (Stream<Path> all = Files.list(Path.of("/proc/" + process.pid() + "/fd"))) {
      return Math.toIntExact(all.count());
    }
  }

  /** The rest of the first line of output that begins so. */
  public String awaitLine(String start) {
    TestDaemon.until(
        "a line that begins with " + start,
        () -> {
          if (!process.isAlive() && !reader.isAlive() && !has(start)) {
            throw new IllegalStateException("it ended, having said " + lines);
          }
          return has(start);
        });
    return lines.stream()
        .filter(line -> line.startsWith(start))
        .findFirst()
        .orElseThrow()
        .substring(start.length());
  }

  private boolean has(String start) {
    return lines.stream().anyMatch(line -> line.startsWith(start));
  }

  /** What it has said. */
  public List<String> lines() {
    return List.copyOf(lines);
  }

  /** Says something to its standard input. */
  public void say(String line) throws IOException {
    OutputStream out = process.getOutputStream();
    out.write((line + "\n").getBytes(StandardCharsets.UTF_8));
    out.flush();
  }

  public boolean isAlive() {
    return process.isAlive();
  }

  /** How long it has used a processor. */
  public Duration processorTime() {
    return process.info().totalCpuDuration().orElseThrow();
  }

  /** Waits for its end. */
  public int exitCode() throws InterruptedException {
    if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
      throw new IllegalStateException("it doesn't end, having said " + lines);
    }
    return process.exitValue();
  }

  /** Asks it to end, by SIGTERM. */
  public void terminate() {
    process.destroy();
  }

  @Override
  public void close() {
    Process _ = process.destroyForcibly();
  }
}
