package io.sluice.proxy.target;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.observe.SessionEnd;
import java.io.IOException;
import java.net.Socket;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Each kind of target is reached. */
@Timeout(30)
final class TargetsTest {
  private static final int BYTES = 3_000_000;

  private final int port = TestDaemon.freePort();

  private static void download(String address, int port) throws IOException {
    try (Socket client = Streams.connect(address, port)) {
      Streams.send(client, "DL " + BYTES + "\n");
      assertThat(Streams.readAll(client.getInputStream()))
          .isEqualTo(new Streams.Read(BYTES, Streams.patternChecksum(BYTES), false));
    }
  }

  private TestDaemon ipv6(String prefix, String targets) throws Exception {
    return TestDaemon.start(
        """
        loops: 2
        bindings: [{label: web, protocol: tcp, prefix: "%s", port: %d}]
        destinations: [{label: web, protocol: tcp, %s}]
        """
            .formatted(prefix, port, targets));
  }

  @Test
  void anIpv6AddressIsReachedFromAnIpv6Client() throws Exception {
    try (TestServer server = TestServer.start("::1", TestDaemon.freePort(), TestServer.PROTOCOL);
        TestDaemon daemon = ipv6("::1/128", "targets: [\"[::1]:%d\"]".formatted(server.port()))) {
      download("::1", port);
      daemon.awaitEnds(SessionEnd.TARGET_CLOSED, 1);
    }
  }

  @Test
  void anIpv4AddressIsReachedFromAnIpv6ClientOfAWholePrefix() throws Exception {
    try (TestServer server = TestServer.start(TestServer.PROTOCOL);
        TestDaemon daemon = ipv6("::/64", server.targets())) {
      download("::1", port);
      daemon.awaitEnds(SessionEnd.TARGET_CLOSED, 1);
    }
  }

  @Test
  void aNameIsResolved() throws Exception {
    try (TestServer server = TestServer.start(TestServer.PROTOCOL);
        TestDaemon _ =
            TestDaemon.start(1, port, "targets: [\"localhost:%d\"]".formatted(server.port()))) {
      download("127.0.0.1", port);
    }
  }

  @Test
  void aNameThatHasNoAddressRefusesTheConnection() throws Exception {
    try (TestDaemon daemon =
        TestDaemon.start(1, port, "targets: [\"nothing.invalid:80\"], retries: 0")) {
      assertThat(Streams.isReset("127.0.0.1", port)).isTrue();
      assertThat(daemon.drops(Refusal.NO_TARGET)).isEqualTo(1);
      daemon.awaitSessions(0);
    }
  }

  @Test
  void theOriginalAddressIsReachedOnAnotherPort() throws Exception {
    TestServer.Handler tellsAddress =
        connection -> Streams.send(connection, connection.getLocalAddress().getHostAddress());
    try (TestServer server = TestServer.start("0.0.0.0", TestDaemon.freePort(), tellsAddress);
        TestDaemon _ =
            TestDaemon.start(
                """
                loops: 2
                bindings: [{label: web, protocol: tcp, prefix: 127.0.5.0/24, port: %d}]
                destinations: [{label: web, protocol: tcp, targets: ["original:%d"]}]
                """
                    .formatted(port, server.port()))) {
      for (String address : new String[] {"127.0.5.1", "127.0.5.77", "127.0.5.254"}) {
        try (Socket client = Streams.connect(address, port)) {
          assertThat(Streams.text(client, 100)).isEqualTo(address);
        }
      }
    }
  }

  @Test
  void aUnixSocketIsReached(@TempDir Path directory) throws Exception {
    Path path = directory.resolve("l7.sock");
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(path));
      Thread.ofVirtual().start(() -> echoAll(server));
      try (TestDaemon daemon =
          TestDaemon.start(2, port, "targets: [\"unix:%s\"]".formatted(path))) {
        for (int i = 0; i < 4; i++) {
          echo();
        }
        daemon.awaitEnds(SessionEnd.CLIENT_CLOSED, 4);
      }
    }
  }

  private void echo() throws IOException, InterruptedException {
    try (Socket client = Streams.connect(port)) {
      Thread sending =
          Thread.ofVirtual()
              .start(() -> {
                try {
                  Streams.sendPattern(client.getOutputStream(), BYTES);
                  client.shutdownOutput();
                } catch (IOException _) {
                  // What comes back is then too short.
                }
              });
      assertThat(Streams.readAll(client.getInputStream()))
          .isEqualTo(new Streams.Read(BYTES, Streams.patternChecksum(BYTES), false));
      sending.join();
    }
  }

  private static void echoAll(ServerSocketChannel server) {
    try {
      while (true) {
        SocketChannel connection = server.accept();
        Thread.ofVirtual().start(() -> echo(connection));
      }
    } catch (IOException _) {
      // Closed.
    }
  }

  private static void echo(SocketChannel connection) {
    ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
    try (connection) {
      while (connection.read(buffer) >= 0) {
        buffer.flip();
        while (buffer.hasRemaining()) {
          int _ = connection.write(buffer);
        }
        buffer.clear();
      }
    } catch (IOException _) {
      // The client sees that the connection ends.
    }
  }

  @Test
  void aUnixSocketThatIsNotThereRefusesTheConnection(@TempDir Path directory) throws Exception {
    String target = "targets: [\"unix:%s\"]".formatted(directory.resolve("none.sock"));
    try (TestDaemon daemon = TestDaemon.start(1, port, target)) {
      assertThat(Streams.isReset("127.0.0.1", port)).isTrue();
      assertThat(daemon.drops(Refusal.CONNECT_ERROR)).isEqualTo(1);
      daemon.awaitSessions(0);
    }
  }
}
