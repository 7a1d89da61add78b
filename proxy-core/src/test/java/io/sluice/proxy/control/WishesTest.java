package io.sluice.proxy.control;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.control.Wishes.Wish;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Which of several signals wins. */
@Timeout(60)
final class WishesTest {
  private final AtomicInteger endedAtOnce = new AtomicInteger();
  private final Wishes wishes = new Wishes(endedAtOnce::incrementAndGet);

  @Test
  void anyNumberOfHangupsIsOneReload() throws Exception {
    for (int i = 0; i < 100; i++) {
      wishes.received("HUP");
    }
    assertThat(wishes.await(1)).isEqualTo(Wish.RELOAD);
    assertThat(wishes.await(1)).isEqualTo(Wish.NOTHING);
  }

  @Test
  void aStopGoesBeforeTheHangupsThatCameFirst() throws Exception {
    wishes.received("HUP");
    wishes.received("TERM");
    assertThat(wishes.await(1)).isEqualTo(Wish.STOP);
    assertThat(wishes.await(1)).isEqualTo(Wish.STOP);
    assertThat(endedAtOnce.get()).isZero();
    wishes.received("INT");
    assertThat(endedAtOnce.get()).isEqualTo(1);
  }

  @Test
  void eachChangeThatWaitsIsToldOnceAndAfterAReload() throws Exception {
    wishes.changeAsked();
    wishes.changeAsked();
    wishes.received("HUP");
    assertThat(wishes.await(1)).isEqualTo(Wish.RELOAD);
    assertThat(wishes.await(1)).isEqualTo(Wish.CHANGE);
    assertThat(wishes.await(1)).isEqualTo(Wish.CHANGE);
    assertThat(wishes.await(1)).isEqualTo(Wish.NOTHING);
  }

  @Test
  void workThatNeverEndsIsGivenUpForAStop() throws Exception {
    CountDownLatch never = new CountDownLatch(1);
    CountDownLatch interrupted = new CountDownLatch(1);
    Thread.ofVirtual().start(() -> wishes.received("TERM"));
    Object answer =
        Interruptible.call(
            "work",
            () -> {
              try {
                never.await();
              } finally {
                interrupted.countDown();
              }
              return "done";
            },
            wishes);
    assertThat(answer).isNull();
    interrupted.await();
  }

  @Test
  void workThatEndsIsAnswered() throws Exception {
    assertThat(Interruptible.call("work", () -> "done", wishes)).isEqualTo("done");
  }
}
