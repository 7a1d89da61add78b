package io.sluice.proxy.control;

import io.sluice.proxy.loop.Loop;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * Asks every loop, all the time, whether it still does what it is given: a task that must be done
 * within a second. Has a thread of its own, which does nothing else; {@code /livez} and systemd's
 * watchdog are told what it found.
 */
final class LoopWatch implements AutoCloseable {
  private static final long PATIENCE_MILLIS = 1_000;
  private static final long PERIOD_MILLIS = 500;

  private final List<Question> questions = new ArrayList<>();
  private final Thread thread;
  private volatile boolean isClosed;
  private volatile Runnable whenAllAnswer = () -> {};
  private volatile long everyMillis = Long.MAX_VALUE;
  private volatile Consumer<String> whenOneEnds = _ -> {};

  /** What one loop was asked last. */
  private static final class Question {
    private final Loop loop;
    private volatile long askedMillis;
    private volatile boolean isAnswered = true;

    Question(Loop loop) {
      this.loop = loop;
    }

    void ask(long nowMillis) {
      if (isAnswered) {
        isAnswered = false;
        askedMillis = nowMillis;
        try {
          loop.execute(() -> isAnswered = true);
        } catch (RuntimeException _) {
          // It takes no more tasks, and so won't answer.
        }
      }
    }

    boolean isLate(long nowMillis) {
      return !isAnswered && nowMillis - askedMillis > PATIENCE_MILLIS;
    }
  }

  LoopWatch(List<Loop> loops) {
    loops.forEach(loop -> questions.add(new Question(loop)));
    this.thread = Thread.ofPlatform().daemon().name("sluice-watch").start(this::run);
  }

  /**
   * Has something done again and again, on the watch's thread, for as long as every loop answers.
   */
  void whileAllAnswer(long everyMillis, Runnable action) {
    whenAllAnswer = action;
    this.everyMillis = everyMillis;
  }

  /** Has something done if a loop ends, which it never should: its connections would hang. */
  void whenOneEnds(Consumer<String> action) {
    whenOneEnds = action;
  }

  /** The loops that don't answer, like {@code loop 1 has not answered for 2300 ms}; or empty. */
  String stuck() {
    long now = Loop.nowMillis();
    List<String> late = new ArrayList<>();
    for (Question question : questions) {
      if (question.isLate(now)) {
        late.add(
            "loop %d has not answered for %d ms"
                .formatted(question.loop.index(), now - question.askedMillis));
      }
    }
    return String.join(", ", late);
  }

  private void run() {
    long toldMillis = Loop.nowMillis();
    while (!isClosed) {
      long now = Loop.nowMillis();
      for (Question question : questions) {
        if (question.loop.events().isShuttingDown() && !isClosed) {
          whenOneEnds.accept("loop " + question.loop.index() + " has ended");
        }
        question.ask(now);
      }
      if (now - toldMillis >= everyMillis && stuck().isEmpty()) {
        toldMillis = now;
        whenAllAnswer.run();
      }
      LockSupport.parkNanos(PERIOD_MILLIS * 1_000_000);
    }
  }

  @Override
  public void close() {
    isClosed = true;
    LockSupport.unpark(thread);
  }
}
