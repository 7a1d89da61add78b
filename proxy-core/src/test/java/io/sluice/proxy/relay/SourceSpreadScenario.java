package io.sluice.proxy.relay;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.observe.Refusal;
import io.sluice.steering.Protocol;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;

/**
 * Runs where there are four local ports, with two addresses: so eight times, and no ninth; UDP
 * leaves half to others.
 */
final class SourceSpreadScenario {
  private static final int PORTS = 4;
  private static final String SOURCE = ", source: [127.0.7.1, 127.0.7.2]";
  private static int nextClientPort = 20_000;

  private SourceSpreadScenario() {}

  public static void main(String[] arguments) throws Exception {
    tcp(9_000);
    udp(9_002);
    tuples(9_004);
    transparent(9_007);
    System.exit(0);
  }

  private static void tcp(int port) throws Exception {
    try (TestServer server = TestServer.start("127.0.0.1", 9_001, TestServer.PROTOCOL);
        TestDaemon daemon = TestDaemon.start(1, port, server.targets() + ", retries: 0" + SOURCE)) {
      List<Socket> clients = new ArrayList<>();
      for (int i = 0; i < 2 * PORTS; i++) {
        clients.add(connect("127.0.0.1", port));
        daemon.awaitSessions(i + 1);
      }
      TestDaemon.until("all connected", () -> server.accepted() == 2 * PORTS);
      check("none was refused", daemon.drops(Refusal.NO_SOURCE_PORT) == 0);
      SourcePortScenario.recovers(daemon, clients, () -> isServed(port));
      System.out.println("tcp recovered");
    }
  }

  private static void udp(int port) throws Exception {
    String yaml =
        """
        loops: 1
        bindings: [{label: dns, protocol: udp, prefix: 127.0.0.1/32, port: %d}]
        destinations: [{label: dns, protocol: udp, targets: ["127.0.0.1:9003"]%s}]
        """
            .formatted(port, SOURCE);
    List<DatagramSocket> clients = new ArrayList<>();
    try (DatagramSocket silent = new DatagramSocket(9_003, Streams.LOOPBACK);
        TestDaemon daemon = TestDaemon.start(yaml)) {
      silent.setSoTimeout(5_000);
      for (int i = 0; i <= 2 * PORTS; i++) {
        DatagramSocket client = new DatagramSocket(nextClientPort++, Streams.LOOPBACK);
        clients.add(client);
        client.send(new DatagramPacket(new byte[1], 1, Streams.LOOPBACK, port));
        silent.receive(new DatagramPacket(new byte[1], 1)); // old flows made room for it
      }
      check("none is refused", drops(daemon, Refusal.NO_SOURCE_PORT) == 0);
      check("three eighths of each address's ports", daemon.sessions() == PORTS / 2);
      for (int i = 0; i < PORTS / 2; i++) {
        clients.add(new DatagramSocket()); // another program finds a port
      }
      System.out.println("udp leaves ports");
    } finally {
      clients.forEach(DatagramSocket::close);
    }
  }

  private static long drops(TestDaemon daemon, Refusal reason) {
    return daemon.counters().drops(reason, Protocol.UDP).sum();
  }

  /** One port serves towards each target. */
  private static void tuples(int port) throws Exception {
    try (TestServer one = TestServer.start("127.0.0.1", 9_005, TestServer.PROTOCOL);
        TestServer two = TestServer.start("127.0.0.1", 9_006, TestServer.PROTOCOL);
        TestDaemon daemon =
            TestDaemon.start(
                1,
                port,
                "targets: [\"127.0.0.1:9005\", \"127.0.0.1:9006\"], retries: 0,"
                    + " select: round-robin, source: 127.0.7.3")) {
      List<Socket> clients = new ArrayList<>();
      for (int i = 0; i < 2 * PORTS; i++) {
        clients.add(connect("127.0.0.1", port));
        daemon.awaitSessions(i + 1);
      }
      TestDaemon.until("all connected", () -> one.accepted() == PORTS && two.accepted() == PORTS);
      check("none was refused", daemon.drops(Refusal.NO_SOURCE_PORT) == 0);
      for (Socket client : clients) {
        client.close();
      }
      System.out.println("a port for each target");
    }
  }

  /** They hold their ports on this machine themselves, so that the daemon needs others. */
  private static void transparent(int port) throws Exception {
    try (TestServer server = TestServer.start("127.0.0.1", 9_008, TestServer.PROTOCOL);
        TestDaemon daemon =
            TestDaemon.start(1, port, server.targets() + ", retries: 0, source: transparent")) {
      List<Socket> clients = new ArrayList<>();
      for (int i = 0; i < PORTS; i++) {
        clients.add(connect("127.0.7.9", port));
        daemon.awaitSessions(i + 1);
      }
      TestDaemon.until("all connected", () -> server.accepted() == PORTS);
      for (int i = 0; i < 4; i++) {
        check("more of this client are reset", !isServed("127.0.7.9", port));
      }
      check("counted", daemon.drops(Refusal.NO_SOURCE_PORT) == 4);
      check("nobody waits for it", daemon.counters().acceptPauses().sum() == 0);
      check("nor is the target blamed", daemon.destination().targets().getFirst().isUp());
      check("another client is served", isServed("127.0.7.8", port));
      for (Socket client : clients) {
        client.close();
      }
      System.out.println("one client's ports are its own");
    }
  }

  private static void check(String what, boolean holds) {
    if (!holds) {
      throw new IllegalStateException("not so: " + what);
    }
  }

  /** From a port of our own choice, so as to leave the four to the daemon. */
  private static Socket connect(String from, int port) throws IOException {
    Socket client = new Socket();
    client.bind(new InetSocketAddress(InetAddress.ofLiteral(from), nextClientPort++));
    client.connect(new InetSocketAddress(Streams.LOOPBACK, port));
    client.setSoTimeout(5_000);
    return client;
  }

  private static boolean isServed(int port) {
    return isServed("127.0.0.1", port);
  }

  private static boolean isServed(String from, int port) {
    try (Socket client = connect(from, port)) {
      Streams.send(client, "DL 10\n");
      return Streams.readAll(client.getInputStream()).bytes() == 10;
    } catch (IOException _) {
      return false;
    }
  }
}
