package io.sluice.proxy;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.config.Lookup;
import io.sluice.proxy.admin.Explanation;
import io.sluice.proxy.program.TestJar;
import io.sluice.steering.Protocol;
import io.sluice.steering.stream.MessageDrop;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** {@code select: program}: classes compiled here into jars, in a daemon with two loops. */
@Timeout(60)
final class DestinationProgramTest {
  private static final String CLASS = "com.example.P";

  @TempDir private Path directory = Path.of(".");
  private final int port = TestDaemon.freePort();
  @RegisterExtension final Opened open = new Opened();
  private final List<Integer> targets = new ArrayList<>();

  private Path jar() {
    return directory.resolve("p.jar");
  }

  /** Writes the jar. */
  private void program(String head, String body) throws IOException {
    Path _ =
        TestJar.of(
                CLASS,
                """
                package com.example;
                import io.sluice.steering.*;
                import io.sluice.steering.map.*;
                import io.sluice.steering.reuseport.*;
                import io.sluice.steering.stream.*;
                public final class P implements %s {
                  %s
                  @SuppressWarnings("unchecked")
                  static <E extends Throwable> int fail(Throwable failure) throws E {
                    throw (E) failure;
                  }
                }
                """
                    .formatted(head, body))
            .write(jar());
  }

  /** Selects by the parity of the client's port. */
  private void byPort(String even, String odd) throws IOException {
    program(
        "ReuseportProgram",
        "public int run(ReuseportContext c) { return c.selectMember(c.remotePort() % 2 == 0 ? "
            + (even + " : " + odd)
            + ") == 0 ? SK_PASS : SK_DROP; }");
  }

  /** Selects by the parity of the first byte; drops at a dash, throws at an x. */
  private void byFirstByte(int flip) throws IOException {
    program(
        "ReuseportProgram",
        """
        public int run(ReuseportContext c) {
          return switch (c.payload().at(0)) {
            case '-' -> SK_DROP;
            case 'x' -> P.<RuntimeException>fail(new java.io.IOException("x"));
            default -> c.selectMember(%d ^ c.payload().at(0) & 1) == 0 ? SK_PASS : SK_DROP;
          };
        }
        """
            .formatted(flip));
  }

  private String yaml(Protocol protocol, String keys) {
    return """
    loops: 2
    bindings: [{label: it, protocol: %s, prefix: 127.0.0.1/32, port: %d}]
    destinations:
      - label: it
        protocol: %s
        targets: [%s]
        select: program
        program: {jar: %s, class: %s}
        affinity: %s
    """
        .formatted(
            protocol.word(),
            port,
            protocol.word(),
            String.join(", ", targets.stream().map(it -> "\"127.0.0.1:" + it + "\"").toList()),
            jar(),
            CLASS,
            keys);
  }

  private TestDaemon daemon(Protocol protocol, String keys) throws Exception {
    return open.add(TestDaemon.start(yaml(protocol, keys)));
  }

  /** Two servers that answer each datagram with their number. */
  private void startUdpServers() throws SocketException {
    for (int i = 0; i < 2; i++) {
      byte[] answer = {(byte) ('0' + i)};
      DatagramSocket server = open.add(udp());
      targets.add(server.getLocalPort());
      Thread _ =
          Thread.ofPlatform()
              .daemon()
              .start(() -> {
                DatagramPacket packet = new DatagramPacket(new byte[16], 16);
                try {
                  while (true) {
                    server.receive(packet);
                    server.send(new DatagramPacket(answer, 1, packet.getSocketAddress()));
                  }
                } catch (IOException _) {
                  // Closed.
                }
              });
    }
  }

  private static DatagramSocket udp() throws SocketException {
    return new DatagramSocket(new InetSocketAddress(Streams.LOOPBACK, 0));
  }

  private void send(DatagramSocket client, String text) throws IOException {
    byte[] bytes = text.getBytes(US_ASCII);
    client.send(new DatagramPacket(bytes, bytes.length, Streams.LOOPBACK, port));
  }

  private String ask(DatagramSocket client, String text) throws IOException {
    send(client, text);
    DatagramPacket packet = new DatagramPacket(new byte[16], 16);
    client.setSoTimeout(10_000);
    client.receive(packet);
    return new String(packet.getData(), 0, packet.getLength(), US_ASCII);
  }

  @Test
  void datagramsAreSelectedByTheProgramAndWhatItThrowsIsADrop() throws Exception {
    startUdpServers();
    byFirstByte(0);
    TestDaemon daemon = daemon(Protocol.UDP, "datagram");
    DatagramSocket client = open.add(udp());

    assertThat(List.of(ask(client, "a"), ask(client, "b"), ask(client, "c")))
        .containsExactly("1", "0", "1");
    send(client, "-");
    send(client, "x");
    assertThat(ask(client, "b")).as("those were dropped, this is not").isEqualTo("0");
    assertThat(daemon.counters().programErrors()).containsOnlyKeys(CLASS);
    assertThat(daemon.destination().traffic().datagramsIn.sum()).isEqualTo(4);
  }

  @Test
  void aReloadTakesTheJarAsItIsThenAndKeepsTheCounters() throws Exception {
    startUdpServers();
    byFirstByte(0);
    String yaml = yaml(Protocol.UDP, "datagram");
    TestDaemon daemon = open.add(TestDaemon.start(yaml));
    DatagramSocket client = open.add(udp());
    assertThat(ask(client, "a")).isEqualTo("1");

    Files.writeString(jar(), "no jar");
    assertThatThrownBy(() -> daemon.reload(yaml))
        .hasMessageMatching(
            "(?s).*test:11:20: destinations\\[0]\\.program\\.jar: .*p\\.jar is no jar: .*");
    assertThat(daemon.snapshot().generation()).isEqualTo(1);
    assertThat(ask(client, "a")).isEqualTo("1");

    byFirstByte(1);
    daemon.reload(yaml);
    assertThat(ask(client, "a")).isEqualTo("0");
    assertThat(daemon.destination().traffic().datagramsIn.sum()).isEqualTo(3);
  }

  @Test
  void connectionsAreSelectedByTheProgram() throws Exception {
    for (String word : List.of("even", "odd")) {
      targets.add(open.add(TestServer.start(it -> Streams.send(it, word))).port());
    }
    byPort("0", "1");
    TestDaemon _ = daemon(Protocol.TCP, "connection");
    int odd = 0;
    for (int i = 0; i < 40 && (i < 4 || odd == 0 || odd == i); i++) {
      try (Socket client = Streams.connect(port)) {
        boolean isOdd = client.getLocalPort() % 2 != 0;
        odd += isOdd ? 1 : 0;
        assertThat(new String(client.getInputStream().readAllBytes(), US_ASCII))
            .isEqualTo(isOdd ? "odd" : "even");
      }
    }
  }

  @Test
  void messagesAreSteeredByTheProgram() throws Exception {
    List<ConcurrentLinkedQueue<String>> lines = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      ConcurrentLinkedQueue<String> its = new ConcurrentLinkedQueue<>();
      lines.add(its);
      TestServer.Handler keep =
          connection -> {
            BufferedReader in =
                new BufferedReader(new InputStreamReader(connection.getInputStream(), US_ASCII));
            for (@Nullable String it = in.readLine(); it != null; it = in.readLine()) {
              its.add(it);
            }
          };
      targets.add(open.add(TestServer.start(keep)).port());
    }
    program(
        "StreamVerdict",
        """
        private final SockMap targets;
        private final SockMap own = new SockMap(1);

        public P(SockMap targets) {
          this.targets = targets;
          own.update(0, Socket.bound(Protocol.TCP, IpAddress.ANY_IPV6, 1)
              .state(Socket.State.ESTABLISHED).attachment(0).build());
        }

        public int run(MessageContext c) {
          return switch (c.message().at(0)) {
            case 'a' -> c.redirect(targets, 0, 0);
            case 'b' -> c.redirect(targets, 1, 0);
            case 'd' -> SK_DROP;
            case 's' -> c.redirect(own, 0, 0);
            case 'x' -> P.<RuntimeException>fail(new java.io.IOException("x"));
            default -> SK_PASS;
          };
        }
        """);
    TestDaemon daemon = daemon(Protocol.TCP, "message\n    framing: {type: line}");
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, "a1\nb1\nd1\ns1\nx1\nb2\na2\no1\no2\n");
      TestDaemon.until("6 lines", () -> lines.get(0).size() + lines.get(1).size() == 6);
    }
    assertThat(lines.get(0)).startsWith("a1", "a2");
    assertThat(lines.get(1)).startsWith("b1", "b2");
    assertThat(lines)
        .as("a pass stays on the connection's own target")
        .anySatisfy(it -> {
          assertThat(it).endsWith("o1", "o2");
        });
    assertThat(daemon.destination().traffic().messageDrops(MessageDrop.VERDICT).sum()).isOne();
    assertThat(daemon.destination().traffic().messageDrops(MessageDrop.VERDICT_ERROR).sum())
        .isEqualTo(2);
    assertThat(daemon.counters().programErrors()).containsOnlyKeys(CLASS);
    assertThat(explain(daemon)).contains("2 targets, program: by message, by program " + CLASS);
  }

  private String explain(TestDaemon daemon) {
    return Explanation.of(Lookup.parse("tcp 127.0.0.1:5000 127.0.0.1:" + port), daemon.snapshot())
        .toText();
  }

  @Test
  void explainSaysThatTheProgramDecides() throws Exception {
    targets.add(1);
    byPort("0", "0");
    assertThat(explain(daemon(Protocol.TCP, "connection")))
        .contains("1 target: by program " + CLASS + ", known when it comes");
  }

  @Test
  void aClassOfAnotherKindIsRefusedAtItsPlace() throws Exception {
    targets.add(1);
    byPort("0", "0");
    assertThatThrownBy(() -> daemon(Protocol.TCP, "message\n    framing: {type: line}"))
        .hasMessageContaining("destinations[0].program.class: " + CLASS)
        .hasMessageContaining(CLASS + " is no io.sluice.steering.stream.StreamVerdict");
    program("StreamVerdict", "public int run(MessageContext c) { return SK_PASS; }");
    assertThatThrownBy(() -> daemon(Protocol.TCP, "connection"))
        .hasMessageContaining(CLASS + " is no io.sluice.steering.reuseport.ReuseportProgram");
    program("ReuseportProgram", "P() {} public int run(ReuseportContext c) { return SK_PASS; }");
    assertThatThrownBy(() -> daemon(Protocol.TCP, "connection"))
        .hasMessageEndingWith(CLASS + " has no public constructor that takes nothing");
  }
}
