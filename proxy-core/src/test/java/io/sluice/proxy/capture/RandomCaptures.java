package io.sluice.proxy.capture;

import io.sluice.config.CaptureSpec;
import io.sluice.proxy.arrival.CapturedRanges;
import io.sluice.proxy.arrival.Exceptions;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import java.util.Set;

/** Captures of the method {@code sk_lookup} whose prefixes and exceptions lie in one another. */
public final class RandomCaptures {
  private static final IpAddress IPV4 = IpAddress.parse("192.0.2.0");
  private static final IpAddress IPV6 = IpAddress.parse("2001:db8::");

  private final Random random;

  public RandomCaptures(Random random) {
    this.random = random;
  }

  public List<CaptureSpec> captures() {
    List<CaptureSpec> captures = new ArrayList<>();
    for (int i = 1 + random.nextInt(6); i > 0; i--) {
      Set<Protocol> protocols =
          random.nextInt(3) > 0
              ? EnumSet.allOf(Protocol.class)
              : EnumSet.of(random.nextBoolean() ? Protocol.TCP : Protocol.UDP);
      CaptureSpec.Options options =
          new CaptureSpec.Options(
              random.nextBoolean() ? ports() : List.of(), prefixes(2), 0, false, null, false);
      captures.add(
          new CaptureSpec(
              "c" + i,
              protocols,
              prefixes(4),
              random.nextInt(3) > 0 ? ports() : List.of(PortRange.ANY),
              CaptureSpec.Method.SK_LOOKUP,
              false,
              options,
              null,
              null));
    }
    return captures;
  }

  private List<IpPrefix> prefixes(int most) {
    List<IpPrefix> prefixes = new ArrayList<>();
    for (int i = random.nextInt(most) + 1; i > 0; i--) {
      IpAddress address = address();
      int free = random.nextInt(7);
      prefixes.add(IpPrefix.containing(address, address.family().bits() - free));
    }
    return prefixes.stream().distinct().toList();
  }

  private List<PortRange> ports() {
    List<PortRange> ports = new ArrayList<>();
    for (int i = random.nextInt(3) + 1; i > 0; i--) {
      int first = port();
      ports.add(new PortRange(first, Math.min(65535, first + random.nextInt(20))));
    }
    return ports;
  }

  /** One of few, so that it is often in a capture. */
  public IpAddress address() {
    IpAddress base = random.nextBoolean() ? IPV4 : IPV6;
    return IpAddress.of(base.family(), base.high(), base.low() + random.nextInt(64));
  }

  public int port() {
    return random.nextBoolean() ? 1 + random.nextInt(60) : 65535 - random.nextInt(60);
  }

  /** What {@link CapturedRanges} is to say, by looking at each capture. */
  public static boolean isCaptured(
      List<CaptureSpec> captures, Protocol protocol, IpAddress address, int port) {
    return captures.stream()
        .anyMatch(it ->
            it.protocols().contains(protocol)
                && it.addresses().stream().anyMatch(prefix -> prefix.contains(address))
                && it.ports().stream().anyMatch(range -> range.contains(port))
                && it.options().exceptAddresses().stream().noneMatch(p -> p.contains(address))
                && Exceptions.excepted(it, protocol).stream().noneMatch(r -> r.contains(port)));
  }

  /** Whether an address is IPv4. */
  public static boolean isIpv4(IpAddress address) {
    return address.family() == Family.IPV4;
  }
}
