package io.sluice.proxy.target;

import io.sluice.steering.Family;
import io.sluice.steering.Protocol;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The local ends of our own upstream sockets whose target lies inside what we capture. Traffic that
 * comes in from one of them would go round in circles, so it is refused as {@link
 * io.sluice.steering.DropReason#LOOP}.
 *
 * <p>Normally empty: ask {@link #isEmpty} first. Any thread.
 */
public final class OwnSources {
  // TCP may use one local port towards several targets at once, so sources are counted.
  private final ConcurrentHashMap<Source, Integer> sources = new ConcurrentHashMap<>();

  private record Source(Protocol protocol, Family family, long high, long low, int port) {}

  /** An upstream socket is about to send from here. */
  public void add(Protocol protocol, Family family, long high, long low, int port) {
    sources.merge(new Source(protocol, family, high, low, port), 1, Integer::sum);
  }

  /** Takes back one {@link #add}. */
  public void remove(Protocol protocol, Family family, long high, long low, int port) {
    sources.computeIfPresent(
        new Source(protocol, family, high, low, port), (_, count) -> count == 1 ? null : count - 1);
  }

  /** Whether traffic from this address and port is our own. */
  public boolean contains(Protocol protocol, Family family, long high, long low, int port) {
    return sources.containsKey(new Source(protocol, family, high, low, port));
  }

  /** Whether nothing can loop. */
  public boolean isEmpty() {
    return sources.isEmpty();
  }
}
