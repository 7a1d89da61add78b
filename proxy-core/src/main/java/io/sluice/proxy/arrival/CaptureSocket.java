package io.sluice.proxy.arrival;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;

/**
 * A socket that takes captured traffic in. Unless that can only be what its address and port say,
 * it may also get what nobody asked for: {@link #captures} tells it apart.
 *
 * @param fd the descriptor; listening, if it is TCP
 * @param address what it is bound to
 * @param port host order
 * @param isShared whether others outside this process have the socket too: its state is theirs
 * @param captured what is captured; changes with the configuration
 */
public record CaptureSocket(
    int fd,
    Protocol protocol,
    IpAddress address,
    int port,
    Arrival arrival,
    boolean isShared,
    Captured captured) {

  /** A socket of our own that was bound to what it takes. */
  public static CaptureSocket bound(
      int fd, Protocol protocol, IpAddress address, int port, Captured captured) {
    Arrival arrival = address.isWildcard() ? Arrival.WILDCARD : Arrival.BOUND;
    return new CaptureSocket(fd, protocol, address, port, arrival, false, captured);
  }

  /** Whether traffic wanted just what the socket is bound to. */
  public boolean isBound() {
    return arrival == Arrival.BOUND;
  }

  /** Whether traffic to this local address and port is captured. Any thread; allocates nothing. */
  public boolean captures(Family family, long high, long low, int localPort) {
    return captured.contains(protocol, family, high, low, localPort);
  }

  @Override
  public String toString() {
    return protocol.word() + " " + IpAddress.withPort(address, port);
  }
}
