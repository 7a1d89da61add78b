package io.sluice.proxy.flow;

import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.observe.AccessLog;
import io.sluice.proxy.observe.AccessRecord;
import io.sluice.proxy.observe.Outcome;
import io.sluice.proxy.observe.SessionEnd;
import io.sluice.proxy.observe.SessionFilter;
import io.sluice.proxy.observe.SessionState;
import io.sluice.proxy.observe.SessionWalk;
import io.sluice.proxy.target.Target;
import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;
import java.util.List;
import java.util.function.Consumer;

/**
 * A way through the flows that there were when it began. Their table moves entries about, so it
 * begins with a copy of the references, which takes some milliseconds for a million.
 */
final class FlowWalk implements SessionWalk {
  private final List<Flow> flows;
  private final SessionFilter filter;
  private final Consumer<Flow> action;
  private int at;

  FlowWalk(List<Flow> flows, SessionFilter filter, Consumer<Flow> action) {
    this.flows = flows;
    this.filter = filter;
    this.action = action;
  }

  @Override
  public boolean step(int most) {
    long now = Loop.nowMillis();
    int until = Math.min(at + most, flows.size());
    while (at < until) {
      Flow flow = flows.get(at++);
      if (!flow.isEnded && matches(flow, now)) {
        action.accept(flow);
      }
    }
    return at < flows.size();
  }

  private boolean matches(Flow flow, long nowMillis) {
    FlowKey key = flow.key();
    return filter.matches(
        flow.target().destination().label(),
        key.family(),
        key.clientHigh(),
        key.clientLow(),
        nowMillis - flow.openedMillis());
  }

  @Override
  public void close() {}

  /** Notes that a flow is over. */
  static void record(Flow flow, SessionEnd end) {
    if (AccessLog.isOn()) {
      FlowKey key = flow.key();
      Target target = flow.target();
      AccessLog.add(
          new AccessRecord(
              key.tuple(),
              target.destination().label(),
              target.toString(),
              end,
              Outcome.Phase.DATA,
              Loop.nowMillis() - flow.openedMillis(),
              flow.bytesIn,
              flow.bytesOut,
              key.isAnnounced()
                  ? IpAddress.withPort(key.physical().client(), key.physical().clientPort())
                  : null));
    }
  }

  /** How a flow is now. */
  static SessionState state(Flow flow, long nowMillis) {
    FlowKey key = flow.key();
    return new SessionState(
        Protocol.UDP,
        IpAddress.withPort(key.client(), key.clientPort()),
        IpAddress.withPort(key.local(), key.localPort()),
        flow.target().destination().label(),
        flow.target().toString(),
        flow.isAnswered ? "answered" : "unanswered",
        nowMillis - flow.openedMillis(),
        Math.max(0, nowMillis - flow.activeMillis()),
        flow.bytesIn,
        flow.bytesOut,
        SessionState.Tcp.NONE,
        SessionState.Tcp.NONE,
        key.isAnnounced()
            ? IpAddress.withPort(key.physical().client(), key.physical().clientPort())
            : null);
  }
}
