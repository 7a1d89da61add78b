package io.sluice.steering.map;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * The threads that lookups run on, in the place of the kernel's CPUs: per-loop maps have a value
 * for each, and map-in-map updates wait for all of them.
 *
 * <p>A lookup never outlasts the task or event that it began in. So a loop that has run one more
 * task is done with all lookups that it had begun (quiescent-state-based reclamation), and lookups
 * themselves have nothing to do for it.
 */
public final class EventLoops implements GracePeriod {
  /** How long {@link #await} waits unless said otherwise. */
  public static final Duration DEFAULT_BOUND = Duration.ofSeconds(30);

  private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

  private final List<Executor> loops;
  private final long boundNanos;
  private final AtomicReferenceArray<@Nullable Thread> threads;

  private EventLoops(List<Executor> loops, long boundNanos) {
    this.loops = loops;
    this.boundNanos = boundNanos;
    this.threads = new AtomicReferenceArray<>(loops.size());
    for (int loop = 0; loop < loops.size(); loop++) {
      execute(loop, null);
    }
  }

  /** {@link #of(List, Duration)} with the {@link #DEFAULT_BOUND}. */
  public static EventLoops of(List<? extends Executor> loops) {
    return of(loops, DEFAULT_BOUND);
  }

  /**
   * Takes these executors as the loops, in their order, and gives each a task at once, from which
   * its thread is known.
   *
   * @param loops at least one; each runs its tasks one after the other, and the lookups between or
   *     in them
   * @param bound how long {@link #await} waits for the slowest
   */
  public static EventLoops of(List<? extends Executor> loops, Duration bound) {
    if (loops.isEmpty()) {
      throw new IllegalArgumentException("no loops");
    }
    return new EventLoops(List.copyOf(loops), bound.toNanos());
  }

  /** How many loops there are. */
  public int count() {
    return loops.size();
  }

  /**
   * The loop that this is called on, from 0; or -1 on another thread. Allocates nothing.
   *
   * <p>A loop is known by its thread from its first task on.
   */
  public int current() {
    Thread thread = Thread.currentThread();
    for (int loop = 0; loop < threads.length(); loop++) {
      if (thread.equals(threads.getAcquire(loop))) {
        return loop;
      }
    }
    return -1;
  }

  @Override
  public void checkThread() {
    int loop = current();
    if (loop >= 0) {
      throw new IllegalStateException("called on loop " + loop + ", which would wait for itself");
    }
  }

  /**
   * {@inheritDoc}
   *
   * <p>A loop that has shut down runs no lookups and isn't waited for, once its last task has
   * ended. (Of an executor that is no {@link ExecutorService} it is enough that it takes no task.)
   */
  @Override
  public void await() {
    checkThread();
    long start = System.nanoTime();
    CountDownLatch[] passed = new CountDownLatch[loops.size()];
    boolean[] taken = new boolean[loops.size()];
    for (int loop = 0; loop < passed.length; loop++) {
      passed[loop] = new CountDownLatch(1);
      taken[loop] = execute(loop, passed[loop]);
    }
    boolean interrupted = false;
    for (int loop = 0; loop < passed.length; loop++) {
      while (!isOver(loop, taken[loop], passed[loop].getCount() == 0)) {
        long left = boundNanos - (System.nanoTime() - start);
        if (left <= 0) {
          restore(interrupted);
          throw new GraceTimeoutException(
              "loop %d of %d has not finished what it does for %d ms"
                  .formatted(loop, passed.length, TimeUnit.NANOSECONDS.toMillis(boundNanos)));
        }
        try {
          boolean _ = passed[loop].await(Math.min(left, POLL_NANOS), TimeUnit.NANOSECONDS);
        } catch (InterruptedException _) {
          interrupted = true;
        }
      }
    }
    restore(interrupted);
  }

  private static void restore(boolean interrupted) {
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }

  /** Whether no lookup that had begun can still run on a loop. */
  private boolean isOver(int loop, boolean taken, boolean ran) {
    if (ran) {
      return true;
    }
    // A task that was taken may have been thrown away at shutdown.
    return loops.get(loop) instanceof ExecutorService service ? service.isTerminated() : !taken;
  }

  /** Gives a loop a task; false if it takes none. */
  private boolean execute(int loop, @Nullable CountDownLatch ran) {
    try {
      loops
          .get(loop)
          .execute(() -> {
            threads.setRelease(loop, Thread.currentThread());
            if (ran != null) {
              ran.countDown();
            }
          });
      return true;
    } catch (RejectedExecutionException _) {
      return false;
    }
  }
}
