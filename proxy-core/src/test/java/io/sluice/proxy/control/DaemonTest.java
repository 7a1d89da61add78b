package io.sluice.proxy.control;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import java.io.IOException;
import java.net.ServerSocket;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
final class DaemonTest {
  @Test
  void anAdminAddressThatIsTakenFailsTheStartAndLeavesNothingRunning() throws Exception {
    int port = TestDaemon.freePort();
    Set<Thread> before = Thread.getAllStackTraces().keySet();
    try (ServerSocket taken = new ServerSocket(0, 1, Streams.LOOPBACK)) {
      String admin = "127.0.0.1:" + taken.getLocalPort();
      String yaml =
          TestDaemon.web(2, port, "targets: ['127.0.0.1:1']")
              + "admin: {http: \""
              + admin
              + "\"}\n";
      assertThatThrownBy(() -> TestDaemon.start(yaml))
          .isInstanceOf(IOException.class)
          .hasMessageStartingWith("admin.http: can't bind " + admin + ": ")
          .hasMessageContaining("EADDRINUSE")
          .satisfies(failure -> assertThat(failure).message().hasLineCount(1));
    }
    try (ServerSocket free = new ServerSocket(port, 1, Streams.LOOPBACK)) {
      assertThat(free.isBound()).isTrue();
    }
    TestDaemon.until("its loops have ended", () -> ours(before) == 0);
  }

  private static long ours(Set<Thread> before) {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(it -> it.getName().startsWith("sluice-") && !before.contains(it))
        .count();
  }
}
