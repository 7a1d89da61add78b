package io.sluice.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.loop.Pipes;
import io.sluice.proxy.name.Resolver;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code limits.buffers}: what is in flight stays within it, and comes back to the machine. */
@Timeout(60)
final class BufferLimitTest {
  private static final String LINES = ", affinity: message, framing: {type: line}";
  private static final int LIMIT_BYTES = 1 << 20;
  private static final int BLOCKED = 60;

  private final int port = TestDaemon.freePort();
  private final List<Socket> blocked = new ArrayList<>();

  private OneLoop loop(TestServer server, Resolver resolver, String how) throws Exception {
    String web =
        TestDaemon.web(
            1, port, server.targets() + ", parserTimeout: 1h".repeat(how.isEmpty() ? 0 : 1) + how);
    return new OneLoop(TestDaemon.config(web), resolver, new Syscalls(), LIMIT_BYTES);
  }

  private void healthyClientIsServed() throws Exception {
    for (int i = 0; i < 20; i++) {
      try (Socket client = Streams.connect(port)) {
        Streams.send(client, "DL 100000\n");
        assertThat(Streams.readAll(client.getInputStream()))
            .isEqualTo(new Streams.Read(100_000, Streams.patternChecksum(100_000), false));
      }
    }
  }

  private void leaveAndFindNothing(OneLoop loop) throws Exception {
    for (Socket client : blocked) {
      Streams.reset(client);
    }
    TestDaemon.until("no session", () -> loop.sessions() == 0);
    TestDaemon.until("no memory in flight", () -> loop.bufferBytes() == 0);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", LINES})
  void clientsThatDoNotReadLeaveTheLoopToOthers(String how) throws Exception {
    try (TestServer server = TestServer.start(TestServer.PROTOCOL);
        Resolver resolver = Resolver.offline();
        OneLoop loop = loop(server, resolver, how)) {
      for (int i = 0; i < BLOCKED; i++) {
        Socket client = new Socket();
        client.setReceiveBufferSize(4096);
        client.connect(new java.net.InetSocketAddress(Streams.LOOPBACK, port));
        Streams.send(client, "DL 50000000\n");
        blocked.add(client);
      }
      TestDaemon.until("the limit is reached", () -> loop.bufferBytes() >= LIMIT_BYTES);
      healthyClientIsServed();
      int excess = Loop.BUFFER_BYTES + Pipes.CAPACITY_BYTES;
      assertThat(loop.bufferBytes()).isLessThanOrEqualTo(LIMIT_BYTES + excess);
      leaveAndFindNothing(loop);
    }
  }

  @Test
  void clientsWithAnUnfinishedLineLeaveTheLoopToOthers() throws Exception {
    try (TestServer server = TestServer.start(TestServer.PROTOCOL);
        Resolver resolver = Resolver.offline();
        OneLoop loop = loop(server, resolver, LINES)) {
      String unfinished = "x".repeat(60_000);
      for (int i = 0; i < BLOCKED; i++) {
        Socket client = Streams.connect(port);
        Streams.send(client, unfinished);
        blocked.add(client);
      }
      TestDaemon.until("the limit is reached", () -> loop.bufferBytes() >= LIMIT_BYTES);
      healthyClientIsServed();
      int excess = Loop.BUFFER_BYTES + BLOCKED * 4096; // a page for each client that had none
      assertThat(loop.bufferBytes()).isLessThanOrEqualTo(LIMIT_BYTES + excess);
      Streams.send(blocked.getFirst(), "y\n"); // it goes on as far as there is room
      leaveAndFindNothing(loop);
    }
  }

  @Test
  void aShortLineThatIsUnfinishedTakesAPageOnly() throws Exception {
    try (TestServer server = TestServer.start(TestServer.PROTOCOL);
        Resolver resolver = Resolver.offline();
        OneLoop loop = loop(server, resolver, LINES)) {
      for (int i = 0; i < BLOCKED; i++) {
        Socket client = Streams.connect(port);
        Streams.send(client, "begun");
        blocked.add(client);
      }
      TestDaemon.until("all have a page", () -> loop.bufferBytes() == BLOCKED * 4096);
      leaveAndFindNothing(loop);
    }
  }
}
