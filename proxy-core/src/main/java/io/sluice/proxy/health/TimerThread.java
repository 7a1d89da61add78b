package io.sluice.proxy.health;

import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs what endpoints and names want later, on one thread of its own, which starts when it is first
 * needed. Any thread.
 */
public final class TimerThread implements Timer {
  private static final Logger log = LoggerFactory.getLogger(TimerThread.class);

  private final ScheduledThreadPoolExecutor thread =
      new ScheduledThreadPoolExecutor(
          1, Thread.ofPlatform().daemon().name("sluice-targets").factory());

  public TimerThread() {
    thread.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
    thread.setRejectedExecutionHandler((_, _) -> {}); // the daemon stops
  }

  @Override
  public void after(long millis, Runnable task) {
    var _ = thread.schedule(() -> run(task), millis, TimeUnit.MILLISECONDS);
  }

  private static void run(Runnable task) {
    try {
      task.run();
    } catch (RuntimeException failure) { // nobody asks for the future's result
      log.error("a target's timer failed", failure);
    }
  }

  @Override
  public void close() {
    thread.shutdownNow();
  }
}
