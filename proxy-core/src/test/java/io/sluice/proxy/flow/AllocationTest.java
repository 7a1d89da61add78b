package io.sluice.proxy.flow;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.reflect.Method;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class AllocationTest {
  private static final int ROUND = 10_000;
  private static final int ROUNDS = 12;

  @Test
  void aDatagramOfAnExistingFlowAllocatesNothing() throws Exception {
    try (UdpPeer server = new UdpPeer("127.0.0.1", 0);
        RelayHarness relay =
            new RelayHarness(RelayHarness.at("127.0.0.1", server.port()), RelayHarness.NEVER);
        UdpPeer client = UdpPeer.client()) {
      Thread _ =
          Thread.ofPlatform()
              .daemon()
              .start(() -> {
                try {
                  while (true) {
                    server.answer(server.receive());
                  }
                } catch (IOException _) {
                  // Closed: the test is over.
                }
              });
      int port = relay.open("0.0.0.0", "127.0.3.0/24").port();
      AtomicLong thread = new AtomicLong();
      relay.run(() -> thread.set(Thread.currentThread().threadId()));
      long least = Long.MAX_VALUE;
      for (int round = 0; round < ROUNDS && least > 0; round++) {
        long before = allocatedBytes(thread.get());
        for (int i = 0; i < ROUND; i += 10) {
          for (int flow = 0; flow < 5; flow++) {
            client.send("ping", "127.0.3." + flow, port);
            client.send("pong", "127.0.3." + flow, port);
          }
          for (int reply = 0; reply < 10; reply++) {
            client.receive();
          }
        }
        least = Math.min(least, allocatedBytes(thread.get()) - before);
      }
      // Early rounds run in the interpreter, and a few bytes may be the timer's: far below one
      // each.
      assertThat(least).as("bytes for %d datagrams and replies", ROUND).isLessThan(ROUND / 4);
    }
  }

  /** As com.sun.management.ThreadMXBean says; the module reads neither it nor java.management. */
  private static long allocatedBytes(long thread) throws ReflectiveOperationException {
    Object threads =
        Class.forName("java.lang.management.ManagementFactory")
            .getMethod("getThreadMXBean")
            .invoke(null);
    Method method =
        Class.forName("com.sun.management.ThreadMXBean")
            .getMethod("getThreadAllocatedBytes", long.class);
    return (long) Objects.requireNonNull(method.invoke(threads, thread));
  }
}
