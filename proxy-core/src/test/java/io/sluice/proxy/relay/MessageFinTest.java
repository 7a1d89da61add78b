package io.sluice.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.observe.SessionEnd;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** {@code affinity: message}, and targets that end their connections while the client goes on. */
@Timeout(60)
final class MessageFinTest {
  private static final String LINES = ", affinity: message, framing: {type: line}";

  private final int port = TestDaemon.freePort();
  private final ConcurrentLinkedQueue<String> lines = new ConcurrentLinkedQueue<>();

  /** Reads one line, as a server that is restarted after it, and closes. */
  private void readOne(Socket connection) throws Exception {
    BufferedReader in =
        new BufferedReader(
            new InputStreamReader(connection.getInputStream(), StandardCharsets.UTF_8));
    String line = in.readLine();
    lines.add(line == null ? "an end" : line);
  }

  @Test
  void aMessageAfterATargetsFinGoesToANewConnection() throws Exception {
    try (TestServer server = TestServer.start(this::readOne);
        TestDaemon daemon = TestDaemon.start(1, port, server.targets() + LINES);
        Socket client = Streams.connect(port)) {
      Streams.send(client, "0\n");
      assertThat(client.getInputStream().read()).as("the target's FIN").isEqualTo(-1);
      for (int i = 1; i < 5; i++) {
        int sent = i;
        Streams.send(client, i + "\n");
        TestDaemon.until("message " + i, () -> lines.size() == sent + 1);
        TestDaemon.until(
            "its FIN is answered", () -> daemon.destination().targets().getFirst().active() == 1);
      }
      assertThat(lines).containsExactly("0", "1", "2", "3", "4");
      client.shutdownOutput();
      daemon.awaitEnds(SessionEnd.TARGET_CLOSED, 1);
      assertThat(daemon.destination().traffic().messages.sum()).isEqualTo(5);
    }
  }

  @Test
  void aTargetsFinIsAnsweredWhileTheClientGoesOn() throws Exception {
    ConcurrentLinkedQueue<Streams.Read> reads = new ConcurrentLinkedQueue<>();
    try (TestServer server =
            TestServer.start(connection -> {
              connection.shutdownOutput();
              reads.add(Streams.readAll(connection.getInputStream()));
            });
        TestDaemon _ = TestDaemon.start(1, port, server.targets() + LINES);
        Socket client = Streams.connect(port)) {
      Streams.send(client, "only\n");
      TestDaemon.until("the server's connection has ended", () -> reads.size() == 1);
      Streams.send(client, "another\n");
      TestDaemon.until("its next one, too", () -> reads.size() == 2);
      assertThat(reads).extracting(Streams.Read::bytes).containsExactly(5L, 8L);
    }
  }

  @Test
  void aMessageThatATargetDidNotTakeIsNotCounted() throws Exception {
    int length = 1000;
    try (TestServer server =
            TestServer.start(connection -> {
              long _ =
                  TestDaemon.untilStill(
                      "what waits to be read",
                      () -> (long) connection.getInputStream().available());
              Streams.reset(connection);
            });
        TestDaemon daemon = TestDaemon.start(1, port, server.targets() + LINES);
        Socket client = Streams.connect(port)) {
      Thread sending =
          Thread.ofVirtual()
              .start(() -> {
                try {
                  while (true) {
                    Streams.send(client, "x".repeat(length - 1) + "\n");
                  }
                } catch (java.io.IOException _) {
                  // The target's reset.
                }
              });
      daemon.awaitEnds(SessionEnd.TARGET_RESET, 1);
      sending.join();
      long came = daemon.destination().traffic().bytesIn.sum() / length;
      assertThat(daemon.destination().traffic().messages.sum()).isPositive().isLessThan(came);
    }
  }
}
