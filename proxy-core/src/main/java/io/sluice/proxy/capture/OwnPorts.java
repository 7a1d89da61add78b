package io.sluice.proxy.capture;

import io.sluice.steering.Family;
import io.sluice.steering.Protocol;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;

/**
 * Which ports this process has bound for captures. Its own sockets are in the way of a probe that
 * asks whether somebody else has a port, but not in the way of the shared socket that is bound
 * then.
 */
final class OwnPorts {
  private final Map<Port, Set<CapturePlan.Key>> keys = new HashMap<>();
  private boolean closedUdp;

  private record Port(Protocol protocol, Family family, int number) {
    static Port of(CapturePlan.Key key) {
      return new Port(key.protocol(), key.family(), key.port());
    }
  }

  void add(CapturePlan.Key key) {
    keys.computeIfAbsent(Port.of(key), _ -> new HashSet<>()).add(key);
  }

  void remove(CapturePlan.Key key) {
    keys.computeIfPresent(
        Port.of(key),
        (_, same) -> {
          same.remove(key);
          return same.isEmpty() ? null : same;
        });
  }

  /** A socket of UDP was closed, which flows may hold for a while. */
  void closedUdp() {
    closedUdp = true;
  }

  /** Whether we have the port on the wildcard, if this is a single address, or the reverse. */
  boolean areBeside(CapturePlan.Key key) {
    for (CapturePlan.Key same : keys.getOrDefault(Port.of(key), Set.of())) {
      if (same.address().isWildcard() || key.address().isWildcard()) {
        return true;
      }
    }
    return false;
  }

  /** Whether nobody but flows of ours has the port. Looks into /proc. */
  boolean areHeldByFlows(CapturePlan.Key key) {
    return closedUdp
        && key.protocol() == Protocol.UDP
        && PortHolder.isThisProcess(key.protocol(), key.port());
  }
}
