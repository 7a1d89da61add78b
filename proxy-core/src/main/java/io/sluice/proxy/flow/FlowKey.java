package io.sluice.proxy.flow;

import io.sluice.proxy.handover.Packer;
import io.sluice.proxy.handover.Unpacker;
import io.sluice.proxy.header.ProxyHeader;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.Tuple;
import org.jspecify.annotations.Nullable;

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
 * <p>The scope tells link-local clients of two interfaces apart. A client that a PROXY protocol
 * header announced has a second key, of the addresses by which its datagrams really come: so two
 * balancers that announce the same client have a flow each. Mutable, so that one instance serves
 * all lookups; the one of a flow is a {@link #copy} that nobody changes.
 */
final class FlowKey {
  private long clientHigh;
  private long clientLow;
  private long localHigh;
  private long localLow;
  private long ports;
  private long target; // its socket's cookie; 0 for a flow that has one target for all
  private @Nullable FlowKey via; // null: not announced
  private @Nullable FlowKey spareVia;

  /**
   * Takes over a client's address and port, and those that it sent to.
   *
   * @param clientScope the interface that a link-local client's address is valid on; otherwise 0
   */
  FlowKey set(Tuple packet, int clientScope) {
    clientHigh = packet.remoteHigh();
    clientLow = packet.remoteLow();
    localHigh = packet.localHigh();
    localLow = packet.localLow();
    ports =
        (packet.family() == Family.IPV6 ? Long.MIN_VALUE : 0)
            | (clientScope & 0x7fff_ffffL) << 32
            | (long) packet.remotePort() << 16
            | packet.localPort();
    target = 0;
    via = null;
    return this;
  }

  /** Takes over where another's client sent to, and no client. */
  void setLocal(FlowKey other) {
    copyAddresses(other);
    clientHigh = 0;
    clientLow = 0;
    ports &= Long.MIN_VALUE | 0xffff;
    target = 0;
    via = null;
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

  /** Describes it to another daemon; whose part it is the target says. */
  void pack(Packer out) {
    out.tuple(tuple()).i32(clientScope()).flag(isPart()).flag(via != null);
    if (via != null) {
      out.tuple(via.tuple()).i32(via.clientScope());
    }
  }

  /**
   * Reads what {@link #pack} wrote.
   *
   * @param part the number of the target whose part it is, if it is one
   */
  static FlowKey unpack(Unpacker in, long part) {
    FlowKey key = new FlowKey().set(in.tuple(), in.i32());
    boolean isPart = in.flag();
    key.via = in.flag() ? new FlowKey().set(in.tuple(), in.i32()) : null;
    key.target = isPart ? part : 0;
    return key;
  }

  /** Makes it the key of the client that a header announced, who comes by what it was until now. */
  void announce(ProxyHeader header) {
    FlowKey came = spareVia == null ? new FlowKey() : spareVia;
    came.copyAddresses(this);
    FlowKey _ = set(header.announced(), 0);
    spareVia = came;
    via = came;
  }

  /** Whether a PROXY protocol header announced the client. */
  boolean isAnnounced() {
    return via != null;
  }

  /** By which addresses the datagrams come and the replies go; itself if nobody was announced. */
  FlowKey physical() {
    return via == null ? this : via;
  }

  FlowKey copy() {
    FlowKey copy = new FlowKey();
    copy.copyAddresses(this);
    copy.target = target;
    copy.via = via == null ? null : via.copy();
    return copy;
  }

  private void copyAddresses(FlowKey other) {
    clientHigh = other.clientHigh;
    clientLow = other.clientLow;
    localHigh = other.localHigh;
    localLow = other.localLow;
    ports = other.ports;
  }

  boolean same(FlowKey other) {
    FlowKey otherVia = other.via;
    return sameAddresses(other)
        && (via == null ? otherVia == null : otherVia != null && via.sameAddresses(otherVia));
  }

  private boolean sameAddresses(FlowKey other) {
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
    hash = target == 0 ? hash : fold(target ^ otherSecret, hash ^ secret);
    return via == null ? hash : hash ^ via.hash(otherSecret, secret);
  }

  /**
   * Tells a lookup who sent the datagram, and where to.
   *
   * @param scratch overwritten
   */
  void describe(LookupContext context, Tuple scratch, int ifindex) {
    LookupContext _ = context.of(copyTo(scratch), ifindex);
    if (via != null) {
      LookupContext _ = context.physical(via.copyTo(scratch));
    }
  }

  /** The same without its scope, as an object that may be kept; allocates. */
  Tuple tuple() {
    return copyTo(new Tuple());
  }

  private Tuple copyTo(Tuple out) {
    return out.set(
        family(),
        Protocol.UDP,
        clientHigh,
        clientLow,
        clientPort(),
        localHigh,
        localLow,
        localPort());
  }

  /** How what we answer to the client looks, should it come in; allocates. */
  Tuple reply() {
    return new Tuple()
        .set(
            family(),
            Protocol.UDP,
            localHigh,
            localLow,
            localPort(),
            clientHigh,
            clientLow,
            clientPort());
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
        + IpAddress.withPort(local(), localPort())
        + (via == null ? "" : " via " + via);
  }
}
