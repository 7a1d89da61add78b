package io.sluice.proxy.api;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.observe.SessionEnd;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Connections and flows, as {@code sessions} shows them and {@code kill} ends them. */
final class SessionsTest {
  @TempDir private Path directory = Path.of(".");
  private final int port = TestDaemon.freePort();
  private final List<Socket> clients = new ArrayList<>();
  private SocketAsker asker;
  private TestServer server;
  private DatagramSocket silent;
  private TestDaemon daemon;

  @BeforeEach
  void start() throws Exception {
    Path path = directory.resolve("admin.sock");
    asker = new SocketAsker(path);
    server = TestServer.start(it -> it.getInputStream().transferTo(it.getOutputStream()));
    silent = new DatagramSocket(0, InetAddress.ofLiteral("127.0.0.1"));
    daemon =
        TestDaemon.start(
            """
            admin: {http: none, socket: "%1$s"}
            loops: 2
            bindings:
              - {label: web, protocol: tcp, prefix: 127.0.0.0/8, port: %2$d}
              - {label: dns, protocol: udp, prefix: 127.0.0.0/8, port: %2$d}
            destinations:
              - {label: web, protocol: tcp, %3$s}
              - {label: dns, protocol: udp, targets: ["127.0.0.1:%4$d"]}
            """
                .formatted(path, port, server.targets(), silent.getLocalPort()));
  }

  @AfterEach
  void stop() throws IOException {
    for (Socket client : clients) {
      client.close();
    }
    daemon.close();
    server.close();
    silent.close();
  }

  /** A connection that has been answered so many bytes. */
  private Socket connect(String from, int bytes) throws IOException {
    Socket client = new Socket();
    clients.add(client);
    client.setSoTimeout(10_000);
    client.bind(new InetSocketAddress(from, 0));
    client.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    client.getOutputStream().write(new byte[bytes]);
    assertThat(client.getInputStream().readNBytes(bytes)).hasSize(bytes);
    return client;
  }

  private List<Map<?, ?>> sessions(String query) throws IOException {
    return Parsed.maps(Parsed.object(asker.get("/sessions" + query)).get("sessions"));
  }

  private static List<Object> clientsOf(List<Map<?, ?>> sessions) {
    List<Object> clients = new ArrayList<>();
    sessions.forEach(it -> clients.add(requireNonNull(it.get("client"))));
    return clients;
  }

  @Test
  void aConnectionIsShownWithBytesTargetAndHowItFares() throws Exception {
    Socket client = connect("127.0.0.1", 1000);
    assertThat(sessions("?label=web"))
        .singleElement()
        .satisfies(it -> {
          assertThat(it.get("client")).isEqualTo("127.0.0.1:" + client.getLocalPort());
          assertThat(it.get("local")).isEqualTo("127.0.0.1:" + port);
          assertThat(it.get("target")).isEqualTo("127.0.0.1:" + server.port());
          assertThat(it.get("state")).isEqualTo("open");
          assertThat(it.get("bytesIn")).isEqualTo(1000L);
          assertThat(it.get("bytesOut")).isEqualTo(1000L);
          assertThat((Long) Parsed.map(it.get("clientTcp")).get("rttMicros")).isPositive();
          assertThat(Parsed.map(it.get("targetTcp")).get("retransmits")).isEqualTo(0L);
        });
    assertThat(sessions("?label=dns")).isEmpty();
    assertThat(sessions("?older=1h")).isEmpty();
  }

  @Test
  void theyAreSortedAndBounded() throws Exception {
    Socket small = connect("127.0.0.1", 10);
    Socket large = connect("127.0.0.2", 5000);
    assertThat(clientsOf(sessions("?sort=bytes")))
        .containsExactly("127.0.0.2:" + large.getLocalPort(), "127.0.0.1:" + small.getLocalPort());
    assertThat(clientsOf(sessions("?sort=bytes&limit=1")))
        .containsExactly("127.0.0.2:" + large.getLocalPort());
    assertThat(clientsOf(sessions("?from=127.0.0.1")))
        .containsExactly("127.0.0.1:" + small.getLocalPort());
    assertThat(asker.ask("GET", "/sessions?sort=x", "")).startsWith("HTTP/1.1 400 ");
  }

  @Test
  void killEndsThoseThatMatchAndNoOthers() throws Exception {
    Socket stays = connect("127.0.0.1", 1);
    List<Socket> ended = new ArrayList<>();
    for (int i = 0; i < 300; i++) { // more than two steps
      ended.add(connect("127.0.0.2", 1));
    }
    assertThat(asker.ask("POST", "/kill?from=127.0.0.2/32", ""))
        .endsWith("\r\n\r\n{\"killed\":300}\n");
    for (Socket client : ended) {
      assertThat(client.getInputStream().read()).isEqualTo(-1);
    }
    stays.getOutputStream().write(7);
    assertThat(stays.getInputStream().read()).isEqualTo(7);
    daemon.awaitEnds(SessionEnd.KILLED, 300);
  }

  @Test
  void killWithoutAFilterIsRefused() throws Exception {
    Socket client = connect("127.0.0.1", 1);
    assertThat(asker.ask("POST", "/kill", "")).startsWith("HTTP/1.1 400 ").contains("or all=true");
    assertThat(asker.ask("POST", "/kill?all=true", "")).endsWith("{\"killed\":1}\n");
    assertThat(client.getInputStream().read()).isEqualTo(-1);
  }

  @Test
  void flowsAreShownAndEndedToo() throws Exception {
    try (DatagramSocket client = new DatagramSocket(0, InetAddress.ofLiteral("127.0.0.1"))) {
      client.send(new DatagramPacket(new byte[10], 10, InetAddress.ofLiteral("127.0.0.9"), port));
      daemon.awaitSessions(1);
      assertThat(sessions("?protocol=udp"))
          .singleElement()
          .satisfies(it -> {
            assertThat(it.get("client")).isEqualTo("127.0.0.1:" + client.getLocalPort());
            assertThat(it.get("local")).isEqualTo("127.0.0.9:" + port);
            assertThat(it.get("state")).isEqualTo("unanswered");
            assertThat(it.get("bytesIn")).isEqualTo(10L);
          });
      assertThat(sessions("?protocol=tcp")).isEmpty();
      assertThat(asker.ask("POST", "/kill?protocol=udp", "")).endsWith("{\"killed\":1}\n");
      daemon.awaitSessions(0);
    }
  }
}
