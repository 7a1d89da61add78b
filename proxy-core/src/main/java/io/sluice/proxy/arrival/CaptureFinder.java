package io.sluice.proxy.arrival;

import io.sluice.config.CaptureSpec;
import io.sluice.steering.Family;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Which capture speaks for an address and port: the one with the longest prefix; of equal ones the
 * first in the file. Immutable; any thread; allocates nothing per question.
 */
public final class CaptureFinder {
  private final Place[] places; // the longest prefix first

  /** A capture's prefix, and its ports of one protocol that others are left, as they are now. */
  private record Place(
      IpPrefix prefix, CaptureSpec capture, Protocol protocol, List<PortRange> exceptPorts) {}

  private CaptureFinder(List<Place> places) {
    this.places = places.toArray(Place[]::new);
  }

  public static CaptureFinder of(List<CaptureSpec> captures) {
    List<Place> places = new ArrayList<>();
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
    return new CaptureFinder(places);
  }

  /** The one that takes this address and port; null if none does. */
  public @Nullable CaptureSpec find(
      Protocol protocol, Family family, long localHigh, long localLow, int localPort) {
    for (Place place : places) {
      if (place.protocol == protocol
          && place.prefix.contains(family, localHigh, localLow)
          && has(place.capture.ports(), localPort)
          && !has(place.exceptPorts, localPort)
          && !excepts(place.capture, family, localHigh, localLow)) {
        return place.capture;
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
