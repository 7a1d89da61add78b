package io.sluice.proxy.capture;

import io.sluice.config.CaptureSpec;
import io.sluice.proxy.arrival.Arrival;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import java.util.function.Consumer;

/**
 * {@code sk_lookup}: one socket of each protocol takes everything, of both families, as what is
 * bound to an IPv4-mapped address may be assigned packets of either. It is bound to the loopback,
 * where nobody outside reaches it by itself.
 */
record KernelMethod() implements CaptureMethod {
  private static final IpAddress LOOPBACK_IPV4 = IpAddress.ipv4(0x7f000001);
  private static final IpAddress LOOPBACK_BOTH = IpAddress.ipv6(0, 0xffff_7f00_0001L);

  @Override
  public void sockets(Part part, boolean ipv6, Consumer<CapturePlan.Key> wanted) {
    // Of both even if only IPv4 is captured: a reload that brings IPv6 finds it there.
    boolean both = ipv6 || part.prefix().family() == Family.IPV6;
    IpAddress bound = both ? LOOPBACK_BOTH : LOOPBACK_IPV4;
    wanted.accept(new CapturePlan.Key(part.protocol(), bound, 0, Arrival.SK_LOOKUP));
  }

  @Override
  public String way(CaptureSpec capture, IpPrefix prefix, int port) {
    return prefix.toString();
  }

  @Override
  public String kind(CaptureSpec capture, boolean oneLoopEach) {
    return "kernel,one-per-loop";
  }
}
