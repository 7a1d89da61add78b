package io.sluice.proxy.flow;

import io.sluice.proxy.handover.Leaving;
import io.sluice.proxy.handover.LeavingWalk;
import io.sluice.proxy.handover.Movable;
import io.sluice.proxy.handover.Unpacker;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.observe.SessionFilter;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** How the flows of one loop go to another daemon, and come from one. Called on the loop only. */
public final class FlowMoves {
  private final Loop loop;
  private final Flows flows;
  private final Fronts fronts;

  FlowMoves(Loop loop, Flows flows, Fronts fronts) {
    this.loop = loop;
    this.flows = flows;
    this.fronts = fronts;
  }

  /** Hands the flows over, step by step. Their front sockets are paused. */
  public Leaving leaving() {
    return new LeavingWalk<>(each -> flows.walk(SessionFilter.ALL, each), flows::pack);
  }

  /** The kernel's names of the sockets that are read here. */
  public List<Long> frontCookies() {
    return fronts.all().stream().map(it -> it.cookie(loop.syscalls())).toList();
  }

  /**
   * Takes a flow that another daemon has; nobody listens to it yet.
   *
   * @param front what the kernel calls the socket that it replies through
   * @return null if it can't be taken; then its descriptor is closed
   */
  public @Nullable Movable take(Unpacker description, long front) {
    try (description) {
      for (FrontSocket it : fronts.all()) {
        if (it.cookie(loop.syscalls()) == front) {
          return flows.unpack(description, it);
        }
      }
      return null;
    } catch (RuntimeException malformed) {
      loop.fault("a flow of another daemon", malformed);
      return null;
    }
  }
}
