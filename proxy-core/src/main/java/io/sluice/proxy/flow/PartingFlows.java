package io.sluice.proxy.flow;

import io.sluice.proxy.handover.Leaving;
import io.sluice.proxy.handover.Parting;
import io.sluice.proxy.observe.SessionFilter;
import io.sluice.proxy.observe.SessionWalk;
import org.jspecify.annotations.Nullable;

/** Hands the flows of one loop over, some at a time. Called on the loop only. */
final class PartingFlows implements Leaving {
  private final SessionWalk walk;
  private Parting some = new Parting();
  private boolean isOver;

  PartingFlows(Flows flows) {
    this.walk =
        flows.walk(
            SessionFilter.ALL,
            flow -> {
              flows.pack(flow, some.begin());
              some.add(flow);
            });
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
