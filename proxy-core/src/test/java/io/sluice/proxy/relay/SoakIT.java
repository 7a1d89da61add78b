package io.sluice.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Pace;
import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Two thousand connections at a time, opened and closed at random, and UDP flows beside them, leave
 * nothing behind. {@code -Dsluice.soak.seconds=} says for how long; {@code make torture} takes a
 * minute.
 */
@Timeout(300)
final class SoakIT {
  private static final int CONNECTIONS = 2_000;
  private static final int LOOPS = 2;
  private static final int PIPE_ENDS = 2 * 64 * LOOPS; // what the loops may keep

  private static final int UDP_CLIENTS = 200;

  private final int port = TestDaemon.freePort();
  private final AtomicInteger opened = new AtomicInteger();
  private final AtomicInteger flows = new AtomicInteger();
  private final AtomicInteger wrong = new AtomicInteger();

  @Test
  void randomConnectionsAndFlowsLeavesNoDescriptorAndNoFlowBehind() throws Exception {
    long seed = System.nanoTime();
    long seconds = Integer.getInteger("sluice.soak.seconds", 3);
    SplittableRandom seeds = new SplittableRandom(seed);
    try (TestServer server = TestServer.start(TestServer.PROTOCOL);
        DatagramSocket echo = echo();
        TestDaemon daemon = TestDaemon.start(configuration(server, echo.getLocalPort()))) {
      use(new SplittableRandom(1)); // whatever the JVM opens once
      daemon.awaitSessions(0);
      int socketsBefore = descriptors("socket:");
      int pipesBefore = descriptors("pipe:");
      long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
      List<Thread> clients = new ArrayList<>();
      for (int i = 0; i < CONNECTIONS; i++) {
        SplittableRandom random = seeds.split();
        clients.add(
            Thread.ofVirtual()
                .start(() -> {
                  while (System.nanoTime() < end) {
                    use(random);
                  }
                }));
      }
      for (int i = 0; i < UDP_CLIENTS; i++) {
        SplittableRandom random = seeds.split();
        clients.add(
            Thread.ofVirtual()
                .start(() -> {
                  while (System.nanoTime() < end) {
                    useFlow(random);
                  }
                }));
      }
      int most = 0;
      while (System.nanoTime() < end) {
        most = Math.max(most, daemon.sessions());
        Pace.pause(50);
      }
      for (Thread client : clients) {
        client.join();
      }
      daemon.awaitSessions(0);
      TestDaemon.until("no socket is left", () -> descriptors("socket:") <= socketsBefore);
      int pipes = descriptors("pipe:") - pipesBefore;
      System.out.printf(
          "soak: seconds=%d connections=%d flows=%d most at once=%d sockets left=%d pipe ends=%d%n",
          seconds, opened.get(), flows.get(), most, descriptors("socket:") - socketsBefore, pipes);
      assertThat(wrong.get()).as("wrong answers, seed %d", seed).isZero();
      assertThat(pipes).isLessThanOrEqualTo(PIPE_ENDS);
      assertThat(daemon.destination().traffic().active()).isZero();
      assertThat(daemon.destination().targets().getFirst().active()).isZero();
      assertThat(opened.get()).isGreaterThan(CONNECTIONS);
    }
  }

  private String configuration(TestServer server, int echoPort) {
    return """
    loops: %d
    bindings: [{label: web, prefix: 127.0.0.1/32, port: %d}]
    destinations:
      - {label: web, protocol: tcp, %s}
      - {label: web, protocol: udp, targets: ["127.0.0.1:%d"], idleTimeout: 1s}
    """
        .formatted(LOOPS, port, server.targets(), echoPort);
  }

  /** A UDP server that echoes, until it is closed. */
  private static DatagramSocket echo() throws IOException {
    DatagramSocket server = new DatagramSocket(new InetSocketAddress(Streams.LOOPBACK, 0));
    server.setReceiveBufferSize(4 << 20);
    Thread.ofPlatform()
        .daemon()
        .start(() -> {
          DatagramPacket packet = new DatagramPacket(new byte[2048], 2048);
          try {
            while (true) {
              packet.setLength(2048);
              server.receive(packet);
              server.send(packet);
            }
          } catch (IOException _) {
            // Closed at the end of the test.
          }
        });
    return server;
  }

  /** One flow of a few datagrams; some don't wait for the answer. */
  private void useFlow(SplittableRandom random) {
    try (DatagramSocket client = new DatagramSocket()) {
      client.setSoTimeout(10_000);
      flows.incrementAndGet();
      for (int i = 1 + random.nextInt(5); i > 0; i--) {
        byte[] sent = new byte[1 + random.nextInt(1_400)];
        random.nextBytes(sent);
        client.send(
            new DatagramPacket(sent, sent.length, new InetSocketAddress(Streams.LOOPBACK, port)));
        if (random.nextInt(8) == 0) {
          return;
        }
        // Somebody who had this port before may not have waited for his answer: it comes here now.
        DatagramPacket reply = new DatagramPacket(new byte[2048], 2048);
        do {
          reply.setLength(2048);
          client.receive(reply);
        } while (!Arrays.equals(sent, Arrays.copyOf(reply.getData(), reply.getLength())));
      }
      Pace.pause(random.nextInt(100));
    } catch (IOException failure) {
      System.out.println("soak: udp: " + failure);
      wrong.incrementAndGet();
    }
  }

  /** One connection, used in one of many ways. */
  private void use(SplittableRandom random) {
    int bytes = random.nextInt(10) == 0 ? random.nextInt(2_000_000) : random.nextInt(20_000);
    try (Socket client = Streams.connect(port)) {
      opened.incrementAndGet();
      switch (random.nextInt(10)) {
        case 0 -> {} // opened and closed
        case 1 -> Streams.reset(client);
        case 2 -> Streams.send(client, "RST\n");
        case 3 -> Streams.send(client, "DL " + bytes + "\n"); // and closes without reading
        case 4 -> {
          Streams.send(client, "DL " + bytes + "\n");
          Pace.pause(random.nextInt(20));
          Streams.reset(client);
        }
        case 5 -> {
          Streams.send(client, "UP\n");
          Streams.sendPattern(client.getOutputStream(), bytes);
          client.shutdownOutput();
          String right = bytes + " " + Streams.patternChecksum(bytes) + "\n";
          check(Streams.text(client, 100).equals(right));
        }
        case 6 -> {
          Streams.send(client, "ECHO\nabc");
          client.shutdownOutput();
          check(Streams.text(client, 100).equals("abc"));
        }
        case 7 -> {
          Streams.send(client, "SRVFIRST\n");
          check(Streams.text(client, 100).equals("bye\n"));
        }
        case 8 -> Pace.pause(random.nextInt(500)); // stands idle
        default -> {
          Streams.send(client, "DL " + bytes + "\n");
          if (random.nextBoolean()) {
            client.shutdownOutput();
          }
          Streams.Read read = Streams.readAll(client.getInputStream());
          check(read.equals(new Streams.Read(bytes, Streams.patternChecksum(bytes), false)));
        }
      }
      Pace.pause(random.nextInt(50));
    } catch (IOException failure) {
      System.out.println("soak: " + failure);
      wrong.incrementAndGet();
    }
  }

  private void check(boolean right) {
    if (!right) {
      wrong.incrementAndGet();
    }
  }

  private static int descriptors(String kind) throws IOException {
    int count = 0;
    try (DirectoryStream<Path> all = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (Path each : all) {
        try {
          count += Files.readSymbolicLink(each).toString().startsWith(kind) ? 1 : 0;
        } catch (NoSuchFileException _) {
          // Closed meanwhile.
        }
      }
    }
    return count;
  }
}
