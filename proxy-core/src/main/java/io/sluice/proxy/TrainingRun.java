package io.sluice.proxy;

import io.sluice.proxy.control.ExitCode;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What {@code scripts/train} runs to learn which classes a start needs: the daemon as {@code sluice
 * run} runs it, on loopback, with connections, datagrams, a scrape and a reload; then SIGTERM.
 */
final class TrainingRun {
  private static final int TIMEOUT_MILLIS = 10_000;
  private static final int ROUNDS = 50;
  private static final int BULK_BYTES = 1 << 20;

  private final ServerSocket server = new ServerSocket(0, 16, loopback());
  private final DatagramSocket echo = new DatagramSocket(0, loopback());
  private final int tcp = freePort();
  private final int udp = freePort();
  private final int admin = freePort();

  private TrainingRun() throws IOException {}

  /** Exit code 0 if the daemon did all of it. */
  public static void main(String[] arguments) throws IOException, InterruptedException {
    Thread.ofPlatform().daemon().start(TrainingRun::endLateOne);
    System.exit(new TrainingRun().run());
  }

  private static void endLateOne() {
    try {
      Thread.sleep(3L * TIMEOUT_MILLIS);
    } catch (InterruptedException _) {
      // Then now.
    }
    Runtime.getRuntime().halt(ExitCode.FAILED);
  }

  private int run() throws IOException, InterruptedException {
    Path file = Files.createTempFile("sluice-training", ".yaml");
    try {
      Files.writeString(
          file,
          """
          version: 1
          bindings:
            - {label: stream, protocol: tcp, prefix: 127.0.0.1/32, port: %d}
            - {label: packet, protocol: udp, prefix: 127.0.0.1/32, port: %d}
          destinations:
            - {label: stream, protocol: tcp, targets: ["127.0.0.1:%d"]}
            - {label: packet, protocol: udp, targets: ["127.0.0.1:%d"]}
          limits: {drain: 1s}
          admin: {http: "127.0.0.1:%d"}
          """
              .formatted(tcp, udp, server.getLocalPort(), echo.getLocalPort(), admin));
      Thread.ofPlatform().daemon().start(this::serveStreams);
      Thread.ofPlatform().daemon().start(this::serveDatagrams);
      Thread.ofPlatform().daemon().start(this::train);
      return Main.run("run", "-f", file.toString());
    } finally {
      Files.deleteIfExists(file);
    }
  }

  private void train() {
    try {
      awaitReady();
      for (int i = 0; i < ROUNDS; i++) {
        askStream(i == 0 ? BULK_BYTES : 100);
        askDatagram();
      }
      get("/metrics");
      signal("HUP");
      while (!get("/metrics").contains("\nsluice_generation 2")) {
        Thread.sleep(10);
      }
      askStream(100);
      signal("TERM");
    } catch (IOException | InterruptedException failure) {
      System.err.println("sluice: " + failure);
      System.exit(ExitCode.FAILED);
    }
  }

  private void awaitReady() throws InterruptedException {
    while (true) {
      try {
        get("/readyz");
        return;
      } catch (IOException _) {
        Thread.sleep(10); // within the bound of endLateOne
      }
    }
  }

  private void askStream(int lengthBytes) throws IOException {
    try (Socket socket = connect(tcp)) {
      Thread writer =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  socket.getOutputStream().write(new byte[lengthBytes]);
                  socket.shutdownOutput();
                } catch (IOException _) {
                  // What is read is too short then.
                }
              });
      int read = socket.getInputStream().readAllBytes().length;
      if (read != lengthBytes) {
        throw new IOException(writer + " wrote " + lengthBytes + ", but back came " + read);
      }
    }
  }

  private void askDatagram() throws IOException {
    try (DatagramSocket socket = new DatagramSocket()) {
      socket.setSoTimeout(TIMEOUT_MILLIS);
      socket.send(new DatagramPacket(new byte[100], 100, loopback(), udp));
      socket.receive(new DatagramPacket(new byte[100], 100));
    }
  }

  private String get(String path) throws IOException {
    try (Socket socket = connect(admin)) {
      String request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
      socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
      return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  private static Socket connect(int port) throws IOException {
    Socket socket = new Socket();
    socket.setSoTimeout(TIMEOUT_MILLIS);
    socket.connect(new InetSocketAddress(loopback(), port), TIMEOUT_MILLIS);
    return socket;
  }

  private void serveStreams() {
    try {
      while (true) {
        try (Socket client = server.accept()) {
          long _ = client.getInputStream().transferTo(client.getOutputStream());
        }
      }
    } catch (IOException _) {
      // The training is over, or will fail, as it has no server.
    }
  }

  private void serveDatagrams() {
    DatagramPacket packet = new DatagramPacket(new byte[512], 512);
    try {
      while (true) {
        echo.receive(packet);
        echo.send(packet);
      }
    } catch (IOException _) {
      // As above.
    }
  }

  /** A signal from outside, so that it takes the way of all signals. */
  private static void signal(String name) throws IOException, InterruptedException {
    long self = ProcessHandle.current().pid();
    int _ = new ProcessBuilder("sh", "-c", "kill -" + name + " " + self).start().waitFor();
  }

  private static InetAddress loopback() {
    return InetAddress.ofLiteral("127.0.0.1");
  }

  private static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, loopback())) {
      return socket.getLocalPort();
    }
  }
}
