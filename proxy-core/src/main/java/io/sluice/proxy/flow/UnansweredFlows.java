package io.sluice.proxy.flow;

import org.jspecify.annotations.Nullable;

/**
 * The flows of one loop that no target has answered yet, by age. A flood with forged sources
 * consists of such flows, so they are the ones that make room; a flow that has been answered is
 * safe, as in Katran.
 */
final class UnansweredFlows {
  private @Nullable Flow oldest;
  private @Nullable Flow newest;

  @Nullable Flow oldest() {
    return oldest;
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
}
