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
 * each of the ports, without the exceptions.
 *
 * @param strict whether one port that can't be bound fails the start, instead of being reported
 * @param options what only some methods have
 * @param proxyProtocol who announces clients; null if nobody does
 * @param perSource what one source may have of it; null for no bound
 */
public record CaptureSpec(
    String name,
    Set<Protocol> protocols,
    List<IpPrefix> addresses,
    List<PortRange> ports,
    Method method,
    boolean strict,
    Options options,
    @Nullable ProxyProtocolIn proxyProtocol,
    @Nullable SourceLimits perSource) {
  /** The way in. */
  public enum Method {
    /** {@link #SK_LOOKUP} if the rights allow it, else {@link #BIND}. */
    AUTO,
    /** One bound socket per port. */
    BIND,
    /** The kernel's SK_LOOKUP hands whole ranges to a few sockets. */
    SK_LOOKUP,
    /** An nftables rule hands the packets, as they are, to a transparent socket. */
    TPROXY,
    /** An nftables rule rewrites the destination, and the kernel remembers the original one. */
    REDIRECT,
    /** Sockets that whoever started the process had opened, like systemd. */
    INHERITED;

    /** As the file writes it: {@code sk_lookup}. */
    public String word() {
      return switch (this) {
        case AUTO -> "auto";
        case BIND -> "bind";
        case SK_LOOKUP -> "sk_lookup";
        case TPROXY -> "tproxy";
        case REDIRECT -> "redirect";
        case INHERITED -> "inherited";
      };
    }

    /** Whether nftables rules bring the traffic. */
    public boolean hasRules() {
      return this == TPROXY || this == REDIRECT;
    }
  }

  /**
   * What only some methods have.
   *
   * @param exceptPorts ports that stay out; null: as the method has it
   * @param exceptAddresses prefixes that stay out
   * @param socketPort the port of our own sockets, to which the rules of {@code tproxy} and {@code
   *     redirect} hand the traffic
   * @param install whether the daemon installs the rules itself
   * @param fdName what the inherited sockets are called; null: as the capture
   * @param allowCapturedSources whether datagrams may come from what this capture takes: answers to
   *     them come back to us, unless the client's socket is connected
   */
  public record Options(
      @Nullable List<PortRange> exceptPorts,
      List<IpPrefix> exceptAddresses,
      int socketPort,
      boolean install,
      @Nullable String fdName,
      boolean allowCapturedSources) {
    /** Nothing of it. */
    public static final Options NONE = new Options(null, List.of(), 0, false, null, false);

    public Options {
      exceptPorts = exceptPorts == null ? null : List.copyOf(exceptPorts);
      exceptAddresses = List.copyOf(exceptAddresses);
    }
  }

  public CaptureSpec {
    protocols = Collections.unmodifiableSet(EnumSet.copyOf(protocols)); // TCP first, always
    addresses = List.copyOf(addresses);
    ports = List.copyOf(ports);
  }

  /** A capture without options, whose clients all speak for themselves. */
  public CaptureSpec(
      String name,
      Set<Protocol> protocols,
      List<IpPrefix> addresses,
      List<PortRange> ports,
      Method method,
      boolean strict) {
    this(name, protocols, addresses, ports, method, strict, Options.NONE, null, null);
  }

  /** What the inherited sockets are called. */
  public String fdName() {
    String given = options.fdName();
    return given == null ? name : given;
  }
}
