package io.sluice.config;

import io.sluice.steering.IpPrefix;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How a range of traffic gets into the process: each of the protocols, on each of the addresses, at
 * each of the ports.
 *
 * @param strict whether one port that can't be bound fails the start, instead of being reported
 * @param proxyProtocol who announces clients; null if nobody does
 */
public record CaptureSpec(
    String name,
    Set<Protocol> protocols,
    List<IpPrefix> addresses,
    List<PortRange> ports,
    Method method,
    boolean strict,
    @Nullable ProxyProtocolIn proxyProtocol) {
  /** The way in. */
  public enum Method {
    BIND,
    SK_LOOKUP,
    TPROXY,
    REDIRECT,
    INHERITED;

    /** As the file writes it: {@code sk_lookup}. */
    public String word() {
      return switch (this) {
        case BIND -> "bind";
        case SK_LOOKUP -> "sk_lookup";
        case TPROXY -> "tproxy";
        case REDIRECT -> "redirect";
        case INHERITED -> "inherited";
      };
    }
  }

  public CaptureSpec {
    protocols = Collections.unmodifiableSet(EnumSet.copyOf(protocols)); // TCP first, always
    addresses = List.copyOf(addresses);
    ports = List.copyOf(ports);
  }

  /** A capture whose clients all speak for themselves. */
  public CaptureSpec(
      String name,
      Set<Protocol> protocols,
      List<IpPrefix> addresses,
      List<PortRange> ports,
      Method method,
      boolean strict) {
    this(name, protocols, addresses, ports, method, strict, null);
  }
}
