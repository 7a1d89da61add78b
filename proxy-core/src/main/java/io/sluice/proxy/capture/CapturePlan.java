package io.sluice.proxy.capture;

import io.sluice.config.CaptureSpec;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Which sockets the captures of a configuration need.
 *
 * <p>Under {@code bind}, a single address gets a socket of its own: nobody else's traffic reaches
 * it. A prefix gets one wildcard socket per port, for all its addresses, whether the machine has
 * them already or not; what such a socket takes in for other addresses is refused.
 *
 * <p>Where the kernel or nftables brings the traffic, one socket of each protocol takes all of it:
 * under {@code sk_lookup} of both families, as what is bound to an IPv4-mapped address may be
 * assigned packets of either; under the others, where the address counts, one of each. It is bound
 * to the loopback, where nobody outside reaches it by itself; a redirected packet gets the address
 * of the interface that it came in by, so {@code redirect} needs the wildcard.
 */
final class CapturePlan {
  private static final IpAddress LOOPBACK_IPV4 = IpAddress.ipv4(0x7f000001);
  private static final IpAddress LOOPBACK_IPV6 = IpAddress.ipv6(0, 1);
  private static final IpAddress LOOPBACK_BOTH = IpAddress.ipv6(0, 0xffff_7f00_0001L);

  /**
   * One socket address to bind.
   *
   * @param port 0: any free one
   */
  record Key(Protocol protocol, IpAddress address, int port, Arrival arrival) {
    Family family() {
      return address.family();
    }

    /** Whether the socket is an IPv6 one that takes IPv4, too. */
    boolean isOfBothFamilies() {
      return address.isIpv4Mapped();
    }

    @Override
    public String toString() {
      return protocol.word() + " " + IpAddress.withPort(address, port);
    }
  }

  private CapturePlan() {}

  /**
   * The sockets for these captures, and for each the first capture that needs it. Inherited ones
   * are there already.
   *
   * @param ipv6 whether this machine has IPv6 sockets at all
   */
  static Map<Key, CaptureSpec> of(List<CaptureSpec> captures, boolean ipv6) {
    Map<Key, CaptureSpec> wanted = new LinkedHashMap<>();
    for (CaptureSpec capture : captures) {
      for (Protocol protocol : capture.protocols()) {
        for (IpPrefix prefix : capture.addresses()) {
          switch (capture.method()) {
            case AUTO, BIND -> addBound(wanted, capture, protocol, prefix);
            case SK_LOOKUP -> {
              // Of both even if only IPv4 is captured: a reload that brings IPv6 finds it there.
              boolean both = ipv6 || prefix.family() == Family.IPV6;
              IpAddress bound = both ? LOOPBACK_BOTH : LOOPBACK_IPV4;
              wanted.putIfAbsent(new Key(protocol, bound, 0, Arrival.SK_LOOKUP), capture);
            }
            case TPROXY, REDIRECT -> {
              Arrival arrival = arrival(capture.method());
              IpAddress bound = bound(prefix.family(), arrival);
              int port = capture.options().socketPort();
              wanted.putIfAbsent(new Key(protocol, bound, port, arrival), capture);
            }
            case INHERITED -> {}
          }
        }
      }
    }
    return wanted;
  }

  private static void addBound(
      Map<Key, CaptureSpec> wanted, CaptureSpec capture, Protocol protocol, IpPrefix prefix) {
    boolean isExcepted =
        capture.options().exceptAddresses().stream().anyMatch(it -> it.contains(prefix));
    if (isExcepted) {
      return;
    }
    Arrival arrival = prefix.isSingle() ? Arrival.BOUND : Arrival.WILDCARD;
    for (PortRange range : Exceptions.ports(capture, protocol).ranges()) {
      for (int port = range.first(); port <= range.last(); port++) {
        wanted.putIfAbsent(new Key(protocol, bound(prefix), port, arrival), capture);
      }
    }
  }

  private static Arrival arrival(CaptureSpec.Method method) {
    return switch (method) {
      case AUTO, BIND, INHERITED -> Arrival.WILDCARD;
      case SK_LOOKUP -> Arrival.SK_LOOKUP;
      case TPROXY -> Arrival.TPROXY;
      case REDIRECT -> Arrival.REDIRECT;
    };
  }

  private static IpAddress bound(Family family, Arrival arrival) {
    if (arrival == Arrival.REDIRECT) {
      return family == Family.IPV4 ? IpAddress.ANY_IPV4 : IpAddress.ANY_IPV6;
    }
    return family == Family.IPV4 ? LOOPBACK_IPV4 : LOOPBACK_IPV6;
  }

  /** What the socket for a prefix is bound to under {@code bind}. */
  static IpAddress bound(IpPrefix prefix) {
    if (prefix.isSingle()) {
      return prefix.address();
    }
    return prefix.family() == Family.IPV4 ? IpAddress.ANY_IPV4 : IpAddress.ANY_IPV6;
  }

  /** How a capture's traffic comes in: by which of our sockets, or by which range. */
  static String way(CaptureSpec capture, IpPrefix prefix, int port) {
    return switch (capture.method()) {
      case BIND -> IpAddress.withPort(bound(prefix), port);
      case AUTO, SK_LOOKUP -> prefix.toString(); // of auto, only the running daemon knows more
      case TPROXY, REDIRECT -> {
        IpAddress through = bound(prefix.family(), arrival(capture.method()));
        yield prefix + " through " + IpAddress.withPort(through, capture.options().socketPort());
      }
      case INHERITED -> capture.fdName();
    };
  }
}
