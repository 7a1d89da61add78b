package io.sluice.steering.map;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Who waits for lookups waits for all that had begun, but not for ever. */
@Timeout(30)
class GracePeriodTest {
  private static final Duration SHORT = Duration.ofMillis(200);

  private final List<ExecutorService> executors =
      List.of(Executors.newSingleThreadExecutor(), Executors.newSingleThreadExecutor());
  private final CountDownLatch goOn = new CountDownLatch(1);

  @AfterEach
  void shutDown() {
    goOn.countDown();
    executors.forEach(ExecutorService::shutdownNow);
  }

  /** Holds a loop up; returns once it stands. */
  private void stall(int loop) throws InterruptedException {
    CountDownLatch stands = new CountDownLatch(1);
    executors
        .get(loop)
        .execute(() -> {
          stands.countDown();
          try {
            boolean _ = goOn.await(20, TimeUnit.SECONDS);
          } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
          }
        });
    assertThat(stands.await(10, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void waitsUntilEveryLoopHasFinishedWhatItDid() throws Exception {
    EventLoops loops = EventLoops.of(executors);
    loops.await(); // nothing to wait for
    stall(1);
    CompletableFuture<?> waiting = CompletableFuture.runAsync(loops::await);

    assertThat(waiting).failsWithin(SHORT); // it waits
    goOn.countDown();

    assertThat(waiting).succeedsWithin(Duration.ofSeconds(10));
  }

  @Test
  void aLoopThatDoesNotAnswerIsNamed() throws Exception {
    EventLoops loops = EventLoops.of(executors, SHORT);
    stall(1);

    assertThatExceptionOfType(GraceTimeoutException.class)
        .isThrownBy(loops::await)
        .withMessage("loop 1 of 2 has not finished what it does for 200 ms");
  }

  @Test
  void aLoopItselfMustNotWait() throws Exception {
    EventLoops loops = EventLoops.of(executors);

    executors
        .get(1)
        .submit(() ->
            assertThatIllegalStateException()
                .isThrownBy(loops::await)
                .withMessageContaining("loop 1"))
        .get();
    assertThat(executors.get(0).submit(loops::current).get()).isZero();
    assertThat(executors.get(1).submit(loops::current).get()).isEqualTo(1);
    assertThat(loops.current()).isEqualTo(-1);
    assertThat(loops.count()).isEqualTo(2);
    assertThatIllegalArgumentException().isThrownBy(() -> EventLoops.of(List.of()));
  }

  @Test
  void aTerminatedLoopIsNotWaitedForButOneThatOnlyTakesNothingMoreIs() throws Exception {
    EventLoops loops = EventLoops.of(executors, SHORT);
    executors.get(0).shutdown();
    stall(1);
    executors.get(1).shutdown();

    assertThatExceptionOfType(GraceTimeoutException.class).isThrownBy(loops::await);
    goOn.countDown();
    assertThat(executors.get(1).awaitTermination(10, TimeUnit.SECONDS)).isTrue();

    loops.await();
  }

  @Test
  void aTaskThatIsThrownAwayAtShutdownIsNotWaitedForWithoutEnd() throws Exception {
    EventLoops loops = EventLoops.of(executors);
    stall(0);
    CompletableFuture<?> waiting = CompletableFuture.runAsync(loops::await);

    List<Runnable> thrownAway = new ArrayList<>();
    while (thrownAway.isEmpty()) { // until the waiting one's task was among them
      thrownAway.addAll(executors.get(0).shutdownNow());
      if (waiting.isDone()) {
        break;
      }
    }

    assertThat(waiting).succeedsWithin(Duration.ofSeconds(10));
  }

  @Test
  void ofAnExecutorWithoutAnEndItIsEnoughThatItTakesNothing() {
    EventLoops loops =
        EventLoops.of(
            List.of(_ -> {
              throw new RejectedExecutionException();
            }),
            SHORT);

    loops.await();
  }

  @Test
  void anInterruptIsKeptAndEndsNothing() throws Exception {
    EventLoops loops = EventLoops.of(executors);
    stall(0);
    AtomicBoolean interrupted = new AtomicBoolean();
    AtomicBoolean finished = new AtomicBoolean();
    Thread waiting =
        Thread.ofPlatform()
            .start(() -> {
              loops.await();
              interrupted.set(Thread.currentThread().isInterrupted());
              finished.set(true);
            });
    waiting.interrupt();

    assertThat(waiting.join(Duration.ofMillis(100))).isFalse();
    goOn.countDown();
    waiting.join();

    assertThat(finished).isTrue();
    assertThat(interrupted).isTrue();
  }

  @Test
  void sectionsAreWaitedForAndLaterOnesAreNot() throws Exception {
    ReadSections sections = new ReadSections();
    sections.await();
    int begunBefore = sections.enter();
    CompletableFuture<?> waiting = CompletableFuture.runAsync(sections::await);
    for (int i = 0; i < 1000; i++) {
      sections.exit(sections.enter()); // these don't hold it up
    }
    assertThat(waiting).failsWithin(SHORT);

    sections.exit(begunBefore);

    assertThat(waiting).succeedsWithin(Duration.ofSeconds(10));
  }

  @Test
  void aSectionThatDoesNotEndIsNotWaitedForWithoutEnd() {
    ReadSections sections = new ReadSections(SHORT);
    int section = sections.enter();

    assertThatExceptionOfType(GraceTimeoutException.class)
        .isThrownBy(sections::await)
        .withMessage("a lookup has not finished for 200 ms");
    sections.exit(section);
    sections.await();
  }

  /** What a lookup must not see: that the thing it holds has been declared unused. */
  private static final class Held {
    final AtomicBoolean retired = new AtomicBoolean();
  }

  @Test
  void nobodyWithinASectionHoldsWhatWasReplaced() throws InterruptedException {
    ReadSections sections = new ReadSections();
    AtomicReference<Held> current = new AtomicReference<>(new Held());
    AtomicBoolean done = new AtomicBoolean();
    AtomicBoolean violated = new AtomicBoolean();
    List<Thread> readers = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      readers.add(
          Thread.ofPlatform()
              .start(() -> {
                while (!done.get()) {
                  int section = sections.enter();
                  Held held = current.get();
                  for (int spin = 0; spin < 50; spin++) {
                    if (held.retired.get()) {
                      violated.set(true);
                    }
                  }
                  sections.exit(section);
                }
              }));
    }
    for (int i = 0; i < 2_000; i++) {
      Held old = current.getAndSet(new Held());
      sections.await();
      old.retired.set(true);
    }
    done.set(true);
    for (Thread reader : readers) {
      reader.join();
    }

    assertThat(violated).isFalse();
  }
}
