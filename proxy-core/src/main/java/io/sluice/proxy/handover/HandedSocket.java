package io.sluice.proxy.handover;

import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;

/**
 * A descriptor that goes over by itself, and what it is.
 *
 * @param name of an inherited socket, as systemd told it
 * @param arrival the place of its way in among those that there are
 * @param keyPort the port that it was to be bound to; 0 for any
 * @param port the port that it is bound to
 */
public record HandedSocket(
    Kind kind,
    String name,
    Protocol protocol,
    int arrival,
    IpAddress address,
    int keyPort,
    int port,
    int fd) {
  /** What a descriptor is. */
  public enum Kind {
    /** A capture's socket, one of its group. */
    CAPTURE,
    /** One that the process had inherited itself. */
    INHERITED,
    /** The link of the kernel's sk_lookup program. */
    LINK,
    /** The listening socket of {@code admin.http}. */
    ADMIN
  }

  /** One that has no address. */
  public static HandedSocket plain(Kind kind, int fd) {
    return new HandedSocket(kind, "", Protocol.TCP, 0, IpAddress.ANY_IPV4, 0, 0, fd);
  }

  /** Writes it; the descriptor goes with it. */
  public void pack(Packer out) {
    out.u8(kind.ordinal())
        .text(name)
        .u8(protocol.ordinal())
        .u8(arrival)
        .address(address)
        .u16(keyPort)
        .u16(port)
        .descriptor(fd);
  }

  /** Reads one. */
  public static HandedSocket unpack(Unpacker in) {
    return new HandedSocket(
        in.oneOf(Kind.values()),
        in.text(),
        in.oneOf(Protocol.values()),
        in.u8(),
        in.address(),
        in.u16(),
        in.u16(),
        in.descriptor());
  }
}
