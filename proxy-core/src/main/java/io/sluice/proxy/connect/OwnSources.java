package io.sluice.proxy.connect;

import io.sluice.proxy.linux.Sockaddr;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.Tuple;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The local ends of our own upstream sockets whose target lies inside what we capture. Traffic that
 * comes in from one of them would go round in circles, so it is refused as {@link
 * io.sluice.proxy.observe.Refusal#LOOP}.
 *
 * <p>A transparent socket's local end is the client's as well, who may have other business with us:
 * of it, only what goes to that target is our own.
 *
 * <p>Normally empty: ask {@link #isEmpty} first. Any thread.
 */
public final class OwnSources {
  // By what comes in: remote is our end, local is where it goes to, or zeros for anywhere.
  // TCP may use one local port towards several targets at once, so sources are counted.
  private final ConcurrentHashMap<Tuple, Integer> sources = new ConcurrentHashMap<>();

  /** An upstream socket is about to send from here; the answer is for {@link #remove}. */
  public Tuple add(Protocol protocol, Sockaddr local) {
    return add(
        new Tuple()
            .set(local.ipFamily(), protocol, local.high(), local.low(), local.port(), 0, 0, 0));
  }

  /** A transparent one is about to send from here to there. */
  public Tuple addTransparent(Protocol protocol, Sockaddr local, Sockaddr remote) {
    return add(
        new Tuple()
            .set(
                local.ipFamily(),
                protocol,
                local.high(),
                local.low(),
                local.port(),
                remote.high(),
                remote.low(),
                remote.port()));
  }

  /** So does a socket that replies to a client which is captured itself. */
  public Tuple add(Tuple source) {
    sources.merge(source, 1, Integer::sum);
    return source;
  }

  /** Takes back one {@link #add}. */
  public void remove(Tuple source) {
    sources.computeIfPresent(source, (_, count) -> count == 1 ? null : count - 1);
  }

  /** Whether the traffic that a lookup is about is our own: by the addresses that it really has. */
  public boolean contains(LookupContext context) {
    Tuple came = context.copyPhysicalTo(new Tuple());
    return sources.containsKey(came) || sources.containsKey(toAnywhere(came));
  }

  private static Tuple toAnywhere(Tuple came) {
    return came.set(
        came.family(),
        came.protocol(),
        came.remoteHigh(),
        came.remoteLow(),
        came.remotePort(),
        0,
        0,
        0);
  }

  /** Whether nothing can loop. */
  public boolean isEmpty() {
    return sources.isEmpty();
  }
}
