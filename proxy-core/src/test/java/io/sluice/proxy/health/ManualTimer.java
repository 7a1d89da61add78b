package io.sluice.proxy.health;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A timer whose time goes on when the test says so. */
public final class ManualTimer implements Timer {
  private final List<Task> tasks = new ArrayList<>();
  private long now;

  private record Task(long at, Runnable action) {}

  @Override
  public synchronized void after(long millis, Runnable action) {
    tasks.add(new Task(now + millis, action));
  }

  /** Lets time pass, and what is due then run. */
  public void pass(long millis) {
    long end = now + millis;
    for (Task next = take(end); next != null; next = take(end)) {
      next.action.run();
    }
    now = end;
  }

  private synchronized @Nullable Task take(long end) {
    Task first =
        tasks.stream()
            .filter(it -> it.at <= end)
            .min(Comparator.comparingLong(Task::at))
            .orElse(null);
    if (first != null) {
      tasks.remove(first);
      now = first.at;
    }
    return first;
  }
}
