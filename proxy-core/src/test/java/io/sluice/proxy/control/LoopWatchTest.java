package io.sluice.proxy.control;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.loop.BufferLimit;
import io.sluice.proxy.loop.Loop;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Who is told of a loop that doesn't answer, or has ended. */
@Timeout(60)
final class LoopWatchTest {
  private final MultiThreadIoEventLoopGroup group =
      new MultiThreadIoEventLoopGroup(2, EpollIoHandler.newFactory());
  private final BufferLimit buffers = new BufferLimit(1 << 20);
  private final List<Loop> loops =
      List.of(new Loop(group.next(), 0, buffers), new Loop(group.next(), 1, buffers));
  private final LoopWatch watch = new LoopWatch(loops);

  @AfterEach
  void stop() throws InterruptedException {
    watch.close();
    boolean _ = group.shutdownGracefully(0, 1, TimeUnit.SECONDS).await(5, TimeUnit.SECONDS);
  }

  @Test
  void aBlockedLoopIsNamedUntilItAnswersAgainAndTheWatchdogIsNotFedMeanwhile() {
    AtomicInteger fed = new AtomicInteger();
    watch.whileAllAnswer(1, fed::incrementAndGet);
    TestDaemon.until("the watchdog is fed", () -> fed.get() > 0);
    assertThat(watch.stuck()).isEmpty();
    CountDownLatch blocked = new CountDownLatch(1);
    loops.get(1).execute(() -> awaitQuietly(blocked));
    TestDaemon.until(
        "it is named",
        () -> watch.stuck().startsWith("loop 1 has not answered for ") && fed.get() > 0);
    int before = fed.get();
    String first = watch.stuck();
    TestDaemon.until("it is asked some more", () -> !watch.stuck().equals(first));
    assertThat(fed.get()).isEqualTo(before);
    blocked.countDown();
    TestDaemon.until("all answer", () -> watch.stuck().isEmpty() && fed.get() > before);
  }

  @Test
  void aLoopThatEndsIsTold() {
    AtomicReference<String> told = new AtomicReference<>();
    watch.whenOneEnds(told::set);
    var _ = group.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    TestDaemon.until("it is told", () -> told.get() != null);
    assertThat(told.get()).matches("loop [01] has ended");
  }

  private static void awaitQuietly(CountDownLatch latch) {
    try {
      boolean _ = latch.await(30, TimeUnit.SECONDS);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }
}
