package io.sluice.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.ChildProcess;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.loop.Descriptors;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What a connection that stands idle costs. */
@Timeout(120)
final class IdleHeapIT {
  private static final int WANTED = 10_000;
  private static final int SPARE = 300; // what a JVM, a test and the loops need besides
  private static final long BOUND_BYTES = 512;

  @Test
  void anIdleConnectionHoldsAtMostHalfAKilobyteOfHeap() throws Exception {
    int port = TestDaemon.freePort();
    try (ChildProcess peers = ChildProcess.java("ulimit -n $(ulimit -Hn)", IdlePeers.class)) {
      String target = "targets: [\"127.0.0.1:%s\"]".formatted(peers.awaitLine("server "));
      try (TestDaemon daemon = TestDaemon.start(2, port, target)) {
        // Two descriptors each, here and there; here within the share of TCP.
        long room = Descriptors.tcp().most() / Descriptors.PER_CONNECTION - SPARE;
        int count = (int) Math.min(WANTED, Math.min(room, (openFilesLimit() - SPARE) / 2));
        int warm = 100;
        peers.say(port + " " + warm);
        String _ = peers.awaitLine("connected " + warm);
        long before = liveHeapBytes();
        peers.say(port + " " + (count - warm));
        TestDaemon.until("all are open", () -> daemon.sessions() == count);
        String _ = peers.awaitLine("connected " + (count - warm));
        long bytes = (liveHeapBytes() - before) / (count - warm);
        System.out.printf("idle connections: %d, live heap each: %d bytes%n", count, bytes);
        assertThat(daemon.sessions()).isEqualTo(count);
        assertThat(bytes).isLessThanOrEqualTo(BOUND_BYTES);
      }
    }
  }

  /** What is left after collections, until five in a row free no more. */
  private static long liveHeapBytes() {
    MemoryMXBean memory = ManagementFactory.getMemoryMXBean();
    long least = Long.MAX_VALUE;
    for (int vain = 0; vain < 5; vain++) {
      memory.gc();
      long used = memory.getHeapMemoryUsage().getUsed();
      if (used < least) {
        least = used;
        vain = 0;
      }
    }
    return least;
  }

  private static long openFilesLimit() throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/limits"))) {
      if (line.startsWith("Max open files")) {
        return Long.parseLong(
            line.split("\\s{2,}", -1)[2]); // the hard one: the daemon raises its own
      }
    }
    throw new IOException("no line \"Max open files\"");
  }
}
