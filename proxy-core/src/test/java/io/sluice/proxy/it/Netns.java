package io.sluice.proxy.it;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A network namespace of the test's own, with its loopback up. */
final class Netns implements AutoCloseable {
  private final String name;

  private Netns(String name) {
    this.name = name;
  }

  /** Makes one; without the rights, or without {@code ip}, the test is skipped, and says so. */
  static Netns make() throws IOException, InterruptedException {
    assumeTrue(
        "root".equals(System.getProperty("user.name")),
        "needs root: it makes a network namespace of its own");
    assumeTrue(has("ip"), "needs iproute2");
    String name = "sluice-it-" + ProcessHandle.current().pid() + "-" + (System.nanoTime() & 0xffff);
    run(List.of("ip", "netns", "add", name));
    Netns made = new Netns(name);
    made.run("ip", "link", "set", "lo", "up");
    return made;
  }

  /** Whether a program is on the path. */
  static boolean has(String program) {
    for (String directory : (System.getenv("PATH") + ":/usr/sbin:/sbin").split(":", -1)) {
      if (Files.isExecutable(Path.of(directory, program))) {
        return true;
      }
    }
    return false;
  }

  /**
   * Joins two by a pair of interfaces: 10.9.N.1 and fd09:N::1 here, 10.9.N.2 and fd09:N::2 there.
   */
  static void join(Netns first, Netns second, int network)
      throws IOException, InterruptedException {
    String near = "near" + network;
    String far = "far" + network;
    first.run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", second.name);
    first.address(near, "10.9." + network + ".1/24", "fd09:" + network + "::1/64");
    second.address(far, "10.9." + network + ".2/24", "fd09:" + network + "::2/64");
  }

  private void address(String device, String ipv4, String ipv6)
      throws IOException, InterruptedException {
    run("ip", "addr", "add", ipv4, "dev", device);
    run("ip", "addr", "add", ipv6, "dev", device, "nodad");
    run("ip", "link", "set", device, "up");
  }

  /** The number by which the kernel knows it, as {@code bpftool link} does. */
  long inode() throws IOException, InterruptedException {
    return Long.parseLong(run("stat", "-L", "-c", "%i", "/proc/self/ns/net").strip());
  }

  /** As {@code ip netns} calls it. */
  String name() {
    return name;
  }

  /** What to put before a command so that it runs inside. */
  List<String> prefix() {
    return List.of("ip", "netns", "exec", name);
  }

  /** A command that runs inside. */
  List<String> inside(List<String> command) {
    List<String> all = new ArrayList<>(prefix());
    all.addAll(command);
    return all;
  }

  /** Runs a command inside; what it printed. */
  String run(String... command) throws IOException, InterruptedException {
    return run(inside(List.of(command)));
  }

  private static String run(List<String> command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    int code = process.waitFor();
    if (code != 0) {
      String told = String.join(" ", command);
      throw new IOException(
          told.substring(0, Math.min(200, told.length())) + " ended with " + code + ": " + output);
    }
    return output;
  }

  @Override
  public void close() throws IOException {
    new ProcessBuilder("ip", "netns", "delete", name).start().onExit().join();
  }
}
