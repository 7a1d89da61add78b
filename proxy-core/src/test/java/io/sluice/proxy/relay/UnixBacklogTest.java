package io.sluice.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.observe.Refusal;
import io.sluice.steering.Protocol;
import java.io.IOException;
import java.net.Socket;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A Unix socket whose backlog is full has no place now, and may have one soon. */
@Timeout(60)
final class UnixBacklogTest {
  @TempDir Path directory;

  private final int port = TestDaemon.freePort();
  private final List<SocketChannel> filling = new ArrayList<>();
  private ServerSocketChannel server;

  @BeforeEach
  void fill() throws IOException {
    server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    UnixDomainSocketAddress address = UnixDomainSocketAddress.of(directory.resolve("s"));
    server.bind(address, 1);
    boolean isFull = false;
    while (!isFull) {
      SocketChannel next = SocketChannel.open(StandardProtocolFamily.UNIX);
      filling.add(next);
      next.configureBlocking(false);
      try {
        isFull = !next.connect(address);
      } catch (IOException _) {
        isFull = true;
      }
    }
  }

  @AfterEach
  void close() throws IOException {
    server.close();
    for (SocketChannel each : filling) {
      each.close();
    }
  }

  private String target() {
    return "targets: [\"unix:" + directory.resolve("s") + "\"], retries: 0";
  }

  @Test
  void aConnectionWaitsUntilThereIsAPlace() throws Exception {
    try (TestDaemon daemon = TestDaemon.start(1, port, target());
        Socket client = Streams.connect(port)) {
      Streams.send(client, "x");
      TestDaemon.until("it has come", () -> daemon.sessions() == 1);
      for (SocketChannel each : filling) {
        each.close(); // those that were accepted by the kernel are still in the backlog
      }
      while (true) {
        try (SocketChannel accepted = server.accept()) {
          ByteBuffer read = ByteBuffer.allocate(1);
          if (accepted.read(read) == 1) {
            int _ = accepted.write(ByteBuffer.wrap("hello".getBytes(StandardCharsets.US_ASCII)));
            break;
          }
        }
      }
      assertThat(Streams.text(client, 5)).isEqualTo("hello");
      assertThat(daemon.counters().drops(Refusal.CONNECT_ERROR, Protocol.TCP).sum()).isZero();
    }
  }

  @Test
  void itWaitsNoLongerThanTheConnectTimeout() throws Exception {
    try (TestDaemon daemon = TestDaemon.start(1, port, target() + ", connectTimeout: 300ms")) {
      assertThat(Streams.isReset("127.0.0.1", port)).isTrue();
      daemon.awaitDrops(Refusal.CONNECT_TIMEOUT, 1);
    }
  }
}
