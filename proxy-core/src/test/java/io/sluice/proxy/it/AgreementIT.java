package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.Lookup;
import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;
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
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Asks {@code sluice explain} and the running daemon the same 10,000 random lookups. The daemon's
 * answer is what a client sees: which server answered it, or that it was refused. Rules and
 * bindings are random too, with nested prefixes, source prefixes, drops, ordinary listeners, and
 * groups of several targets whose choice depends on the client's address and port.
 */
final class AgreementIT {
  private static final long SEED = 20_261_121;
  private static final int TCP_LOOKUPS = 8_000;
  private static final int UDP_LOOKUPS = 2_000;
  private static final int PORTS = 6;
  private static final int FIRST_PORT = 7_300;
  private static final int SERVERS = 8;
  private static final int QUIET_MILLIS = 2_000;
  private static final String REFUSED = "refused";

  private final Random random = new Random(SEED);
  private final List<AutoCloseable> open = new ArrayList<>();

  @Test
  void explainAndTheDaemonAgreeOnTenThousandRandomLookups(@TempDir Path directory)
      throws Exception {
    try {
      List<Integer> tcp = startTcpServers();
      List<Integer> udp = startUdpServers();
      Path file = Files.writeString(directory.resolve("sluice.yaml"), configuration(tcp, udp));
      SluiceProcess daemon =
          SluiceProcess.start(
              directory, SluiceProcess.sluice(List.of(), "run", "-f", file.toString()));
      open.add(daemon);
      daemon.awaitLine("ready");

      List<Lookup> lookups = new ArrayList<>();
      List<String> seen = new ArrayList<>();
      for (int i = 0; i < TCP_LOOKUPS; i++) {
        askTcp(lookups, seen);
      }
      askUdp(lookups, seen);
      assertThat(lookups).hasSize(TCP_LOOKUPS + UDP_LOOKUPS);
      List<String> explained = explain(directory, file, lookups);
      List<String> differences =
          IntStream.range(0, lookups.size())
              .filter(i -> !explained.get(i).equals(seen.get(i)))
              .mapToObj(i -> lookups.get(i) + ": " + explained.get(i) + ", saw " + seen.get(i))
              .toList();
      long refused = seen.stream().filter(REFUSED::equals).count();
      System.out.printf(
          "explain and daemon: %d lookups, %d refused, %d servers seen, %d differences%n",
          lookups.size(), refused, seen.stream().distinct().count() - 1, differences.size());
      assertThat(differences).as("seed %d", SEED).isEmpty();
      assertThat(refused).as("both outcomes occur").isBetween(500L, 9_500L);
    } finally {
      for (AutoCloseable it : open.reversed()) {
        it.close();
      }
    }
  }

  // ---- servers that say who they are

  private List<Integer> startTcpServers() throws IOException {
    ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    List<Integer> ports = new ArrayList<>();
    for (int i = 0; i < SERVERS; i++) {
      ServerSocket server = new ServerSocket(0, 512, InetAddress.ofLiteral("127.0.0.1"));
      String name = "127.0.0.1:" + server.getLocalPort();
      ports.add(server.getLocalPort());
      open.add(server);
      var _ =
          threads.submit(() -> {
            while (true) {
              Socket client = server.accept();
              client.getOutputStream().write(name.getBytes(StandardCharsets.US_ASCII));
              client.close();
            }
          });
    }
    open.add(threads::shutdownNow);
    return ports;
  }

  private List<Integer> startUdpServers() throws IOException {
    List<Integer> ports = new ArrayList<>();
    for (int i = 0; i < SERVERS; i++) {
      DatagramSocket server =
          new DatagramSocket(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 0));
      byte[] name = ("127.0.0.1:" + server.getLocalPort()).getBytes(StandardCharsets.US_ASCII);
      ports.add(server.getLocalPort());
      open.add(server);
      Thread.ofVirtual()
          .start(() -> {
            DatagramPacket packet = new DatagramPacket(new byte[64], 64);
            try {
              while (true) {
                server.receive(packet);
                server.send(new DatagramPacket(name, name.length, packet.getSocketAddress()));
              }
            } catch (IOException _) {
              // Closed at the end of the test.
            }
          });
    }
    return ports;
  }

  // ---- a random configuration

  private String configuration(List<Integer> tcp, List<Integer> udp) {
    StringBuilder yaml = new StringBuilder("version: 1\ncapture:\n");
    yaml.append("  - {name: all, addresses: [127.0.0.0/9], ports: [\"");
    yaml.append(FIRST_PORT).append('-').append(FIRST_PORT + PORTS - 1).append("\"]}\n");
    yaml.append("  - {name: one, addresses: [127.128.0.1], ports: [").append(FIRST_PORT);
    yaml.append("]}\nbindings:\n");
    List<String> used = new ArrayList<>();
    for (int i = 0; i < 40; i++) {
      String prefix = prefix(i == 0 ? 16 : 20 + random.nextInt(13));
      String port = random.nextInt(3) == 0 ? "any" : String.valueOf(port());
      if (!used.contains(prefix + port)) {
        used.add(prefix + port);
        yaml.append("  - {label: ").append(label()).append(", prefix: ").append(prefix);
        yaml.append(", port: ").append(port).append("}\n");
      }
    }
    yaml.append("programs:\n  - name: first\n    rules:\n");
    for (int i = 0; i < 12; i++) {
      rule(yaml);
    }
    yaml.append("  - {name: bindings, builtin: bindings}\n  - name: last\n    rules:\n");
    for (int i = 0; i < 12; i++) {
      rule(yaml);
    }
    yaml.append("listeners:\n");
    for (String protocol : List.of("tcp", "udp")) {
      yaml.append("  - {protocol: ").append(protocol).append(", address: 0.0.0.0, port: ");
      yaml.append(FIRST_PORT).append(", destination: l0}\n");
      yaml.append("  - {protocol: ").append(protocol).append(", address: 127.1.0.1, port: ");
      yaml.append(FIRST_PORT + 1).append(", destination: l1}\n");
    }
    yaml.append("destinations:\n");
    String[] selects = {"hash", "source", "hash", "source"};
    for (int label = 0; label < 4; label++) {
      destination(yaml, label, "tcp", tcp, selects[label]);
      destination(yaml, label, "udp", udp, selects[label]);
    }
    return yaml.append("admin: {http: \"127.0.0.1:0\"}\nlimits: {drain: 1s}\n").toString();
  }

  private static void destination(
      StringBuilder yaml, int label, String protocol, List<Integer> ports, String select) {
    String targets =
        ports.subList(label * 2, label * 2 + (label == 0 ? 1 : 2)).stream()
            .map(it -> "\"127.0.0.1:" + it + "\"")
            .collect(Collectors.joining(", "));
    yaml.append("  - {label: l").append(label).append(", protocol: ").append(protocol);
    yaml.append(", targets: [").append(targets).append("], select: ").append(select).append("}\n");
  }

  private void rule(StringBuilder yaml) {
    yaml.append("      - {");
    if (random.nextBoolean()) {
      yaml.append("from: ").append(prefix(12 + random.nextInt(6))).append(", ");
    }
    yaml.append("to: ").append(prefix(16 + random.nextInt(14))).append(", ");
    if (random.nextBoolean()) {
      int first = port();
      int last = Math.min(FIRST_PORT + PORTS - 1, first + random.nextInt(3));
      yaml.append("port: \"").append(first).append('-').append(last).append("\", ");
    }
    if (random.nextInt(3) == 0) {
      yaml.append("protocol: ").append(random.nextBoolean() ? "tcp" : "udp").append(", ");
    }
    yaml.append(
        switch (random.nextInt(5)) {
          case 0 -> "drop: true";
          case 1 -> "pass: true";
          case 2 -> "assign: " + label() + ", replace: true";
          case 3 -> "assign: " + label() + ", noReuseport: true";
          default -> "assign: " + label();
        });
    yaml.append("}\n");
  }

  private String label() {
    return "l" + random.nextInt(4);
  }

  private int port() {
    return FIRST_PORT + random.nextInt(PORTS);
  }

  /** Within 127.0.0.0/8, in few enough places that prefixes nest. */
  private String prefix(int length) {
    int bits = 0x7f00_0000 | random.nextInt(3) << 16 | random.nextInt(2) << 8 | random.nextInt(4);
    int network = bits & (int) (-1L << (32 - length));
    return IpAddress.ipv4(network) + "/" + length;
  }

  // ---- random lookups

  private IpAddress address() {
    return IpAddress.ipv4(
        0x7f00_0000 | random.nextInt(4) << 16 | random.nextInt(3) << 8 | 1 + random.nextInt(6));
  }

  private static InetAddress inet(IpAddress address) throws IOException {
    return InetAddress.getByAddress(address.toBytes());
  }

  private void askTcp(List<Lookup> lookups, List<String> seen) throws IOException {
    IpAddress remote = address();
    IpAddress local = address();
    int port = port();
    try (Socket socket = new Socket()) {
      socket.setReuseAddress(true);
      socket.bind(new InetSocketAddress(inet(remote), 0));
      lookups.add(new Lookup(Protocol.TCP, remote, socket.getLocalPort(), local, port));
      socket.setSoTimeout(10_000);
      try {
        socket.connect(new InetSocketAddress(inet(local), port), 10_000);
        byte[] name = socket.getInputStream().readAllBytes();
        seen.add(name.length == 0 ? "nothing" : new String(name, StandardCharsets.US_ASCII));
      } catch (IOException refused) {
        String why = String.valueOf(refused.getMessage());
        seen.add(why.contains("reset") || why.contains("refused") ? REFUSED : why);
      }
    }
  }

  /** Sends all, and waits until nothing has come for a while: no answer is a refusal. */
  private void askUdp(List<Lookup> lookups, List<String> seen) throws Exception {
    List<DatagramSocket> sockets = new ArrayList<>();
    int first = seen.size();
    try {
      for (int i = 0; i < UDP_LOOKUPS; i++) {
        IpAddress remote = address();
        IpAddress local = address();
        int port = port();
        DatagramSocket socket = new DatagramSocket(new InetSocketAddress(inet(remote), 0));
        sockets.add(socket);
        lookups.add(new Lookup(Protocol.UDP, remote, socket.getLocalPort(), local, port));
        socket.send(new DatagramPacket(new byte[1], 1, new InetSocketAddress(inet(local), port)));
        seen.add(REFUSED);
      }
      long quietSince = System.nanoTime();
      for (int i = 0; i < UDP_LOOKUPS; i++) {
        long left = QUIET_MILLIS - (System.nanoTime() - quietSince) / 1_000_000;
        sockets.get(i).setSoTimeout((int) Math.max(1, left));
        DatagramPacket packet = new DatagramPacket(new byte[64], 64);
        try {
          sockets.get(i).receive(packet);
          seen.set(
              first + i,
              new String(packet.getData(), 0, packet.getLength(), StandardCharsets.US_ASCII));
        } catch (IOException _) {
          // No answer: it stays refused.
        }
      }
    } finally {
      sockets.forEach(DatagramSocket::close);
    }
  }

  // ---- what explain says

  private static final Pattern VERDICT =
      Pattern.compile(
          "\\{\"verdict\":\"(\\w+)\",\"label\":[^,]+,\"target\":(null|\"[^\"]+\"),\"reason\":(null|\"\\w+\"),.*");

  private static List<String> explain(Path directory, Path file, List<Lookup> lookups)
      throws Exception {
    Path in = directory.resolve("lookups");
    Files.write(in, lookups.stream().map(Lookup::toString).toList());
    Process process =
        new ProcessBuilder(
                SluiceProcess.sluice(
                    List.of(), "explain", "-f", file.toString(), "-o", "json", "-"))
            .redirectInput(in.toFile())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    List<String> answers =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8)
            .lines()
            .map(AgreementIT::target)
            .toList();
    assertThat(process.waitFor()).isZero();
    assertThat(answers).hasSameSizeAs(lookups);
    return answers;
  }

  private static String target(String json) {
    Matcher matcher = VERDICT.matcher(json);
    assertThat(matcher.matches()).as(json).isTrue();
    boolean refused = !matcher.group(3).equals("null");
    return refused ? REFUSED : matcher.group(2).replace("\"", "");
  }
}
