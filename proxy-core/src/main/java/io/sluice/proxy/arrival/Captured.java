package io.sluice.proxy.arrival;

import io.sluice.steering.Family;
import io.sluice.steering.Protocol;

/** Says what is captured, whichever method brings it. Any thread; allocates nothing. */
@FunctionalInterface
public interface Captured {
  /**
   * Whether traffic to this address and port is captured.
   *
   * @param high the address's upper 64 bits; 0 for IPv4
   * @param low its lower 64 bits; the whole of an IPv4 one
   * @param port host order
   */
  boolean contains(Protocol protocol, Family family, long high, long low, int port);
}
