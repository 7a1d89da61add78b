package io.sluice.proxy.capture;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;
import java.util.List;

/**
 * A bound socket that takes captured traffic in. One bound to a wildcard also gets what nobody
 * asked for: {@link #captures} tells it apart.
 *
 * @param fd the descriptor; listening, if it is TCP
 * @param address what it is bound to
 * @param port host order
 * @param prefixes what is captured through it; changes with the configuration
 */
public record CaptureSocket(
    int fd, Protocol protocol, IpAddress address, int port, Prefixes prefixes) {

  /** The captured prefixes of one socket. Written by the main thread, read by the loop. */
  public static final class Prefixes {
    private volatile IpPrefix[] prefixes;

    public Prefixes(List<IpPrefix> prefixes) {
      this.prefixes = prefixes.toArray(IpPrefix[]::new);
    }

    void replace(List<IpPrefix> prefixes) {
      this.prefixes = prefixes.toArray(IpPrefix[]::new);
    }

    boolean contain(Family family, long high, long low) {
      for (IpPrefix prefix : prefixes) {
        if (prefix.contains(family, high, low)) {
          return true;
        }
      }
      return false;
    }
  }

  /** Bound to {@code 0.0.0.0} or {@code ::}. */
  public boolean isWildcard() {
    return address.isWildcard();
  }

  /** Whether traffic to this local address is captured. Any thread; allocates nothing. */
  public boolean captures(Family family, long high, long low) {
    return prefixes.contain(family, high, low);
  }

  @Override
  public String toString() {
    return protocol.word() + " " + IpAddress.withPort(address, port);
  }
}
