package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.HostPort;
import io.sluice.proxy.Pace;
import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.admin.HttpAsker;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The real daemon, taken over by others one after the other, while it has traffic. */
@Timeout(300)
final class TakeoverIT {
  private static final int TAKEOVERS = 3;
  private static final long BULK_BYTES = 48 << 20;

  @TempDir private Path directory = Path.of(".");
  private final int port = TestDaemon.freePort();
  private final int admin = TestDaemon.freePort();
  private final List<String> failures = Collections.synchronizedList(new ArrayList<>());
  private final AtomicBoolean isOver = new AtomicBoolean();

  private Path file(int loops, TestServer server, int udpTarget) throws IOException {
    return Files.writeString(
        directory.resolve("sluice.yaml"),
        """
        version: 1
        loops: %d
        admin: {http: "127.0.0.1:%d", socket: "%s"}
        bindings:
          - {label: web, protocol: tcp, prefix: 127.0.0.1/32, port: %d}
          - {label: dns, protocol: udp, prefix: 127.0.0.0/8, port: %4$d}
        destinations:
          - {label: web, protocol: tcp, %s}
          - {label: dns, protocol: udp, targets: ["127.0.0.1:%d"]}
        """
            .formatted(
                loops, admin, directory.resolve("admin.sock"), port, server.targets(), udpTarget));
  }

  private SluiceProcess start(Path file, String... more) throws IOException {
    List<String> arguments = new ArrayList<>(List.of("run", "-f", file.toString()));
    arguments.addAll(List.of(more));
    return SluiceProcess.start(
            directory, SluiceProcess.sluice(List.of(), arguments.toArray(String[]::new)))
        .awaitLine("ready");
  }

  /** Has one take over from the other; the first has ended then. */
  private SluiceProcess takenOver(SluiceProcess old, Path file) throws Exception {
    SluiceProcess next = start(file, "--takeover");
    assertThat(old.awaitExit()).isZero();
    assertThat(old.output()).contains("handed over").contains("stopped sessionsEnded=0");
    return next;
  }

  /** New connections, one after the other, until it is over. */
  private int askAgainAndAgain(AtomicInteger served) {
    while (!isOver.get()) {
      try (Socket connection = Streams.connect(port)) {
        Streams.send(connection, "DL 100\n");
        long bytes = Streams.readAll(connection.getInputStream()).bytes();
        if (bytes != 100) {
          failures.add(bytes + " bytes came of a short one");
        }
        served.incrementAndGet();
        Pace.pause(2); // or the next daemon has no processor to start with
      } catch (IOException failure) {
        failures.add("a short one: " + failure);
      }
    }
    return served.get();
  }

  /** A download that is read in pieces, with pauses, so that it outlives several takeovers. */
  private Streams.Read download(int pieceBytes, long pauseMillis) throws IOException {
    try (Socket connection = Streams.connect(port)) {
      connection.setSoTimeout(60_000);
      Streams.send(connection, "DL " + BULK_BYTES + "\n");
      return Streams.readSlowly(connection.getInputStream(), pieceBytes, pauseMillis);
    }
  }

  /** An upload until it is over; the server's answer, and what it should have been. */
  private List<String> upload(int pieceBytes, long pauseMillis) throws IOException {
    try (Socket connection = Streams.connect(port)) {
      connection.setSoTimeout(60_000);
      Streams.send(connection, "UP\n");
      long sent = 0;
      while (!isOver.get()) {
        Streams.sendPattern(connection.getOutputStream(), 1 << 16); // whole blocks of the pattern
        sent += 1 << 16;
        if (sent % pieceBytes == 0) {
          Pace.pause(pauseMillis);
        }
      }
      connection.shutdownOutput();
      String answer =
          new String(connection.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      return List.of(answer.strip(), sent + " " + Streams.patternChecksum(sent));
    }
  }

  private static String ask(DatagramSocket client, InetSocketAddress to, String text)
      throws IOException {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    client.send(new DatagramPacket(bytes, bytes.length, to));
    DatagramPacket answer = new DatagramPacket(new byte[1500], 1500);
    client.receive(answer);
    return new String(answer.getData(), 0, answer.getLength(), StandardCharsets.UTF_8);
  }

  /** Answers each datagram with itself, and notes from which ports it was asked. */
  private static void echo(DatagramSocket server, Set<Integer> sources) {
    DatagramPacket packet = new DatagramPacket(new byte[1500], 1500);
    try {
      while (true) {
        packet.setLength(1500);
        server.receive(packet);
        sources.add(packet.getPort());
        server.send(packet);
      }
    } catch (IOException _) {
      // Closed.
    }
  }

  /** How many connections have ended, as the metrics say. */
  private long sessions() throws IOException {
    return new HttpAsker(HostPort.parse("127.0.0.1:" + admin))
        .get("/metrics")
        .lines()
        .filter(it -> it.startsWith("sluice_sessions_total{") && it.contains("target_closed"))
        .mapToLong(it -> (long) Double.parseDouble(it.substring(it.lastIndexOf(' ') + 1)))
        .sum();
  }

  @Test
  void connectionsAndFlowsLiveOnInTheNextDaemon() throws Exception {
    Set<Integer> sources = ConcurrentHashMap.newKeySet();
    AtomicInteger served = new AtomicInteger();
    try (ExecutorService clients = Executors.newCachedThreadPool();
        TestServer server = TestServer.start(TestServer.PROTOCOL);
        DatagramSocket dns = new DatagramSocket(new InetSocketAddress(Streams.LOOPBACK, 0));
        DatagramSocket asking = new DatagramSocket(new InetSocketAddress(Streams.LOOPBACK, 0))) {
      var _ = clients.submit(() -> echo(dns, sources));
      asking.setSoTimeout(10_000);
      InetSocketAddress ask = new InetSocketAddress(Streams.LOOPBACK, port);
      Path file = file(2, server, dns.getLocalPort());
      SluiceProcess daemon = start(file);
      Future<Integer> shorts = clients.submit(() -> askAgainAndAgain(served));
      List<Future<Streams.Read>> downloads = new ArrayList<>();
      List<Future<List<String>>> uploads = new ArrayList<>();
      for (int i = 0; i < 2; i++) {
        downloads.add(clients.submit(() -> download(1 << 18, 100))); // splices
        downloads.add(clients.submit(() -> download(1 << 14, 6)));
        uploads.add(clients.submit(() -> upload(1 << 20, 100)));
        uploads.add(clients.submit(() -> upload(1 << 16, 5)));
      }
      try (Socket idle = Streams.connect(port);
          Socket halfClosed = Streams.connect(port);
          Socket targetEnded = Streams.connect(port)) {
        Streams.send(idle, "ECHO\n");
        Streams.send(halfClosed, "UP\nabc");
        Streams.send(targetEnded, "SRVFIRST\n");
        assertThat(Streams.text(targetEnded, 100)).isEqualTo("bye\n");
        assertThat(ask(asking, ask, "first")).isEqualTo("first");
        TestDaemon.until("some have ended", () -> served.get() > 100);
        long counted = 100;
        for (int i = 0; i < TAKEOVERS; i++) {
          daemon = takenOver(daemon, file);
          int before = served.get();
          TestDaemon.until("new connections are served", () -> served.get() > before + 10);
          Streams.send(idle, "echo" + i);
          assertThat(Streams.text(idle, 5)).isEqualTo("echo" + i);
          Streams.send(targetEnded, "still read");
          assertThat(ask(asking, ask, "again " + i)).isEqualTo("again " + i);
          long now = sessions();
          assertThat(now).as("a counter goes on").isGreaterThanOrEqualTo(counted).isPositive();
          counted = now;
        }
        halfClosed.shutdownOutput();
        assertThat(Streams.text(halfClosed, 100)).startsWith("3 ");
      } finally {
        isOver.set(true);
        dns.close();
      }
      for (Future<Streams.Read> it : downloads) {
        assertThat(it.get())
            .isEqualTo(new Streams.Read(BULK_BYTES, Streams.patternChecksum(BULK_BYTES), false));
      }
      for (Future<List<String>> it : uploads) {
        assertThat(it.get().getFirst()).isEqualTo(it.get().getLast());
      }
      assertThat(shorts.get()).isPositive();
      assertThat(failures).isEmpty();
      assertThat(sources).as("a flow keeps its socket").hasSize(1);
      daemon.close();
    }
  }
}
