package io.sluice.steering;

import org.jspecify.annotations.Nullable;

/**
 * The five values that name a connection or a flow: protocol, and address and port of both ends.
 * {@code remote} is the client, {@code local} is what the client wants.
 *
 * <p>Mutable, so that one object serves for many packets: one thread owns it. Two tuples are equal
 * if all values are; a tuple that is a key of a map must not change while it is one.
 *
 * <p>Addresses are two longs, most significant first; an IPv4 address is the low 32 bits of the low
 * one. Ports are in host order, 0–65535.
 */
public final class Tuple {
  private Family family = Family.IPV4;
  private Protocol protocol = Protocol.TCP;
  private long remoteHigh;
  private long remoteLow;
  private long localHigh;
  private long localLow;
  private char remotePort;
  private char localPort;

  /** Sets all values. */
  public Tuple set(
      Family family,
      Protocol protocol,
      long remoteHigh,
      long remoteLow,
      int remotePort,
      long localHigh,
      long localLow,
      int localPort) {
    this.family = family;
    this.protocol = protocol;
    this.remoteHigh = remoteHigh;
    this.remoteLow = remoteLow;
    this.remotePort = (char) remotePort;
    this.localHigh = localHigh;
    this.localLow = localLow;
    this.localPort = (char) localPort;
    return this;
  }

  /** Takes over all values of another. */
  public Tuple copyFrom(Tuple other) {
    return set(
        other.family,
        other.protocol,
        other.remoteHigh,
        other.remoteLow,
        other.remotePort,
        other.localHigh,
        other.localLow,
        other.localPort);
  }

  /** The family of both addresses. */
  public Family family() {
    return family;
  }

  public Protocol protocol() {
    return protocol;
  }

  /** The client's address, upper 64 bits; 0 for IPv4. */
  public long remoteHigh() {
    return remoteHigh;
  }

  /** The client's address, lower 64 bits; the whole of an IPv4 one. */
  public long remoteLow() {
    return remoteLow;
  }

  /** The client's port, host order. */
  public int remotePort() {
    return remotePort;
  }

  /** The address that the client wants, upper 64 bits; 0 for IPv4. */
  public long localHigh() {
    return localHigh;
  }

  /** The address that the client wants, lower 64 bits; the whole of an IPv4 one. */
  public long localLow() {
    return localLow;
  }

  /** The port that the client wants, host order. */
  public int localPort() {
    return localPort;
  }

  /** The client's address as an object; allocates. */
  public IpAddress remote() {
    return IpAddress.of(family, remoteHigh, remoteLow);
  }

  /** The wanted address as an object; allocates. */
  public IpAddress local() {
    return IpAddress.of(family, localHigh, localLow);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof Tuple it
        && remoteLow == it.remoteLow
        && remotePort == it.remotePort
        && localLow == it.localLow
        && localPort == it.localPort
        && remoteHigh == it.remoteHigh
        && localHigh == it.localHigh
        && family == it.family
        && protocol == it.protocol;
  }

  /** Mixes all values; not for tables that an attacker fills. */
  @Override
  public int hashCode() {
    long mixed = remoteLow ^ Long.rotateLeft(localLow, 32) ^ remoteHigh;
    mixed = (mixed ^ Long.rotateLeft(localHigh, 16)) * 0x9e37_79b9_7f4a_7c15L;
    mixed = (mixed ^ ((long) remotePort << 16 | localPort)) * 0xbf58_476d_1ce4_e5b9L;
    return (int) (mixed >>> 32) ^ family.ordinal() << 1 ^ protocol.ordinal();
  }

  /** As {@code explain} writes it: {@code tcp 203.0.113.9:51234 → 127.0.1.7:8080}. */
  @Override
  public String toString() {
    return protocol.word()
        + " "
        + IpAddress.withPort(remote(), remotePort)
        + " → "
        + IpAddress.withPort(local(), localPort);
  }
}
