package io.sluice.proxy.capture;

import io.sluice.config.CaptureSpec;
import io.sluice.proxy.arrival.Arrival;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import java.util.function.Consumer;

/**
 * {@code tproxy} and {@code redirect}: nftables brings the traffic to one socket of each protocol
 * and family. It is bound to the loopback, where nobody outside reaches it by itself; but a
 * redirected packet gets the address of the interface that it came in by, so {@code redirect} needs
 * the wildcard.
 */
record RulesMethod(Arrival arrival) implements CaptureMethod {
  private static final IpAddress LOOPBACK_IPV4 = IpAddress.ipv4(0x7f000001);
  private static final IpAddress LOOPBACK_IPV6 = IpAddress.ipv6(0, 1);

  @Override
  public void sockets(Part part, boolean ipv6, Consumer<CapturePlan.Key> wanted) {
    int port = part.capture().options().socketPort();
    wanted.accept(
        new CapturePlan.Key(part.protocol(), bound(part.prefix().family()), port, arrival));
  }

  private IpAddress bound(Family family) {
    if (arrival == Arrival.REDIRECT) {
      return family == Family.IPV4 ? IpAddress.ANY_IPV4 : IpAddress.ANY_IPV6;
    }
    return family == Family.IPV4 ? LOOPBACK_IPV4 : LOOPBACK_IPV6;
  }

  @Override
  public String way(CaptureSpec capture, IpPrefix prefix, int port) {
    IpAddress through = bound(prefix.family());
    return prefix + " through " + IpAddress.withPort(through, capture.options().socketPort());
  }

  @Override
  public String kind(CaptureSpec capture, boolean oneLoopEach) {
    return "port-" + capture.options().socketPort() + ",one-per-loop";
  }
}
