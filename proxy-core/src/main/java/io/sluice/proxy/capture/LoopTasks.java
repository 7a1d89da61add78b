package io.sluice.proxy.capture;

import io.netty.util.concurrent.Future;
import io.sluice.proxy.loop.Loop;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Work for event loops, gathered so that each loop gets one task however many sockets there are.
 * Filled and run on one thread.
 */
final class LoopTasks {
  private final Map<Loop, List<Runnable>> tasks = new LinkedHashMap<>();

  void add(Loop loop, Runnable task) {
    tasks.computeIfAbsent(loop, _ -> new ArrayList<>()).add(task);
  }

  /** Gives the loops their tasks, and doesn't wait. */
  void start() {
    List<Future<?>> _ = submit();
  }

  /**
   * Gives the loops their tasks, and waits until all are done.
   *
   * @return the indexes of the loops that did not do them within this time
   */
  List<Integer> run(long timeoutMillis) {
    List<Loop> loops = List.copyOf(tasks.keySet());
    List<Future<?>> running = submit();
    long deadline = Loop.nowMillis() + timeoutMillis;
    List<Integer> late = new ArrayList<>();
    for (int i = 0; i < loops.size(); i++) {
      long left = Math.max(1, deadline - Loop.nowMillis());
      if (!running.get(i).awaitUninterruptibly(left)) {
        late.add(loops.get(i).index());
      }
    }
    return late;
  }

  private List<Future<?>> submit() {
    List<Future<?>> running = new ArrayList<>();
    tasks.forEach((loop, todo) -> running.add(loop.events().submit(() -> runOn(loop, todo))));
    tasks.clear();
    return running;
  }

  /** One that fails doesn't keep the others from being done. */
  private static void runOn(Loop loop, List<Runnable> todo) {
    for (Runnable task : todo) {
      try {
        task.run();
      } catch (RuntimeException | Error failure) {
        loop.fault("a change of captures", failure);
      }
    }
  }
}
