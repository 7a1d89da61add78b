package io.sluice.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.observe.SessionEnd;
import java.net.Socket;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Large transfers. */
@Timeout(120)
final class BulkIT {
  private static final long GIB = 1L << 30;

  private final int port = TestDaemon.freePort();

  @Test
  void aGibibyteComesDownUnchanged() throws Exception {
    try (TestServer server = TestServer.start(TestServer.PROTOCOL);
        TestDaemon _ = TestDaemon.start(1, port, server.targets());
        Socket client = Streams.connect(port)) {
      long start = System.nanoTime();
      Streams.send(client, "DL " + GIB + "\n");
      assertThat(Streams.readAll(client.getInputStream()))
          .isEqualTo(new Streams.Read(GIB, Streams.patternChecksum(GIB), false));
      report("down", start);
    }
  }

  @Test
  void aGibibyteGoesUpUnchanged() throws Exception {
    try (TestServer server = TestServer.start(TestServer.PROTOCOL);
        TestDaemon _ = TestDaemon.start(1, port, server.targets());
        Socket client = Streams.connect(port)) {
      long start = System.nanoTime();
      Streams.send(client, "UP\n");
      Streams.sendPattern(client.getOutputStream(), GIB);
      client.shutdownOutput();
      assertThat(Streams.text(client, 100))
          .isEqualTo(GIB + " " + Streams.patternChecksum(GIB) + "\n");
      report("up", start);
    }
  }

  private static void report(String direction, long startNanos) {
    double seconds = (System.nanoTime() - startNanos) / 1e9;
    System.out.printf("1 GiB %s: %.2f s, %.2f GB/s%n", direction, seconds, GIB / 1e9 / seconds);
  }

  @Test
  void aHalfClosedClientReadsAHundredMegabytesForLongerThanTheBound() throws Exception {
    long bytes = 100_000_000;
    try (TestServer server = TestServer.start(TestServer.PROTOCOL);
        TestDaemon daemon =
            TestDaemon.start(
                "limits: {drain: 0s, halfClosed: 1s}\n"
                    + TestDaemon.web(2, port, server.targets()));
        Socket client = Streams.connect(port)) {
      long start = System.nanoTime();
      Streams.send(client, "DL " + bytes + "\n");
      client.shutdownOutput();
      assertThat(Streams.readSlowly(client.getInputStream(), 1 << 16, 5))
          .isEqualTo(new Streams.Read(bytes, Streams.patternChecksum(bytes), false));
      assertThat(System.nanoTime() - start).isGreaterThan(4_000_000_000L);
      daemon.awaitEnds(SessionEnd.CLIENT_CLOSED, 1);
    }
  }
}
