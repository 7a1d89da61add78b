package io.sluice.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.proxy.ChildProcess;
import io.sluice.proxy.Main;
import io.sluice.proxy.Pace;
import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The daemon outlives what a machine runs out of. */
@Timeout(60)
final class DescriptorsIT {
  private static final int CONNECTIONS = 150;
  private static final InetAddress LOOPBACK = InetAddress.ofLiteral("127.0.0.1");

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void whoIsOutOfDescriptorsPausesAndRecovers(int loops, @TempDir Path directory) throws Exception {
    int port = TestDaemon.freePort();
    Path file = directory.resolve("sluice.yaml");
    try (TestServer server = TestServer.start(TestServer.PROTOCOL)) {
      Files.writeString(
          file,
          "version: 1\nadmin: {http: none}\nlimits: {drain: 1s}\n"
              + TestDaemon.web(loops, port, server.targets()));
      try (ChildProcess daemon =
          ChildProcess.java("ulimit -n 200", Main.class, "run", "-f", file.toString())) {
        String _ = daemon.awaitLine("ready");
        List<Socket> clients = new ArrayList<>();
        for (int i = 0; i < CONNECTIONS; i++) {
          clients.add(Streams.connect(port)); // by the kernel, whether the daemon accepts or not
        }
        TestDaemon.until(
            "a pause", () -> daemon.lines().stream().anyMatch(it -> it.contains("used up")));
        Duration before = daemon.processorTime();
        Pace.pause(2_000); // the clients wait
        Duration spent = daemon.processorTime().minus(before);
        assertThat(spent).as("processor time in two seconds").isLessThan(Duration.ofMillis(600));
        assertThat(daemon.isAlive()).isTrue();
        int served = server.accepted();
        assertThat(served).isBetween(10, CONNECTIONS - 20);
        Socket last = clients.removeLast();
        for (Socket client : clients) {
          client.close();
        }
        Streams.send(last, "DL 1000\n"); // it has waited in the backlog
        assertThat(Streams.readAll(last.getInputStream()).bytes()).isEqualTo(1_000);
        long start = System.nanoTime();
        TestDaemon.until("it serves again", () -> isServed(port));
        System.out.printf(
            "out of descriptors: loops=%d sessions=%d processorMillis=%d recoveredMillis=%d%n",
            loops,
            served,
            spent.toMillis(),
            TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start));
        for (int i = 0; i < 20; i++) {
          assertThat(isServed(port)).isTrue();
        }
        daemon.terminate();
        assertThat(daemon.exitCode()).isZero();
      }
    }
  }

  /** With 52 it can't even listen; with 80 it would have room for one connection. */
  @ParameterizedTest
  @ValueSource(ints = {52, 64, 80})
  void whoCouldServeHardlyAnybodyDoesNotStart(int limit, @TempDir Path directory) throws Exception {
    Path file = directory.resolve("sluice.yaml");
    Files.writeString(
        file,
        "version: 1\nadmin: {http: none}\n"
            + TestDaemon.web(2, TestDaemon.freePort(), "targets: [\"127.0.0.1:9\"]"));
    try (ChildProcess daemon =
        ChildProcess.java("ulimit -n " + limit, Main.class, "run", "-f", file.toString())) {
      assertThat(daemon.exitCode()).isEqualTo(1);
      assertThat(daemon.lines())
          .filteredOn(line -> line.startsWith("sluice: "))
          .singleElement()
          .asString()
          .contains("the limit of open files", "LimitNOFILE=", "ulimit -n");
      assertThat(daemon.lines()).noneMatch(line -> line.startsWith("ready"));
    }
  }

  @Test
  void udpFlowsLeaveTheLastDescriptorsAlone(@TempDir Path directory) throws Exception {
    int port = TestDaemon.freePort();
    Path file = directory.resolve("sluice.yaml");
    List<DatagramSocket> clients = new ArrayList<>();
    try (DatagramSocket silent = new DatagramSocket(0, LOOPBACK)) {
      Files.writeString(
          file,
          """
          version: 1
          admin: {http: none}
          loops: 1
          bindings: [{label: dns, protocol: udp, prefix: 127.0.0.1/32, port: %d}]
          destinations: [{label: dns, protocol: udp, targets: ["127.0.0.1:%d"]}]
          """
              .formatted(port, silent.getLocalPort()));
      try (ChildProcess daemon =
          ChildProcess.java("ulimit -n 200", Main.class, "run", "-f", file.toString())) {
        String _ = daemon.awaitLine("ready");
        silent.setSoTimeout(10_000);
        for (int i = 0; i < 250; i++) {
          DatagramSocket client = new DatagramSocket(0, LOOPBACK);
          clients.add(client);
          client.send(new DatagramPacket(new byte[1], 1, LOOPBACK, port));
          silent.receive(new DatagramPacket(new byte[1], 1)); // old flows made room for new ones
        }
        assertThat(daemon.openDescriptors()).isBetween(100, 150);
      }
    } finally {
      clients.forEach(DatagramSocket::close);
    }
  }

  @Test
  void aFloodOfUdpLeavesTcpItsShareOfDescriptors(@TempDir Path directory) throws Exception {
    int port = TestDaemon.freePort();
    int udpPort = TestDaemon.freePort();
    Path file = directory.resolve("sluice.yaml");
    List<DatagramSocket> forgers = new ArrayList<>();
    List<Socket> clients = new ArrayList<>();
    try (DatagramSocket silent = new DatagramSocket(0, LOOPBACK);
        TestServer server = TestServer.start(TestServer.PROTOCOL)) {
      Files.writeString(
          file,
          """
          version: 1
          admin: {http: none}
          loops: 1
          bindings:
            - {label: web, protocol: tcp, prefix: 127.0.0.1/32, port: %d}
            - {label: dns, protocol: udp, prefix: 127.0.0.1/32, port: %d}
          destinations:
            - {label: web, protocol: tcp, %s}
            - {label: dns, protocol: udp, targets: ["127.0.0.1:%d"]}
          """
              .formatted(port, udpPort, server.targets(), silent.getLocalPort()));
      try (ChildProcess daemon =
          ChildProcess.java("ulimit -n 200", Main.class, "run", "-f", file.toString())) {
        String _ = daemon.awaitLine("ready");
        silent.setSoTimeout(10_000);
        for (int i = 0; i < 250; i++) {
          DatagramSocket forger = new DatagramSocket(0, LOOPBACK);
          forgers.add(forger);
          forger.send(new DatagramPacket(new byte[1], 1, LOOPBACK, udpPort));
          silent.receive(new DatagramPacket(new byte[1], 1));
        }
        for (int i = 0; i < 8; i++) {
          clients.add(Streams.connect(port));
        }
        for (Socket client : clients) {
          Streams.send(client, "DL 1000\n");
          assertThat(Streams.readAll(client.getInputStream()).bytes()).isEqualTo(1_000);
        }
        assertThat(daemon.lines()).noneMatch(it -> it.contains("accepting paused"));
        assertThat(daemon.lines())
            .anyMatch(it -> it.contains("flows make room"))
            .anyMatch(it -> it.contains("the limit of open files is 200, which leaves room for"));
      }
    } finally {
      forgers.forEach(DatagramSocket::close);
      for (Socket client : clients) {
        client.close();
      }
    }
  }

  private static boolean isServed(int port) throws IOException {
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, "DL 1000\n");
      return Streams.readAll(client.getInputStream()).bytes() == 1_000;
    } catch (SocketException _) {
      return false;
    }
  }

  private static ChildProcess withFewPorts(Class<?> scenario) throws Exception {
    assumeTrue(
        "root".equals(System.getProperty("user.name")) && canUnshare(),
        "a network namespace with few ports needs root, unshare and ip");
    return ChildProcess.isolated(
        "echo 40000 40003 > /proc/sys/net/ipv4/ip_local_port_range", scenario);
  }

  @Test
  void whoHasNoSourcePortLeftPausesAndRecovers() throws Exception {
    try (ChildProcess scenario = withFewPorts(SourcePortScenario.class)) {
      assertThat(scenario.exitCode()).as(() -> scenario.lines().toString()).isZero();
      assertThat(scenario.lines()).contains("recovered");
    }
  }

  @Test
  void sourceAddressesMultiplyThePorts() throws Exception {
    try (ChildProcess scenario = withFewPorts(SourceSpreadScenario.class)) {
      assertThat(scenario.exitCode()).as(() -> scenario.lines().toString()).isZero();
      assertThat(scenario.lines())
          .contains(
              "tcp recovered",
              "udp leaves ports",
              "a port for each target",
              "one client's ports are its own");
    }
  }

  private static boolean canUnshare() throws IOException, InterruptedException {
    return new ProcessBuilder("unshare", "-n", "ip", "link", "set", "lo", "up").start().waitFor()
        == 0;
  }
}
