package io.sluice.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import java.io.IOException;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Both connections of a session have the kernel ask whether their other end is still there. */
@Timeout(60)
final class KeepaliveTest {
  private static final String KEEPALIVE_TIMER = "02"; // include/net/tcp.h, in tcp4_seq_show

  private static List<String> timers(int localPort, int remotePort) throws IOException {
    List<String> timers = new ArrayList<>();
    for (String table : new String[] {"/proc/net/tcp", "/proc/net/tcp6"}) {
      for (String line : Files.readAllLines(Path.of(table))) {
        String[] columns = line.strip().split("\\s+", -1);
        boolean isLocal = localPort == 0 || columns[1].endsWith(":%04X".formatted(localPort));
        boolean isRemote = remotePort == 0 || columns[2].endsWith(":%04X".formatted(remotePort));
        if (columns[3].equals("01") && isLocal && isRemote) {
          timers.add(columns[5].substring(0, 2));
        }
      }
    }
    return timers;
  }

  @ParameterizedTest
  @ValueSource(strings = {"", ", affinity: message, framing: {type: line}"})
  void bothSidesAreAskedUnlessItIsOff(String how) throws Exception {
    int quiet = TestDaemon.freePort();
    int kept = TestDaemon.freePort();
    try (TestServer server =
            TestServer.start(connection -> {
              long _ = connection.getInputStream().transferTo(connection.getOutputStream());
            });
        TestServer other =
            TestServer.start(connection -> {
              long _ = connection.getInputStream().transferTo(connection.getOutputStream());
            });
        TestDaemon _ = TestDaemon.start(1, quiet, other.targets() + ", keepalive: off" + how);
        TestDaemon _ = TestDaemon.start(1, kept, server.targets() + how);
        Socket without = Streams.connect(quiet);
        Socket with = Streams.connect(kept)) {
      Streams.send(without, "a\n");
      assertThat(Streams.text(without, 2)).isEqualTo("a\n");
      Streams.send(with, "a\n");
      assertThat(Streams.text(with, 2)).isEqualTo("a\n");
      TestDaemon.until(
          "the client's connection is kept alive",
          () -> timers(kept, 0).equals(List.of(KEEPALIVE_TIMER)));
      TestDaemon.until(
          "the target's connection is kept alive",
          () -> timers(0, server.port()).equals(List.of(KEEPALIVE_TIMER)));
      assertThat(timers(quiet, 0)).containsExactly("00");
      assertThat(timers(0, other.port())).containsExactly("00");
    }
  }
}
