package io.sluice.proxy.flow;

import io.sluice.proxy.loop.Share;
import io.sluice.proxy.observe.RateLimit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which flow of a loop ends when a new one needs its place. First those that no target has answered
 * yet, by age: a flood with forged sources consists of them. Then those that have been answered,
 * the one that has been idle longest first. Each step costs the same, however many there are.
 * Belongs to its loop's thread.
 */
final class Eviction {
  private static final Logger log = LoggerFactory.getLogger(Eviction.class);
  private static final RateLimit logLimit = new RateLimit(10_000);

  private static final int MOST_LOOKED_AT = 64;

  private final FlowQueue unanswered = new FlowQueue();
  private final FlowQueue answered = new FlowQueue();

  /** What is used up, and what an operator can change. */
  enum Shortage {
    FLOWS("limits.flows is reached", "raise it", 1),
    DESCRIPTORS(
        "UDP's share of the file descriptors is used up", "raise LimitNOFILE= or ulimit -n", 1),
    PORTS(
        "UDP's share of the local ports is used up",
        "widen net.ipv4.ip_local_port_range or give the destination source addresses",
        1),
    /** A search that finds no port costs much, so several flows end for a new one. */
    PORTS_OF_THE_MACHINE(
        "other programs hold the local ports", "widen net.ipv4.ip_local_port_range", 32);

    private final String what;
    private final String change;
    private final int flowsAtOnce;

    Shortage(String what, String change, int flowsAtOnce) {
      this.what = what;
      this.change = change;
      this.flowsAtOnce = flowsAtOnce;
    }

    /** How many flows make room for one. */
    int flowsAtOnce() {
      return flowsAtOnce;
    }

    /** Whether only a flow of the same share of ports helps. */
    boolean isOfPorts() {
      return this == PORTS || this == PORTS_OF_THE_MACHINE;
    }
  }

  void opened(Flow flow) {
    unanswered.add(flow);
  }

  /** A flow has been answered for the first time, or was used again since. */
  void used(Flow flow, boolean isFirst) {
    if (isFirst) {
      unanswered.remove(flow);
      answered.add(flow);
    } else {
      answered.renew(flow);
    }
  }

  void ended(Flow flow) {
    (flow.isAnswered ? answered : unanswered).remove(flow);
  }

  /** The flow that is to go; null if there is none. */
  @Nullable Flow next() {
    Flow forged = unanswered.oldest();
    return forged != null ? forged : answered.oldest();
  }

  /**
   * The next whose port is of a share; null if it isn't among the first {@value #MOST_LOOKED_AT}.
   */
  @Nullable Flow next(@Nullable Share ports) {
    Flow forged = unanswered.oldestWith(ports, MOST_LOOKED_AT);
    return forged != null ? forged : answered.oldestWith(ports, MOST_LOOKED_AT);
  }

  /** Logs, at a bounded rate, that flows make room, and what an operator can change. */
  void tell(Shortage shortage, int flows) {
    if (logLimit.permits()) {
      log.warn(
          "flows make room for new ones why=\"{}\" flows={} change=\"{}; for protocols of question"
              + " and answer set the destination's responses; or shorten its idleTimeout\""
              + " suppressed={}",
          shortage.what,
          flows,
          shortage.change,
          logLimit.suppressed());
    }
  }
}
