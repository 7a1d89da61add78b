package io.sluice.proxy.flow;

import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.observe.SessionEnd;
import java.util.ArrayList;
import java.util.List;

/** Flows that have had all their answers, and end once those have left. On the loop's thread. */
final class DoneFlows {
  private final Loop loop;
  private final Flows flows;
  private final List<Flow> done = new ArrayList<>();
  private final Runnable endAll = this::endAll;

  DoneFlows(Loop loop, Flows flows) {
    this.loop = loop;
    this.flows = flows;
  }

  void add(Flow flow) {
    flow.isEnding = true;
    if (done.isEmpty()) {
      loop.execute(endAll); // when the replies have left: they were gathered before
    }
    done.add(flow);
  }

  /** Ends them, unless their clients have asked again meanwhile. */
  private void endAll() {
    try {
      for (int i = 0; i < done.size(); i++) {
        Flow flow = done.get(i);
        flow.isEnding = false;
        if (flow.isDone()) {
          flows.end(flow, SessionEnd.ANSWERED);
        }
      }
    } finally {
      done.clear();
    }
  }
}
