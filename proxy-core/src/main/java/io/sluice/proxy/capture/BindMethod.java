package io.sluice.proxy.capture;

import io.sluice.config.CaptureSpec;
import io.sluice.proxy.arrival.Arrival;
import io.sluice.proxy.arrival.Exceptions;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.PortRange;
import java.util.function.Consumer;

/**
 * A bound socket for each port. A single address gets a socket of its own: nobody else's traffic
 * reaches it. A prefix gets one wildcard socket per port, for all its addresses, whether the
 * machine has them already or not; what such a socket takes in for other addresses is refused.
 */
record BindMethod() implements CaptureMethod {
  @Override
  public void sockets(Part part, boolean ipv6, Consumer<CapturePlan.Key> wanted) {
    boolean isExcepted =
        part.capture().options().exceptAddresses().stream()
            .anyMatch(it -> it.contains(part.prefix()));
    if (isExcepted) {
      return;
    }
    Arrival arrival = part.prefix().isSingle() ? Arrival.BOUND : Arrival.WILDCARD;
    for (PortRange range : Exceptions.ports(part.capture(), part.protocol()).ranges()) {
      for (int port = range.first(); port <= range.last(); port++) {
        wanted.accept(new CapturePlan.Key(part.protocol(), bound(part.prefix()), port, arrival));
      }
    }
  }

  private static IpAddress bound(IpPrefix prefix) {
    if (prefix.isSingle()) {
      return prefix.address();
    }
    return prefix.family() == Family.IPV4 ? IpAddress.ANY_IPV4 : IpAddress.ANY_IPV6;
  }

  @Override
  public String way(CaptureSpec capture, IpPrefix prefix, int port) {
    return IpAddress.withPort(bound(prefix), port);
  }

  @Override
  public String kind(CaptureSpec capture, boolean oneLoopEach) {
    boolean wildcard = capture.addresses().stream().anyMatch(it -> !it.isSingle());
    return (wildcard ? "wildcard" : "per-address")
        + (oneLoopEach ? ",one-loop-each" : ",one-per-loop");
  }
}
