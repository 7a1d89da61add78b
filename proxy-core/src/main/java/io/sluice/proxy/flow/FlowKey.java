package io.sluice.proxy.flow;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;

/**
 * What a flow is: a client's address and port, and the address and port that it sent to; and where
 * each datagram has a target of its own ({@code affinity: datagram}), the target. Six longs,
 * without an object for any of them:
 *
 * <pre>
 *   63    62          32 31         16 15        0
 *   +----+--------------+-------------+-----------+
 *   | v6 | client scope | client port | local port|   ports
 *   +----+--------------+-------------+-----------+
 * </pre>
 *
 * <p>The scope tells link-local clients of two interfaces apart. Mutable, so that one instance
 * serves all lookups; the one of a flow is a {@link #copy} that nobody changes.
 */
final class FlowKey {
  private long clientHigh;
  private long clientLow;
  private long localHigh;
  private long localLow;
  private long ports;
  private long target; // its socket's cookie; 0 for a flow that has one target for all

  /** Addresses are the upper and the lower 64 bits, ports in host order, as in the context. */
  FlowKey set(
      Family family,
      long clientHigh,
      long clientLow,
      int clientPort,
      int clientScope,
      long localHigh,
      long localLow,
      int localPort) {
    this.clientHigh = clientHigh;
    this.clientLow = clientLow;
    this.localHigh = localHigh;
    this.localLow = localLow;
    this.ports =
        (family == Family.IPV6 ? Long.MIN_VALUE : 0)
            | (clientScope & 0x7fff_ffffL) << 32
            | (long) clientPort << 16
            | localPort;
    this.target = 0;
    return this;
  }

  /**
   * Narrows the key down to one target's part of the client's datagrams.
   *
   * @param target a number of its own, or 0: any
   */
  void target(long target) {
    this.target = target;
  }

  /** Whether it is that of one target's part. */
  boolean isPart() {
    return target != 0;
  }

  FlowKey copy() {
    FlowKey copy = new FlowKey();
    copy.clientHigh = clientHigh;
    copy.clientLow = clientLow;
    copy.localHigh = localHigh;
    copy.localLow = localLow;
    copy.ports = ports;
    copy.target = target;
    return copy;
  }

  boolean same(FlowKey other) {
    return clientLow == other.clientLow
        && ports == other.ports
        && localLow == other.localLow
        && clientHigh == other.clientHigh
        && localHigh == other.localHigh
        && target == other.target;
  }

  /**
   * A hash that a client who chooses its address and port can't aim: 64 × 64 bit multiplications
   * folded together, as wyhash does, with secrets of the table.
   */
  long hash(long secret, long otherSecret) {
    long hash = fold(clientHigh ^ secret, clientLow ^ otherSecret);
    hash = fold(localHigh ^ secret, localLow ^ hash);
    hash = fold(ports ^ otherSecret, hash ^ secret);
    return target == 0 ? hash : fold(target ^ otherSecret, hash ^ secret);
  }

  private static long fold(long a, long b) {
    return a * b ^ Math.unsignedMultiplyHigh(a, b);
  }

  Family family() {
    return ports < 0 ? Family.IPV6 : Family.IPV4;
  }

  long clientHigh() {
    return clientHigh;
  }

  long clientLow() {
    return clientLow;
  }

  int clientPort() {
    return (int) (ports >>> 16) & 0xffff;
  }

  int clientScope() {
    return (int) (ports >>> 32) & 0x7fff_ffff;
  }

  long localHigh() {
    return localHigh;
  }

  long localLow() {
    return localLow;
  }

  int localPort() {
    return (int) ports & 0xffff;
  }

  /** The client's address as an object; allocates. */
  IpAddress client() {
    return IpAddress.of(family(), clientHigh, clientLow);
  }

  /** The address that the client sent to as an object; allocates. */
  IpAddress local() {
    return IpAddress.of(family(), localHigh, localLow);
  }

  @Override
  public String toString() {
    return IpAddress.withPort(client(), clientPort())
        + " → "
        + IpAddress.withPort(local(), localPort());
  }
}
