package io.sluice.proxy.name;

import java.util.ArrayDeque;
import java.util.Queue;

/** Lets so many tasks run at a time; the others wait in turn. Any thread. */
final class Lane {
  private final int width;
  private final Queue<Runnable> waiting = new ArrayDeque<>();
  private int running;

  Lane(int width) {
    this.width = width;
  }

  /** Starts a task, now or when it is its turn; it must call {@link #done} once. */
  void run(Runnable task) {
    synchronized (this) {
      if (running == width) {
        waiting.add(task);
        return;
      }
      running++;
    }
    task.run();
  }

  /** One has ended: the next may start. */
  void done() {
    Runnable next;
    synchronized (this) {
      next = waiting.poll();
      if (next == null) {
        running--;
        return;
      }
    }
    next.run();
  }
}
