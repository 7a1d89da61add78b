package io.sluice.proxy.observe;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;
import org.jspecify.annotations.Nullable;

/**
 * A connection or datagram that was refused.
 *
 * @param number counts up on each loop
 * @param atMillis since 1970
 * @param clientHigh the address's upper 64 bits; 0 for IPv4
 * @param ifindex the interface it came in on; 0 if that isn't known
 * @param errno that decided; 0 if none did
 * @param program that dropped it; null or empty if none did
 * @param part of that program, counted from 0; -1 if it didn't say
 * @param decider that part: a rule, a binding; null if nobody knows
 * @param label of the destination that it was for
 * @param target that it was for
 */
public record Dropped(
    long number,
    long atMillis,
    Protocol protocol,
    Family family,
    long clientHigh,
    long clientLow,
    int clientPort,
    long localHigh,
    long localLow,
    int localPort,
    int ifindex,
    Refusal reason,
    int errno,
    @Nullable String program,
    int part,
    @Nullable Object decider,
    @Nullable String label,
    @Nullable Object target) {

  /** Address and port of who was refused. */
  public String client() {
    return IpAddress.withPort(IpAddress.of(family, clientHigh, clientLow), clientPort);
  }

  /** Address and port that it wanted. */
  public String local() {
    return IpAddress.withPort(IpAddress.of(family, localHigh, localLow), localPort);
  }
}
