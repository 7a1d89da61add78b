package io.sluice.proxy.control;

import io.sluice.config.ConfigException;
import java.io.IOException;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Does what may take long, or never end, on a thread of its own, so that a stop needn't wait: it
 * interrupts the thread, and leaves it behind if that doesn't help (code from a jar may do
 * anything).
 */
final class Interruptible {
  private static final long POLL_MILLIS = 50;
  private static final long PATIENCE_MILLIS = 1_000;

  private Interruptible() {}

  /**
   * Waits until it is done, or a stop is wished.
   *
   * @return the answer; null if it was given up for a stop
   */
  static <T> @Nullable T call(String name, Callable<@Nullable T> work, Wishes wishes)
      throws IOException, ConfigException, InterruptedException {
    FutureTask<@Nullable T> task = new FutureTask<>(work);
    Thread thread = Thread.ofPlatform().daemon().name(name).start(task);
    long millis = POLL_MILLIS;
    while (true) {
      try {
        return task.get(millis, TimeUnit.MILLISECONDS);
      } catch (TimeoutException _) {
        if (millis == PATIENCE_MILLIS) {
          return null;
        }
      } catch (ExecutionException failed) {
        if (failed.getCause() instanceof InterruptedException) {
          return null;
        }
        throw thrown(failed);
      }
      if (wishes.isStopWished()) {
        thread.interrupt();
        millis = PATIENCE_MILLIS;
      }
    }
  }

  /** Throws what the work threw. */
  private static IllegalStateException thrown(ExecutionException failed)
      throws IOException, ConfigException {
    Throwable thrown = failed.getCause();
    if (thrown instanceof IOException failure) {
      throw failure;
    }
    if (thrown instanceof ConfigException failure) {
      throw failure;
    }
    if (thrown instanceof RuntimeException failure) {
      throw failure;
    }
    if (thrown instanceof Error failure) {
      throw failure;
    }
    return new IllegalStateException(failed);
  }
}
