package io.sluice.steering.reuseport;

import io.sluice.steering.LookupContext;
import io.sluice.steering.Socket;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * The member with the least load for its weight; among equals, the next after the last selected.
 */
final class LeastConnections implements Strategy {
  private final Members members;
  private final ToIntFunction<Socket> load;
  private final AtomicInteger next = new AtomicInteger(); // two threads may see the same: no harm

  LeastConnections(Members members, ToIntFunction<Socket> load) {
    this.members = members;
    this.load = load;
  }

  @Override
  public int select(LookupContext context, @Nullable Tried tried, boolean evenDown) {
    int best = -1;
    long bestLoad = 0;
    int index = next.get();
    for (int i = 0; i < members.count(); i++) {
      if (members.isUsable(index, tried, evenDown)) {
        long its = load.applyAsInt(members.socket(index));
        if (best < 0 || its * members.weight(best) < bestLoad * members.weight(index)) {
          best = index;
          bestLoad = its;
        }
      }
      index = after(index);
    }
    if (best >= 0) {
      next.set(after(best));
    }
    return best;
  }

  private int after(int index) {
    return index + 1 == members.count() ? 0 : index + 1;
  }
}
