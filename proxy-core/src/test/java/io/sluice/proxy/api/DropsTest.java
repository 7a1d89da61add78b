package io.sluice.proxy.api;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each way of being refused, as {@code drops} tells it. */
final class DropsTest {
  @TempDir private Path directory = Path.of(".");
  private final int port = TestDaemon.freePort();
  private final int refusing = TestDaemon.freePort();
  private SocketAsker asker;
  private TestServer server;
  private TestDaemon daemon;

  @BeforeEach
  void start() throws Exception {
    Path path = directory.resolve("admin.sock");
    asker = new SocketAsker(path);
    server = TestServer.start(it -> it.getInputStream().transferTo(it.getOutputStream()));
    daemon =
        TestDaemon.start(
            """
            admin: {http: none, socket: "%1$s"}
            loops: 1
            capture:
              - {name: edge, protocols: [tcp, udp], addresses: [127.0.0.0/8], ports: %2$d,
                 proxyProtocol: {from: [127.0.0.66]}}
            bindings:
              - {label: web, protocol: tcp, prefix: 127.0.20.0/24, port: %2$d}
              - {label: down, protocol: tcp, prefix: 127.0.21.0/24, port: %2$d}
              - {label: drained, protocol: tcp, prefix: 127.0.22.0/24, port: any}
              - {label: one, protocol: tcp, prefix: 127.0.23.0/24, port: %2$d}
              - {label: dead, protocol: udp, prefix: 127.0.24.0/24, port: %2$d}
            programs:
              - {name: bindings, builtin: bindings}
              - name: office
                rules:
                  - {from: 203.0.113.0/24, drop: true}
                  - {to: 127.0.25.0/24, drop: true}
            destinations:
              - {label: web, protocol: tcp, %3$s}
              - {label: down, protocol: tcp, targets: ["127.0.0.1:%4$d"]}
              - {label: drained, protocol: tcp, targets: [{address: "127.0.0.1:1", weight: 0}]}
              - {label: one, protocol: tcp, %3$s, maxConnections: 1}
              - {label: dead, protocol: udp, targets: ["127.0.0.1:%4$d"]}
            """
                .formatted(path, port, server.targets(), refusing));
  }

  @AfterEach
  void stop() throws IOException {
    daemon.close();
    server.close();
  }

  /** A connection that ends without having brought anything; its own port. */
  private int refused(String from, String to) throws IOException {
    try (Socket client = new Socket()) {
      client.setSoTimeout(10_000);
      client.bind(new InetSocketAddress(from, 0));
      client.connect(new InetSocketAddress(to, port));
      int read;
      try {
        client.getOutputStream().write("no header\r\n".getBytes(StandardCharsets.US_ASCII));
        read = client.getInputStream().read();
      } catch (IOException _) {
        read = -1; // reset
      }
      assertThat(read).isEqualTo(-1);
      return client.getLocalPort();
    }
  }

  private List<Map<?, ?>> drops(String query) throws IOException {
    return Parsed.maps(Parsed.object(asker.get("/drops" + query)).get("drops"));
  }

  private static String decided(Map<?, ?> drop) {
    return drop.get("program")
        + "|"
        + drop.get("rule")
        + "|"
        + drop.get("label")
        + "|"
        + drop.get("target")
        + "|"
        + drop.get("errno");
  }

  @ParameterizedTest
  @CsvSource({
    "127.0.0.1,  127.0.25.9, program,         office|rule 2|null|null|null",
    "127.0.0.1,  127.0.26.9, no_listener,     null|null|null|null|null",
    "127.0.0.1,  127.0.22.9, group,           null|null|drained|null|null",
    "127.0.0.1,  127.0.21.9, connect_refused, null|null|down|127.0.0.1:REFUSING|ECONNREFUSED",
    "127.0.0.66, 127.0.20.9, proxy_header,    null|null|null|null|null",
  })
  void aRefusedConnectionIsNamedWithWhatDecided(
      String from, String to, String reason, String decided) throws Exception {
    int own = refused(from, to);
    TestDaemon.until("it is kept", () -> !drops("").isEmpty());
    assertThat(drops("?reason=" + reason + "&from=" + from))
        .singleElement()
        .satisfies(it -> {
          assertThat(it.get("protocol")).isEqualTo("tcp");
          assertThat(it.get("client")).isEqualTo(from + ":" + own);
          assertThat(it.get("local")).isEqualTo(to + ":" + port);
          assertThat(decided(it)).isEqualTo(decided.replace("REFUSING", "" + refusing));
        });
    assertThat(drops("?from=192.0.2.0/24")).isEmpty();
    assertThat(drops("?reason=loop")).isEmpty();
  }

  private void refuse(List<String> expected, String from, String to, String decided)
      throws IOException {
    int own = refused(from, to);
    expected.add(from + ":" + own + " " + to + ":" + port + " " + decided);
  }

  /** One of each way of being refused, as {@code drops} must tell it. */
  private int refuseEachWay(List<String> expected, DatagramSocket datagrams) throws IOException {
    String nobody = "null|null|null|null|null";
    String dead = "127.0.0.1:" + refusing + "|ECONNREFUSED";
    String one = "127.0.0.1:" + server.port() + "|null";
    refuse(expected, "127.0.0.1", "127.0.25.9", "program|office|rule 2|null|null|null");
    refuse(expected, "127.0.0.1", "127.0.26.9", "no_listener|" + nobody);
    refuse(expected, "127.0.0.1", "127.0.22.9", "group|null|null|drained|null|null");
    refuse(expected, "127.0.0.1", "127.0.21.9", "connect_refused|null|null|down|" + dead);
    refuse(expected, "127.0.0.66", "127.0.20.9", "proxy_header|" + nobody);
    refuse(expected, "127.0.0.1", "127.0.23.9", "destination_limit|null|null|one|" + one);
    datagrams.send(
        new DatagramPacket(new byte[] {1}, 1, InetAddress.ofLiteral("127.0.24.9"), port));
    expected.add(
        ("127.0.0.1:" + datagrams.getLocalPort() + " 127.0.24.9:" + port)
            + " port_unreachable|null|null|dead|"
            + dead);
    return 7;
  }

  @Test
  void eachOfAThousandRefusalsInSevenWaysIsNamedWithWhatDecided() throws Exception {
    List<String> expected = new ArrayList<>();
    int made = 0;
    try (Socket first = new Socket("127.0.23.1", port)) {
      first.getOutputStream().write('a');
      assertThat(first.getInputStream().read()).as("now it is full").isEqualTo('a');
      while (made < 1_000) {
        try (DatagramSocket client = new DatagramSocket(0, InetAddress.ofLiteral("127.0.0.1"))) {
          made += refuseEachWay(expected, client);
          int sent = made / 7;
          TestDaemon.until(
              "the error has come back", () -> drops("?reason=port_unreachable").size() == sent);
        }
      }
    }
    List<String> told = new ArrayList<>();
    for (Map<?, ?> it : drops("")) {
      told.add(
          it.get("client") + " " + it.get("local") + " " + it.get("reason") + "|" + decided(it));
    }
    expected.sort(null);
    told.sort(null);
    assertThat(told).hasSize(made);
    for (int i = 0; i < made; i++) {
      assertThat(told.get(i)).isEqualTo(expected.get(i));
    }
  }

  @Test
  void aFullDestinationIsNamed() throws Exception {
    try (Socket first = new Socket("127.0.23.1", port)) {
      first.getOutputStream().write('a');
      assertThat(first.getInputStream().read()).isEqualTo('a');
      int own = refused("127.0.0.1", "127.0.23.9");
      TestDaemon.until("it is kept", () -> !drops("").isEmpty());
      assertThat(drops("?reason=destination_limit"))
          .singleElement()
          .satisfies(it -> {
            assertThat(it.get("client")).isEqualTo("127.0.0.1:" + own);
            assertThat(it.get("label")).isEqualTo("one");
          });
    }
  }

  @Test
  void aDatagramThatCameBackIsNamedWithItsTargetAndErrno() throws Exception {
    try (DatagramSocket client = new DatagramSocket(0, InetAddress.ofLiteral("127.0.0.1"))) {
      client.send(new DatagramPacket(new byte[] {1}, 1, InetAddress.ofLiteral("127.0.24.9"), port));
      TestDaemon.until("it is kept", () -> !drops("").isEmpty());
      assertThat(drops("?reason=port_unreachable"))
          .singleElement()
          .satisfies(it -> {
            assertThat(it.get("protocol")).isEqualTo("udp");
            assertThat(it.get("client")).isEqualTo("127.0.0.1:" + client.getLocalPort());
            assertThat(it.get("local")).isEqualTo("127.0.24.9:" + port);
            assertThat(decided(it))
                .isEqualTo("null|null|dead|127.0.0.1:" + refusing + "|ECONNREFUSED");
          });
    }
  }

  @Test
  void whoFollowsHearsOfWhatComesAndMatches() throws Exception {
    int _ = refused("127.0.0.1", "127.0.25.9");
    try (SocketChannel following =
        asker.send(SocketAsker.requestOf("GET", "/drops/follow?from=127.0.0.2", ""))) {
      StringBuilder read = new StringBuilder();
      ByteBuffer part = ByteBuffer.allocate(4096);
      while (!read.toString().contains("\r\n\r\n")) {
        append(following, part, read);
      }
      int _ = refused("127.0.0.1", "127.0.25.9");
      int own = refused("127.0.0.2", "127.0.25.9");
      while (!read.toString().contains("\"127.0.0.2:" + own + "\"")) {
        append(following, part, read);
      }
      assertThat(read.toString()).doesNotContain("127.0.0.1:");
    }
  }

  private static void append(SocketChannel from, ByteBuffer part, StringBuilder to)
      throws IOException {
    int count = from.read(part.clear());
    assertThat(count).as("the stream goes on").isPositive();
    to.append(StandardCharsets.UTF_8.decode(part.flip()));
  }

  @Test
  void aReasonThatDoesNotExistIsSaid() throws Exception {
    assertThat(asker.ask("GET", "/drops?reason=x", ""))
        .startsWith("HTTP/1.1 400 ")
        .contains("reason: there is no x; there are program, ");
    assertThat(asker.ask("GET", "/drops/follow?from=1.2", "")).startsWith("HTTP/1.1 400 ");
  }
}
