package io.sluice.proxy.flow;

import io.sluice.proxy.loop.Share;
import org.jspecify.annotations.Nullable;

/** Flows of one loop in the order in which they were added. A flow is in one queue at a time. */
final class FlowQueue {
  private @Nullable Flow oldest;
  private @Nullable Flow newest;

  @Nullable Flow oldest() {
    return oldest;
  }

  /** The oldest whose port is of a share; null if none of so many oldest ones is. */
  @Nullable Flow oldestWith(@Nullable Share ports, int lookedAt) {
    Flow flow = oldest;
    for (int i = 0; i < lookedAt && flow != null; i++) {
      if (flow.ports == ports) {
        return flow;
      }
      flow = flow.newer;
    }
    return null;
  }

  void add(Flow flow) {
    flow.older = newest;
    if (newest == null) {
      oldest = flow;
    } else {
      newest.newer = flow;
    }
    newest = flow;
  }

  /** Takes out one that is in. */
  void remove(Flow flow) {
    if (flow.older == null) {
      oldest = flow.newer;
    } else {
      flow.older.newer = flow.newer;
    }
    if (flow.newer == null) {
      newest = flow.older;
    } else {
      flow.newer.older = flow.older;
    }
    flow.older = null;
    flow.newer = null;
  }

  /** Has one that is in wait behind all others. */
  void renew(Flow flow) {
    if (flow != newest) {
      remove(flow);
      add(flow);
    }
  }
}
