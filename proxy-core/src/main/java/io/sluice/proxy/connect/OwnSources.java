package io.sluice.proxy.connect;

import io.sluice.proxy.linux.Sockaddr;
import io.sluice.steering.Family;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
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
  // TCP may use one local port towards several targets at once, so sources are counted.
  private final ConcurrentHashMap<Source, Integer> sources = new ConcurrentHashMap<>();

  /**
   * Where an upstream socket sends from.
   *
   * @param remotePort 0 if what it sends is our own wherever it goes
   */
  public record Source(
      Protocol protocol,
      Family family,
      long high,
      long low,
      int port,
      long remoteHigh,
      long remoteLow,
      int remotePort) {}

  /** An upstream socket is about to send from here; the answer is for {@link #remove}. */
  public Source add(Protocol protocol, Sockaddr local) {
    return add(
        new Source(protocol, local.ipFamily(), local.high(), local.low(), local.port(), 0, 0, 0));
  }

  /** A transparent one is about to send from here to there. */
  public Source addTransparent(Protocol protocol, Sockaddr local, Sockaddr remote) {
    return add(
        new Source(
            protocol,
            local.ipFamily(),
            local.high(),
            local.low(),
            local.port(),
            remote.high(),
            remote.low(),
            remote.port()));
  }

  /** So does a socket that replies to a client which is captured itself. */
  public Source add(Source source) {
    sources.merge(source, 1, Integer::sum);
    return source;
  }

  /** Takes back one {@link #add}. */
  public void remove(Source source) {
    sources.computeIfPresent(source, (_, count) -> count == 1 ? null : count - 1);
  }

  /** Whether the traffic that a lookup is about is our own: by the addresses that it really has. */
  public boolean contains(LookupContext context) {
    return contains(context, 0, 0, 0)
        || contains(
            context,
            context.physicalLocalHigh(),
            context.physicalLocalLow(),
            context.physicalLocalPort());
  }

  private boolean contains(LookupContext context, long toHigh, long toLow, int toPort) {
    return sources.containsKey(
        new Source(
            context.protocol(),
            context.physicalFamily(),
            context.physicalRemoteHigh(),
            context.physicalRemoteLow(),
            context.physicalRemotePort(),
            toHigh,
            toLow,
            toPort));
  }

  /** Whether nothing can loop. */
  public boolean isEmpty() {
    return sources.isEmpty();
  }
}
