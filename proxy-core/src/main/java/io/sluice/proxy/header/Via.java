package io.sluice.proxy.header;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;

/**
 * How a connection really came whose client a PROXY protocol header announced.
 *
 * @param remoteHigh the upper 64 bits of the peer's address, and so on; ports in host order
 * @param tlvs what else the header told, to be passed on; not changed by anybody
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record Via(
    Family family,
    long remoteHigh,
    long remoteLow,
    int remotePort,
    long localHigh,
    long localLow,
    int localPort,
    byte[] tlvs) {

  /** Of the connection that the context describes, before the announced addresses are put there. */
  public static Via of(LookupContext physical, byte[] tlvs) {
    return new Via(
        physical.family(),
        physical.remoteHigh(),
        physical.remoteLow(),
        physical.remotePort(),
        physical.localHigh(),
        physical.localLow(),
        physical.localPort(),
        tlvs);
  }

  /** The same with these TLVs. */
  public Via with(byte[] tlvs) {
    return new Via(family, remoteHigh, remoteLow, remotePort, localHigh, localLow, localPort, tlvs);
  }

  /** Describes the connection as if it announced nobody. */
  public LookupContext describe(LookupContext context, Protocol protocol, int ifindex) {
    return family == Family.IPV4
        ? context.ipv4(protocol, (int) remoteLow, remotePort, (int) localLow, localPort, ifindex)
        : context.ipv6(
            protocol, remoteHigh, remoteLow, remotePort, localHigh, localLow, localPort, ifindex);
  }

  /** Adds it to the context that describes the announced addresses. */
  public LookupContext addTo(LookupContext context) {
    return context.physical(
        family, remoteHigh, remoteLow, remotePort, localHigh, localLow, localPort);
  }

  /** The peer, as {@code address:port}. */
  @Override
  public String toString() {
    return IpAddress.withPort(IpAddress.of(family, remoteHigh, remoteLow), remotePort);
  }
}
