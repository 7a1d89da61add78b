package io.sluice.proxy.capture;

import io.sluice.config.CaptureSpec;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Which sockets the method {@code bind} needs for the captures of a configuration.
 *
 * <p>A single address gets a socket of its own: nobody else's traffic reaches it. A prefix gets one
 * wildcard socket per port, for all its addresses, whether the machine has them already or not;
 * what such a socket takes in for other addresses is refused.
 */
final class CapturePlan {
  /** One socket address to bind. */
  record Key(Protocol protocol, IpAddress address, int port) {
    @Override
    public String toString() {
      return protocol.word() + " " + IpAddress.withPort(address, port);
    }
  }

  /**
   * What a socket is for.
   *
   * @param capture the first capture that needs it
   * @param prefixes what is captured through it
   */
  record Want(CaptureSpec capture, List<IpPrefix> prefixes) {}

  private CapturePlan() {}

  /** The sockets for these captures. */
  static Map<Key, Want> of(List<CaptureSpec> captures) {
    Map<Key, Want> wanted = new LinkedHashMap<>();
    for (CaptureSpec capture : captures) {
      for (Protocol protocol : capture.protocols()) {
        for (IpPrefix prefix : capture.addresses()) {
          IpAddress bound = bound(prefix);
          for (PortRange range : capture.ports()) {
            for (int port = Math.max(1, range.first()); port <= range.last(); port++) {
              wanted
                  .computeIfAbsent(
                      new Key(protocol, bound, port), _ -> new Want(capture, new ArrayList<>()))
                  .prefixes
                  .add(prefix);
            }
          }
        }
      }
    }
    return wanted;
  }

  /** What the socket for a prefix is bound to. */
  static IpAddress bound(IpPrefix prefix) {
    if (prefix.isSingle()) {
      return prefix.address();
    }
    return prefix.family() == Family.IPV4 ? IpAddress.ANY_IPV4 : IpAddress.ANY_IPV6;
  }
}
