package io.sluice.proxy.target;

import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.linux.Sysctl;
import io.sluice.proxy.loop.Share;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Own addresses that connections to targets come from in turn. Addresses are computed, not kept, so
 * that a prefix may be of any size. Any thread; allocates nothing per turn.
 */
public final class SourceAddresses {
  /** Of a larger prefix, so many are used: enough, and their number still fits. */
  static final long MOST_PER_PREFIX = 1L << 32;

  private final IpPrefix[] ipv4;
  private final IpPrefix[] ipv6;
  private final long ipv4Count;
  private final long ipv6Count;
  private final AtomicLong turn = new AtomicLong();
  private final Share ports;

  public SourceAddresses(List<IpPrefix> prefixes) {
    this.ipv4 = of(prefixes, Family.IPV4);
    this.ipv6 = of(prefixes, Family.IPV6);
    this.ipv4Count = total(ipv4);
    this.ipv6Count = total(ipv6);
    this.ports = new Share((ipv4Count + ipv6Count) * portsPerAddress());
  }

  private static IpPrefix[] of(List<IpPrefix> prefixes, Family family) {
    return prefixes.stream().filter(it -> it.family() == family).toArray(IpPrefix[]::new);
  }

  private static long total(IpPrefix[] prefixes) {
    long total = 0;
    for (IpPrefix prefix : prefixes) {
      total += size(prefix);
    }
    return total;
  }

  private static long size(IpPrefix prefix) {
    int bits = prefix.family().bits() - prefix.length();
    return bits >= 32 ? MOST_PER_PREFIX : 1L << bits;
  }

  /** The ports that flows from these addresses may have. */
  public Share ports() {
    return ports;
  }

  /** How many addresses of a family there are. */
  public long count(Family family) {
    return family == Family.IPV4 ? ipv4Count : ipv6Count;
  }

  /** The next turn, for {@link #write}. */
  public long next() {
    return turn.getAndIncrement();
  }

  /**
   * Writes the address whose turn it is, with port 0.
   *
   * @param family one with a {@link #count}
   * @return whether it is one of many, rather than written out: then the machine may have just a
   *     route for it
   */
  public boolean write(Family family, long turn, Sockaddr out) {
    long left = Long.remainderUnsigned(turn, count(family));
    for (IpPrefix prefix : family == Family.IPV4 ? ipv4 : ipv6) {
      long size = size(prefix);
      if (left < size) {
        IpAddress first = prefix.address();
        out.set(family, first.high(), first.low() + left, 0);
        return !prefix.isSingle();
      }
      left -= size;
    }
    throw new IllegalArgumentException("no address of " + family);
  }

  /**
   * How many of an address's ports flows may have at once. They never get the upper half of the
   * range, which is the machine's other programs'; and a quarter of theirs stays free, so that the
   * kernel needn't search long.
   */
  private static long portsPerAddress() {
    return Math.max(1, Sysctl.ephemeralPorts().size() / 2L * 3 / 4);
  }
}
