package io.sluice.proxy.relay;

import io.sluice.proxy.handover.Leaving;
import io.sluice.proxy.handover.Parting;
import io.sluice.proxy.observe.SessionFilter;
import io.sluice.proxy.observe.SessionWalk;
import org.jspecify.annotations.Nullable;

/** Hands the connections of one loop over, some at a time. Called on the loop only. */
final class PartingSessions implements Leaving {
  private final SessionWalk walk;
  private Parting some = new Parting();
  private boolean isOver;

  PartingSessions(Sessions sessions) {
    this.walk = sessions.walk(SessionFilter.ALL, this::pack);
  }

  private void pack(Sessions.Entry entry) {
    if (entry.pack(some.begin())) {
      entry.depart();
      some.add(entry);
    }
  }

  @Override
  public @Nullable Parting next() {
    some = new Parting();
    while (!isOver && !some.isFull()) {
      isOver = !walk.step(1);
    }
    return some.isEmpty() ? null : some;
  }

  @Override
  public void close() {
    walk.close();
  }
}
