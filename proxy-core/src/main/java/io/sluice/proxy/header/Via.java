package io.sluice.proxy.header;

import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Tuple;

/**
 * How a connection really came whose client a PROXY protocol header announced.
 *
 * @param came the addresses by which it came, {@code remote} being the peer; changed by nobody
 * @param tlvs what else the header told, to be passed on; changed by nobody
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
public record Via(Tuple came, byte[] tlvs) {

  /** Of the connection that the context describes, before the announced addresses are put there. */
  public static Via of(LookupContext physical, byte[] tlvs) {
    return new Via(physical.copyTo(new Tuple()), tlvs);
  }

  /** The same with these TLVs. */
  public Via with(byte[] tlvs) {
    return new Via(came, tlvs);
  }

  /** Describes the connection as if it announced nobody. */
  public LookupContext describe(LookupContext context, int ifindex) {
    return context.of(came, ifindex);
  }

  /** Adds it to the context that describes the announced addresses. */
  public LookupContext addTo(LookupContext context) {
    return context.physical(came);
  }

  /** The peer, as {@code address:port}. */
  @Override
  public String toString() {
    return IpAddress.withPort(came.remote(), came.remotePort());
  }
}
