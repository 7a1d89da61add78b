package io.sluice.proxy.it;

import io.sluice.config.HostPort;
import io.sluice.proxy.Pace;
import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.admin.HttpAsker;
import io.sluice.proxy.api.SocketAsker;
import io.sluice.steering.IpAddress;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.awaitility.Awaitility;

/**
 * A daemon to which everything happens that an alert is for, and that serves traffic all the time:
 *
 * <pre>
 *   web     a good target and one that nobody listens on; holds the connections that make the limit near
 *   rare    a dead target, asked once in six seconds
 *   shut    a dead target, asked all the time
 *   full    maxConnections: 1, and it is taken
 *   later   a label that was bound at run time and has no target
 *   echo    UDP
 *   checked a good target with a check
 *   taken   a capture whose port somebody else has
 * </pre>
 */
final class TroubledDaemon implements AutoCloseable {
  private static final int MOST_CONNECTIONS = 60;
  private static final int HELD = 51;
  private static final Duration START = Duration.ofSeconds(60);
  private static final int RARELY_MILLIS = 6_000;

  final int adminPort = TestDaemon.freePort();
  final Path socket;
  private final Path file;
  private final String[] names = {
    "web", "rare", "shut", "full", "later", "echo", "checked", "taken"
  };
  private final int[] ports = new int[names.length];
  private final List<AutoCloseable> open = Collections.synchronizedList(new ArrayList<>());
  private final SluiceProcess sluice;
  private volatile boolean isOver;

  TroubledDaemon(Path directory) throws Exception {
    socket = directory.resolve("admin.sock");
    file = directory.resolve("sluice.yaml");
    for (int i = 0; i < ports.length; i++) {
      ports[i] = TestDaemon.freePort();
    }
    TestServer good = keep(TestServer.start(TroubledDaemon::echo));
    DatagramSocket datagrams = keep(new DatagramSocket(0, Streams.LOOPBACK));
    Thread.ofVirtual().start(() -> echo(datagrams));
    ServerSocket _ = keep(new ServerSocket(port("taken"), 1, Streams.LOOPBACK));
    Files.writeString(file, configuration(good.port(), datagrams.getLocalPort()));
    // A log that can't be written fills its queue.
    List<String> deaf = List.of("sh", "-c", "exec \"$@\" 2>/dev/full", "sh");
    sluice =
        keep(
            SluiceProcess.start(
                directory, SluiceProcess.sluice(deaf, "run", "-f", file.toString())));
    Awaitility.await("it is ready").atMost(START).until(this::isReady);
    bind("later");
    cause();
  }

  private <T extends AutoCloseable> T keep(T it) {
    open.add(it);
    return it;
  }

  int port(String name) {
    return ports[List.of(names).indexOf(name)];
  }

  private boolean isReady() {
    try {
      return get("/readyz").startsWith("HTTP/1.1 200");
    } catch (IOException _) {
      return false;
    }
  }

  String get(String path) throws IOException {
    return new HttpAsker(new HostPort(IpAddress.parse("127.0.0.1"), adminPort)).get(path);
  }

  private void bind(String label) throws IOException {
    String path =
        "/bind?label=%s&protocol=tcp&prefix=127.0.0.1/32&port=%d".formatted(label, port(label));
    String answer = new SocketAsker(socket).ask("POST", path, "");
    if (!answer.startsWith("HTTP/1.1 200")) {
      throw new IllegalStateException(answer);
    }
  }

  private String configuration(int server, int datagramServer) {
    StringBuilder bindings = new StringBuilder();
    for (String label : List.of("web", "rare", "shut", "full", "checked")) {
      bindings.append(
          "  - {label: %s, protocol: tcp, prefix: 127.0.0.1/32, port: %d}\n"
              .formatted(label, port(label)));
    }
    return """
    version: 1
    loops: 1
    capture:
      - {name: tcp, protocols: [tcp], addresses: [127.0.0.1/32], ports: [%s]}
      - {name: udp, protocols: [udp], addresses: [127.0.0.1/32], ports: [%d]}
      - {name: taken, protocols: [tcp], addresses: [127.0.0.1/32], ports: [%d]}
    bindings:
    %s  - {label: echo, protocol: udp, prefix: 127.0.0.1/32, port: %d}
    destinations:
      - {label: web, protocol: tcp, select: round-robin, retries: 1, targets: ["127.0.0.1:%d", "127.0.0.1:1"]}
      - {label: rare, protocol: tcp, targets: ["127.0.0.1:2"]}
      - {label: shut, protocol: tcp, targets: ["127.0.0.1:3"]}
      - {label: full, protocol: tcp, maxConnections: 1, targets: ["127.0.0.1:%d"]}
      - {label: checked, protocol: tcp, targets: ["127.0.0.1:%d"], check: {tcp: {}, interval: 1s}}
      - {label: echo, protocol: udp, targets: ["127.0.0.1:%d"]}
    limits: {connections: %d, drain: 0s}
    admin: {http: "127.0.0.1:%d", socket: %s}
    """
        .formatted(
            String.join(
                ", ",
                List.of("web", "rare", "shut", "full", "later", "checked").stream()
                    .map(it -> String.valueOf(port(it)))
                    .toList()),
            port("echo"),
            port("taken"),
            bindings,
            port("echo"),
            server,
            server,
            server,
            datagramServer,
            MOST_CONNECTIONS,
            adminPort,
            socket);
  }

  private void cause() throws IOException {
    for (int i = 0; i < HELD; i++) {
      Socket held = keep(Streams.connect(port("web")));
      Streams.send(held, "x");
      held.getInputStream().read(); // it goes all the way
    }
    Socket only = keep(Streams.connect(port("full")));
    Streams.send(only, "x");
    only.getInputStream().read();
    again(RARELY_MILLIS, () -> ask("rare"));
    again(1, () -> ask("shut"));
    again(100, () -> ask("full"));
    again(100, () -> ask("later"));
    again(100, () -> ask("web"));
    again(100, this::askByUdp);
  }

  private interface Request {
    void send() throws IOException;
  }

  private void again(long everyMillis, Request request) {
    Thread.ofVirtual()
        .start(() -> {
          while (!isOver) {
            try {
              request.send();
            } catch (IOException _) {
              // Refused: that is what it is for.
            }
            Pace.pause(everyMillis);
          }
        });
  }

  private void ask(String label) throws IOException {
    try (Socket client = Streams.connect(port(label))) {
      Streams.send(client, "hello");
      client.shutdownOutput();
      byte[] _ = client.getInputStream().readAllBytes();
    }
  }

  private void askByUdp() throws IOException {
    try (DatagramSocket client = new DatagramSocket()) {
      client.setSoTimeout(1_000);
      DatagramPacket packet = new DatagramPacket(new byte[64], 64, Streams.LOOPBACK, port("echo"));
      client.send(packet);
      client.receive(packet);
    }
  }

  private static void echo(Socket connection) throws IOException {
    long _ = connection.getInputStream().transferTo(connection.getOutputStream());
  }

  private static void echo(DatagramSocket socket) {
    try {
      while (true) {
        DatagramPacket packet = new DatagramPacket(new byte[64], 64);
        socket.receive(packet);
        socket.send(packet);
      }
    } catch (IOException _) {
      // Closed.
    }
  }

  /** Has it read a file that is wrong. */
  void reloadWrongly() throws IOException, InterruptedException {
    String right = Files.readString(file);
    Files.writeString(file, "version: 1\nnonsense: true\n");
    sluice.signal("HUP");
    TestDaemon.until(
        "it was refused",
        () -> get("/metrics").contains("sluice_config_reloads_total{result=\"refused\"} 1.0"));
    Files.writeString(file, right);
  }

  /**
   * Leaves it hardly a descriptor more than it has: whoever comes is accepted, and there is none
   * for the target.
   */
  void starve() throws IOException, InterruptedException {
    String text = get("/metrics");
    int at = text.indexOf("\nprocess_open_fds ") + "\nprocess_open_fds ".length();
    long has = (long) Double.parseDouble(text.substring(at, text.indexOf('\n', at)));
    int _ =
        new ProcessBuilder("prlimit", "--pid", "" + sluice.pid(), "--nofile=" + (has + 1))
            .start()
            .waitFor();
  }

  /** Has its Java clean up once, so that this is counted. */
  void collectGarbage() throws IOException, InterruptedException {
    String jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd").toString();
    int _ = new ProcessBuilder(jcmd, "" + sluice.pid(), "GC.run").start().waitFor();
  }

  @Override
  public void close() throws Exception {
    isOver = true;
    for (AutoCloseable it : open.reversed()) {
      it.close();
    }
  }
}
