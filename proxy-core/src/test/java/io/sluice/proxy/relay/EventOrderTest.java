package io.sluice.proxy.relay;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.Config;
import io.sluice.proxy.Pace;
import io.sluice.proxy.Streams;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.TestServer;
import io.sluice.proxy.name.Resolver;
import io.sluice.proxy.observe.Refusal;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.Socket;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * What comes at an awkward moment, or in one batch with something else, is not lost or mistaken.
 */
@Timeout(30)
final class EventOrderTest {
  private final int port = TestDaemon.freePort();

  private Config config(TestServer server) {
    return TestDaemon.config(TestDaemon.web(1, port, server.targets() + ", retries: 0"));
  }

  @Test
  void aGreetingThatIsThereBeforeTheConnectIsNoticedReachesTheClient() throws Exception {
    CountDownLatch spoken = new CountDownLatch(1);
    TestServer.Handler greeter =
        connection -> {
          Streams.send(connection, "220 hello\r\n");
          Streams.awaitDelivered(connection);
          spoken.countDown();
          int _ = connection.getInputStream().read();
        };
    try (TestServer server = TestServer.start(greeter);
        OneLoop one = new OneLoop(config(server), Resolver.offline())) {
      one.atLookup(() -> stallUntil(one, spoken));
      try (Socket client = Streams.connect(port)) {
        assertThat(Streams.text(client, 11)).isEqualTo("220 hello\r\n");
      }
    }
  }

  @Test
  void aGreetingAndAResetThatAreThereBeforeTheConnectIsNoticedReachTheClient() throws Exception {
    CountDownLatch gone = new CountDownLatch(1);
    TestServer.Handler greeter =
        connection -> {
          Streams.send(connection, "busy\r\n");
          Streams.resetAfterData(connection);
          gone.countDown();
        };
    try (TestServer server = TestServer.start(greeter);
        OneLoop one = new OneLoop(config(server), Resolver.offline())) {
      one.atLookup(() -> stallUntil(one, gone));
      try (Socket client = Streams.connect(port)) {
        assertThat(Streams.text(client, 6)).isEqualTo("busy\r\n");
        assertThat(Streams.isReset(client)).isTrue();
      }
    }
  }

  private static void stallUntil(OneLoop one, CountDownLatch latch) {
    one.loop()
        .execute(() -> {
          try {
            boolean _ = latch.await(10, TimeUnit.SECONDS);
          } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
          }
        });
  }

  /**
   * The client's reset, another client, and the server's reset come in this order in one batch. The
   * first closes both sockets of the session, and the next session gets their numbers.
   */
  @Test
  void anEventOfAClosedSocketIsNotTakenForTheNextOneWithItsNumber() throws Exception {
    BlockingQueue<Socket> accepted = new LinkedBlockingQueue<>();
    TestServer.Handler keeper =
        connection -> {
          accepted.add(connection);
          long _ = connection.getInputStream().transferTo(connection.getOutputStream());
        };
    try (TestServer server = TestServer.start(keeper);
        OneLoop one = new OneLoop(config(server), Resolver.offline())) {
      for (int i = 0; i < 5; i++) {
        Socket first = Streams.connect(port);
        Socket atServer = accepted.take();
        Streams.send(first, "x");
        assertThat(Streams.text(first, 1)).isEqualTo("x");
        one.settle();
        CountDownLatch goOn = one.stall();
        Streams.reset(first);
        try (Socket second = Streams.connect(port)) {
          Streams.reset(atServer);
          goOn.countDown();
          Streams.send(second, "y");
          assertThat(Streams.text(second, 1)).isEqualTo("y");
        }
        Socket _ = accepted.take();
        assertThat(one.drops(Refusal.CONNECT_ERROR)).isZero();
        TestDaemon.until("the end", () -> one.sessions() == 0);
      }
    }
  }

  @Test
  void aFaultInOneSessionEndsThatOneOnly() throws Exception {
    AtomicInteger faults = new AtomicInteger();
    try (TestServer server = TestServer.start(TestServer.PROTOCOL);
        OneLoop one = new OneLoop(config(server), Resolver.offline())) {
      for (int i = 0; i < 10; i++) {
        one.atLookup(() -> {
          faults.incrementAndGet();
          throw new IllegalStateException("by the test");
        });
        assertThat(Streams.isReset("127.0.0.1", port)).isTrue();
        assertThat(faults.get()).isEqualTo(i + 1);
        one.atLookup(() -> {});
        try (Socket client = Streams.connect(port)) {
          Streams.send(client, "DL 10\n");
          assertThat(Streams.readAll(client.getInputStream()).bytes()).isEqualTo(10);
        }
      }
      TestDaemon.until("the end", () -> one.sessions() == 0);
    }
  }

  /** A side that yields must not come to stand in the queue once more with each event. */
  @Test
  void aBusyConnectionLeavesTheLoopToOthers() throws Exception {
    AtomicBoolean enough = new AtomicBoolean();
    TestServer.Handler source =
        connection -> {
          if (connection.getInputStream().read() == 'E') {
            long _ = connection.getInputStream().transferTo(connection.getOutputStream());
          }
          while (!enough.get()) {
            Streams.sendPattern(connection.getOutputStream(), 1 << 20);
          }
        };
    try (TestServer server = TestServer.start(source);
        OneLoop one = new OneLoop(config(server), Resolver.offline());
        Socket echo = Streams.connect(port)) {
      Thread[] readers = new Thread[3];
      for (int i = 0; i < readers.length; i++) {
        readers[i] = Thread.ofPlatform().start(this::download);
      }
      Streams.send(echo, "E");
      int mostTasks = 0;
      long slowestNanos = 0;
      for (int i = 0; i < 100; i++) {
        long start = System.nanoTime();
        Streams.send(echo, "x");
        assertThat(Streams.text(echo, 1)).isEqualTo("x");
        slowestNanos = Math.max(slowestNanos, System.nanoTime() - start);
        mostTasks = Math.max(mostTasks, one.pendingTasks());
        Pace.pause(10);
      }
      enough.set(true);
      for (Thread reader : readers) {
        reader.join();
      }
      System.out.printf(
          "beside three downloads: slowest echo %d ms, most tasks %d%n",
          slowestNanos / 1_000_000, mostTasks);
      assertThat(mostTasks).isLessThanOrEqualTo(1);
    }
  }

  private void download() {
    try (Socket client = Streams.connect(port)) {
      Streams.send(client, "D");
      byte[] buffer = new byte[1 << 18];
      while (client.getInputStream().read(buffer) >= 0) {
        // Only fast.
      }
    } catch (IOException failure) {
      throw new UncheckedIOException(failure);
    }
  }
}
