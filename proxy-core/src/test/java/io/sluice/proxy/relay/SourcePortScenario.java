package io.sluice.proxy.relay;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.observe.Refusal;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;

/** Runs where there are four local ports, and says how the daemon fared when it needed a fifth. */
final class SourcePortScenario {
  private static final int PORTS = 4;
  private static int nextClientPort = 20_000;

  private SourcePortScenario() {}

  public static void main(String[] arguments) throws Exception {
    int port = 9_000;
    try (TestServer server = TestServer.start("127.0.0.1", 9_001, TestServer.PROTOCOL);
        TestDaemon daemon = TestDaemon.start(1, port, server.targets() + ", retries: 0")) {
      List<Socket> clients = new ArrayList<>();
      for (int i = 0; i < PORTS; i++) {
        clients.add(connect(port));
      }
      daemon.awaitSessions(PORTS);
      TestDaemon.until("all connected", () -> server.accepted() == PORTS);
      recovers(daemon, clients, () -> isServed(port));
      System.out.println("recovered");
    }
    System.exit(0);
  }

  /** The next client finds no port and is reset, and served when the others are gone. */
  static void recovers(TestDaemon daemon, List<Socket> clients, Callable<Boolean> isServed)
      throws Exception {
    check("the next one is reset", !isServed.call());
    check("counted", daemon.drops(Refusal.NO_SOURCE_PORT) == 1);
    check("paused", daemon.counters().acceptPauses().sum() == 1);
    for (Socket client : clients) {
      client.close();
    }
    daemon.awaitSessions(0);
    TestDaemon.until("it serves again", isServed);
  }

  private static void check(String what, boolean holds) {
    if (!holds) {
      throw new IllegalStateException("not so: " + what);
    }
  }

  /** From a port of our own choice, so as to leave the four to the daemon. */
  private static Socket connect(int port) throws IOException {
    Socket client = new Socket();
    client.bind(new InetSocketAddress(Streams.LOOPBACK, nextClientPort++));
    client.connect(new InetSocketAddress(Streams.LOOPBACK, port));
    client.setSoTimeout(5_000);
    return client;
  }

  private static boolean isServed(int port) throws IOException {
    try (Socket client = connect(port)) {
      Streams.send(client, "DL 10\n");
      return Streams.readAll(client.getInputStream()).bytes() == 10;
    } catch (SocketException _) {
      return false;
    }
  }
}
