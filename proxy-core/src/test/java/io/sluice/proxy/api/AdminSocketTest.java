package io.sluice.proxy.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.config.Lookup;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.admin.Explanation;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The socket of a real daemon. */
final class AdminSocketTest {
  private static final String TCP_LOOKUP = "tcp 203.0.113.9:5000 127.9.9.9:";

  @TempDir private Path directory = Path.of(".");
  private final int port = TestDaemon.freePort();
  private Path path;
  private SocketAsker asker;
  private TestDaemon daemon;
  private boolean isStopped;

  @BeforeEach
  void start() throws Exception {
    path = directory.resolve("admin.sock");
    asker = new SocketAsker(path);
    daemon = TestDaemon.start(yaml());
  }

  private String yaml() {
    return """
    admin: {http: none, socket: "%s"}
    loops: 1
    bindings:
      - {label: web, protocol: tcp, prefix: 127.0.0.0/8, port: %d}
      - {label: web, protocol: tcp, prefix: 127.0.0.1/32, port: any}
    capture: [{name: c, protocols: tcp, addresses: 127.0.0.0/8, ports: %d}]
    destinations: [{label: web, protocol: tcp, targets: ["127.0.0.1:9", {address: "127.0.0.1:7", weight: 0}]}]
    """
        .formatted(path, port, port);
  }

  @AfterEach
  void stop() {
    if (!isStopped) {
      daemon.close();
    }
  }

  private void stopEarly() {
    daemon.close();
    isStopped = true;
  }

  @Test
  void statusShowsTargetsWithTheirStates() throws Exception {
    Map<?, ?> status = Parsed.object(asker.get("/status"));
    assertThat(status.get("generation")).isEqualTo(1L);
    Map<?, ?> destination = Parsed.maps(status.get("destinations")).getFirst();
    assertThat(Parsed.maps(destination.get("targets")))
        .extracting(it -> it.get("address") + " " + it.get("state"))
        .containsExactly("127.0.0.1:9 up", "127.0.0.1:7 drain");
  }

  @Test
  void bindingsAreInTubularsFormAndTheBestMatchIsFirst() throws Exception {
    assertThat(asker.get("/bindings"))
        .isEqualTo(
            """
            {"bindings":[{"label":"web","protocol":"tcp","prefix":"127.0.0.0/8","port":%d},
            {"label":"web","protocol":"tcp","prefix":"127.0.0.1/32","port":0}]}
            """
                .formatted(port));
    assertThat(asker.get("/bindings?match=tcp%20127.0.0.1:" + port))
        .startsWith(
            "{\"bindings\":[{\"label\":\"web\",\"protocol\":\"tcp\",\"prefix\":\"127.0.0.1/32\"");
    assertThat(asker.get("/bindings?match=udp%20127.0.0.1:" + port))
        .isEqualTo("{\"bindings\":[]}\n");
    assertThat(asker.ask("GET", "/bindings?match=web", ""))
        .startsWith("HTTP/1.1 400 ")
        .contains("write tcp 192.0.2.7:80");
  }

  @Test
  void theDaemonExplainsWhatItsOwnSnapshotDoes() throws Exception {
    String lookup = TCP_LOOKUP + port;
    String expected = Explanation.of(Lookup.parse(lookup), daemon.snapshot()).toJson() + "\n";
    assertThat(asker.get("/explain?lookup=" + lookup.replace(" ", "%20"))).isEqualTo(expected);
    assertThat(asker.ask("POST", "/explain", lookup + "\nnonsense\n"))
        .endsWith(
            "\r\n\r\n"
                + expected
                + "{\"error\":\"\\\"nonsense\\\" is no lookup; write it like tcp"
                + " 203.0.113.9:51234 127.0.1.7:8080 (protocol, client, wanted address)\"}\n");
  }

  @Test
  void whatIsNoRequestIsAnsweredClearly() throws Exception {
    assertThat(asker.ask("\u0000\u0001garbage\r\n\r\n")).startsWith("HTTP/1.1 400 ");
    assertThat(asker.ask("GET /" + "x".repeat(9_000) + " HTTP/1.1\r\n\r\n"))
        .startsWith("HTTP/1.1 414 ");
    assertThat(asker.ask("GET /status HTTP/1.1\r\nX: " + "x".repeat(9_000) + "\r\n\r\n"))
        .startsWith("HTTP/1.1 431 ");
    assertThat(asker.ask("GET", "/nothing", "")).startsWith("HTTP/1.1 404 ");
    assertThat(asker.ask("DELETE", "/status", "")).startsWith("HTTP/1.1 405 ");
    assertThat(asker.ask("GET", "/status?a=%zz", "")).startsWith("HTTP/1.1 400 ");
  }

  @Test
  void aRequestThatIsTooLargeIsRefusedBeforeItIsSent() throws Exception {
    assertThat(asker.ask("POST /explain HTTP/1.1\r\nContent-Length: 1073741824\r\n\r\nonly this"))
        .startsWith("HTTP/1.1 413 ");
  }

  @Test
  void aRequestThatTurnsOutTooLargeIsRefusedThen() throws Exception {
    try (SocketChannel channel =
        asker.send("POST /explain HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")) {
      ByteBuffer chunk = ByteBuffer.allocate(0x10000 + 9);
      chunk.put("10000\r\n".getBytes(java.nio.charset.StandardCharsets.US_ASCII));
      chunk.put(chunk.capacity() - 2, (byte) '\r').put(chunk.capacity() - 1, (byte) '\n');
      long sent = 0;
      try {
        while (sent < 64 << 20) {
          sent += channel.write(chunk.rewind());
        }
      } catch (IOException _) {
        // It has read enough.
      }
      assertThat(sent).isLessThan(16 << 20);
      assertThat(SocketAsker.rest(channel)).startsWith("HTTP/1.1 413 ");
    }
  }

  @Test
  void manyMoreConnectionsThanPlacesAreAllAnswered() throws Exception {
    List<SocketChannel> idle = new ArrayList<>();
    for (int i = 0; i < AdminSocket.MAX_CONNECTIONS - 1; i++) {
      idle.add(asker.send("GET /sta")); // hold all places but one
    }
    List<SocketChannel> asking = new ArrayList<>();
    for (int i = 0; i < 500; i++) {
      asking.add(asker.send(SocketAsker.requestOf("GET", "/status", "")));
    }
    for (SocketChannel channel : asking) {
      try (channel) {
        assertThat(SocketAsker.rest(channel)).startsWith("HTTP/1.1 200 ");
      }
    }
    for (SocketChannel channel : idle) {
      channel.close();
    }
  }

  @Test
  void onlyItsOwnUserMayOpenItUnlessOthersAreNamed() throws Exception {
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(path)))
        .isEqualTo("rw-------");
  }

  @Test
  void itIsGoneAtTheStop() {
    stopEarly();
    assertThat(path).doesNotExist();
  }

  @Test
  void whatADeadProcessLeftIsReplaced() throws Exception {
    stopEarly();
    try (ServerSocketChannel dead = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      dead.bind(UnixDomainSocketAddress.of(path));
    }
    assertThat(path).exists();
    daemon = TestDaemon.start(yaml());
    isStopped = false;
    assertThat(asker.get("/status")).contains("\"generation\":1");
  }

  @Test
  void theSocketOfALivingProcessIsLeftAlone() throws Exception {
    stopEarly();
    try (ServerSocketChannel living = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      living.bind(UnixDomainSocketAddress.of(path));
      assertThatThrownBy(() -> TestDaemon.start(yaml()))
          .isInstanceOf(IOException.class)
          .hasMessage("admin.socket: a process that lives listens at " + path);
      assertThat(path).exists();
    }
  }

  @Test
  void whatIsNoSocketIsLeftAlone() throws Exception {
    stopEarly();
    Files.writeString(path, "precious");
    assertThatThrownBy(() -> TestDaemon.start(yaml()))
        .hasMessage("admin.socket: " + path + " is there, and is no socket");
    assertThat(path).hasContent("precious");
  }
}
