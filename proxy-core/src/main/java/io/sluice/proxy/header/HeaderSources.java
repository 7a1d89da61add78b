package io.sluice.proxy.header;

import io.sluice.config.CaptureSpec;
import io.sluice.config.ProxyProtocolIn;
import io.sluice.proxy.arrival.Exceptions;
import io.sluice.steering.Family;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which traffic must begin with a PROXY protocol header, by its physical addresses. The capture
 * with the longest prefix speaks for an address and port; of equal ones the first in the file.
 *
 * <p>Immutable; any thread; allocates nothing per question, and costs next to nothing where no
 * capture asks for headers.
 */
public final class HeaderSources {
  private final Place[] places; // the longest prefix first; empty if nobody announces anything

  /** A capture's prefix, and its ports of one protocol that others are left, as they are now. */
  private record Place(
      IpPrefix prefix, CaptureSpec capture, Protocol protocol, List<PortRange> exceptPorts) {}

  private HeaderSources(List<Place> places) {
    this.places = places.toArray(Place[]::new);
  }

  /** Those of a configuration's captures. */
  public static HeaderSources of(List<CaptureSpec> captures) {
    List<Place> places = new ArrayList<>();
    if (captures.stream().anyMatch(it -> it.proxyProtocol() != null)) {
      for (CaptureSpec capture : captures) {
        for (Protocol protocol : capture.protocols()) {
          // Also what sk_lookup leaves out by itself: no packet for it comes by that capture.
          List<PortRange> except = Exceptions.excepted(capture, protocol);
          capture
              .addresses()
              .forEach(prefix -> places.add(new Place(prefix, capture, protocol, except)));
        }
      }
      places.sort(Comparator.comparingInt(it -> -it.prefix.length())); // stable
    }
    return new HeaderSources(places);
  }

  /** Whether nobody announces anything. */
  public boolean isEmpty() {
    return places.length == 0;
  }

  /**
   * What the sender must begin with; null if it is an ordinary client, of which nothing is
   * believed. Addresses are the upper and the lower 64 bits, ports in host order.
   */
  public @Nullable ProxyProtocolIn of(
      Protocol protocol,
      Family family,
      long remoteHigh,
      long remoteLow,
      long localHigh,
      long localLow,
      int localPort) {
    for (Place place : places) {
      if (place.protocol == protocol
          && place.prefix.contains(family, localHigh, localLow)
          && has(place.capture.ports(), localPort)
          && !has(place.exceptPorts, localPort)
          && !excepts(place.capture, family, localHigh, localLow)) {
        ProxyProtocolIn in = place.capture.proxyProtocol();
        return in != null && in.isFrom(family, remoteHigh, remoteLow) ? in : null;
      }
    }
    return null;
  }

  /** Whether the capture leaves that address to others. */
  private static boolean excepts(CaptureSpec capture, Family family, long high, long low) {
    List<IpPrefix> prefixes = capture.options().exceptAddresses();
    for (int i = 0; i < prefixes.size(); i++) {
      if (prefixes.get(i).contains(family, high, low)) {
        return true;
      }
    }
    return false;
  }

  private static boolean has(List<PortRange> ports, int port) {
    for (int i = 0; i < ports.size(); i++) {
      if (ports.get(i).contains(port)) {
        return true;
      }
    }
    return false;
  }
}
