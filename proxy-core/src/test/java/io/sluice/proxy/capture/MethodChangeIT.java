package io.sluice.proxy.capture;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.kernel.KernelLookup;
import io.sluice.proxy.linux.Syscalls;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Clients that connect all the time while captures change their method. The property {@code
 * sluice.rounds} has it do more than the usual number of changes.
 */
@Timeout(600)
final class MethodChangeIT {
  private static final int ROUNDS = Integer.getInteger("sluice.rounds", 30);
  private static final int CLIENTS = 4;
  private static final String ADDRESS = "127.0.6.1";

  private final int port = TestDaemon.freePort();
  private final AtomicBoolean isDone = new AtomicBoolean();
  private final AtomicInteger served = new AtomicInteger();
  private final List<String> failed = new ArrayList<>();

  private String configuration(TestServer server, int udpPort, String method) {
    return """
    loops: 2
    capture: [{name: edge, addresses: [127.0.6.0/24], ports: [%d], method: %s}]
    bindings: [{label: web, prefix: 127.0.6.0/24, port: any}]
    destinations:
      - {label: web, protocol: tcp, %s}
      - {label: web, protocol: udp, targets: ["127.0.0.1:%d"], idleTimeout: 1s}
    """
        .formatted(port, method, server.targets(), udpPort);
  }

  private void connectAllTheTime() {
    while (!isDone.get()) {
      try (Socket client = Streams.connect(ADDRESS, port)) {
        assertThat(Streams.text(client, 1)).isEqualTo("a");
        served.incrementAndGet();
      } catch (IOException | AssertionError failure) {
        fail("tcp " + failure);
      }
    }
  }

  private void askAllTheTime() {
    byte[] question = "q".getBytes(StandardCharsets.US_ASCII);
    while (!isDone.get()) {
      try (DatagramSocket client = new DatagramSocket()) {
        client.setSoTimeout(3_000);
        client.connect(new InetSocketAddress(ADDRESS, port));
        for (int i = 0; i < 20; i++) {
          client.send(new DatagramPacket(question, question.length));
          client.receive(new DatagramPacket(new byte[8], 8));
          served.incrementAndGet();
        }
      } catch (IOException failure) {
        fail("udp " + failure);
      }
    }
  }

  private synchronized void fail(String what) {
    failed.add(what);
  }

  @Test
  void noConnectionAndNoDatagramIsRefusedWhileTheMethodChanges() throws Exception {
    assumeTrue(new KernelLookup(new Syscalls()).probe() == 0, "needs CAP_BPF and CAP_NET_ADMIN");
    try (TestServer server = TestServer.start(connection -> Streams.send(connection, "a"));
        DatagramSocket echo = new DatagramSocket(0, Streams.LOOPBACK)) {
      Thread echoing = Thread.ofVirtual().start(() -> echo(echo));
      List<Thread> clients = new ArrayList<>();
      try (TestDaemon daemon =
          TestDaemon.start(configuration(server, echo.getLocalPort(), "bind"))) {
        for (int i = 0; i < CLIENTS; i++) {
          clients.add(Thread.ofVirtual().start(this::connectAllTheTime));
        }
        clients.add(Thread.ofVirtual().start(this::askAllTheTime));
        for (int round = 1; round <= ROUNDS; round++) {
          int before = served.get();
          String method = round % 2 == 1 ? "sk_lookup" : "bind";
          daemon.reload(configuration(server, echo.getLocalPort(), method));
          daemon.reconcile();
          TestDaemon.until("the next are served", () -> served.get() > before + 20);
        }
        isDone.set(true);
        for (Thread client : clients) {
          client.join();
        }
        assertThat(failed).as("%d served", served.get()).isEmpty();
        assertThat(daemon.snapshot().generation()).isEqualTo(ROUNDS + 1);
      }
      echo.close();
      echoing.join();
    }
  }

  private static void echo(DatagramSocket socket) {
    byte[] bytes = new byte[16];
    while (!socket.isClosed()) {
      try {
        DatagramPacket packet = new DatagramPacket(bytes, bytes.length);
        socket.receive(packet);
        socket.send(packet);
      } catch (IOException _) {
        // Closed, or the other side is gone.
      }
    }
  }
}
