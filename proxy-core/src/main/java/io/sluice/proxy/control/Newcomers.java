package io.sluice.proxy.control;

import io.sluice.proxy.handover.Frame;
import io.sluice.proxy.handover.Movable;
import io.sluice.proxy.handover.Unpacker;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * Gives the loops what comes from another daemon, one after the other, and has it wait until the
 * other one has let go of it. On the thread that takes over.
 */
final class Newcomers {
  private final List<LoopSessions.Relays> loops;
  private final List<List<Movable>> waiting = new ArrayList<>();
  private final Map<Long, Integer> fronts = new HashMap<>(); // by cookie: the loop
  private int next;
  private int count;

  Newcomers(List<LoopSessions.Relays> loops) {
    this.loops = loops;
    loops.forEach(_ -> waiting.add(new ArrayList<>()));
  }

  /** Notes which loop reads which socket: a flow must be where its client's datagrams come. */
  void findFronts() throws IOException, InterruptedException {
    for (int i = 0; i < loops.size(); i++) {
      int index = i;
      LoopSessions.Relays it = loops.get(i);
      LoopSessions.onLoop(it.loop(), it.udp().moves()::frontCookies)
          .forEach(cookie -> fronts.put(cookie, index));
    }
  }

  /**
   * Takes what a frame brought.
   *
   * @return which of them it can't take
   */
  int[] take(Frame kind, List<Unpacker> descriptions) throws InterruptedException {
    int size = descriptions.size();
    int[] chosen = new int[size];
    long[] cookies = new long[size];
    for (int i = 0; i < size; i++) {
      if (kind == Frame.FLOWS) {
        cookies[i] = descriptions.get(i).i64();
        chosen[i] = fronts.getOrDefault(cookies[i], 0);
      } else {
        chosen[i] = next++ % loops.size();
      }
    }
    @Nullable Movable[] taken = new @Nullable Movable[size];
    List<Future<?>> running = new ArrayList<>();
    for (int i = 0; i < loops.size(); i++) {
      int loop = i;
      LoopSessions.Relays it = loops.get(i);
      running.add(
          it.loop()
              .events()
              .submit(() -> {
                for (int at = 0; at < size; at++) {
                  if (chosen[at] == loop) {
                    taken[at] =
                        kind == Frame.FLOWS
                            ? it.udp().moves().take(descriptions.get(at), cookies[at])
                            : it.tcp().take(descriptions.get(at));
                  }
                }
              }));
    }
    await(running);
    List<Integer> refused = new ArrayList<>();
    for (int i = 0; i < size; i++) {
      Movable one = taken[i];
      if (one == null) {
        refused.add(i);
      } else {
        waiting.get(chosen[i]).add(one);
      }
    }
    count += size - refused.size();
    return refused.stream().mapToInt(Integer::intValue).toArray();
  }

  private static void await(List<Future<?>> running) throws InterruptedException {
    for (Future<?> one : running) {
      try {
        one.get();
      } catch (ExecutionException failed) {
        throw new IllegalStateException(failed.getCause());
      }
    }
  }

  /** How many have been taken. */
  int count() {
    return count;
  }

  /** The other daemon has let go of what was taken: it goes on here. */
  void goOn() {
    each(Movable::back);
  }

  /** The other daemon goes on with what was taken last. */
  void drop() {
    each(Movable::gone);
  }

  private interface Step {
    void of(Movable one);
  }

  private void each(Step step) {
    for (int i = 0; i < loops.size(); i++) {
      List<Movable> some = List.copyOf(waiting.get(i));
      waiting.get(i).clear();
      if (!some.isEmpty()) {
        loops.get(i).loop().execute(() -> some.forEach(step::of));
      }
    }
  }
}
