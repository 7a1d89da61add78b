package io.sluice.config;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.NavigableMap;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Finds bindings and listeners that no capture brings traffic to.
 *
 * <p>Two prefixes overlap only if one holds the other. So captures are kept by their lowest
 * address: the narrower ones lie between a prefix's lowest and highest address, and the wider ones
 * are found under the prefix shortened to each length that occurs.
 */
final class CaptureChecks {
  private final NavigableMap<IpAddress, List<Entry>> entries = new TreeMap<>();
  private final SortedSet<Integer> lengths = new TreeSet<>();
  private final Set<Protocol> announced = EnumSet.noneOf(Protocol.class);

  private record Entry(IpPrefix prefix, CaptureSpec capture) {}

  CaptureChecks(Collection<CaptureSpec> captures) {
    for (CaptureSpec capture : captures) {
      if (capture.proxyProtocol() != null) {
        announced.addAll(capture.protocols());
      }
      for (IpPrefix prefix : capture.addresses()) {
        entries
            .computeIfAbsent(prefix.address(), _ -> new ArrayList<>())
            .add(new Entry(prefix, capture));
        lengths.add(prefix.length());
      }
    }
  }

  /** Warns of each binding that lies outside all captures. */
  static void check(Collection<CaptureSpec> captures, BindingRows rows) {
    CaptureChecks checks = new CaptureChecks(captures);
    for (int i = 0; i < rows.size(); i++) {
      int at = i;
      Set<String> protocols = new LinkedHashSet<>();
      checks.addIfMissed(rows.key(i), protocols);
      while (i + 1 < rows.size() && rows.isSameRow(i, i + 1)) {
        checks.addIfMissed(rows.key(++i), protocols);
      }
      if (!protocols.isEmpty()) {
        String words = String.join(" and ", protocols);
        rows.at(at).warning("no capture brings it any " + words + " traffic");
      }
    }
  }

  /** Warns of each listener that lies outside all captures. */
  static void checkListeners(
      Collection<CaptureSpec> captures, List<Located<ListenerSpec>> listeners) {
    CaptureChecks checks = new CaptureChecks(captures);
    for (Located<ListenerSpec> located : listeners) {
      ListenerSpec listener = located.value();
      boolean reached =
          DerivedCaptures.prefixes(listener.address()).stream()
              .anyMatch(prefix -> checks.overlaps(listener.protocol(), prefix, listener.port()));
      if (!reached) {
        located.at().warning("no capture brings it any " + listener.protocol().word() + " traffic");
      }
    }
  }

  /** Adds the binding's protocol if no capture brings it traffic. */
  private void addIfMissed(Binding binding, Set<String> protocols) {
    if (!overlaps(binding.protocol(), binding.prefix(), binding.port())) {
      protocols.add(binding.protocol().word());
    }
  }

  /**
   * Warns of captures that take the admin server's connections away from it: unlike a bound socket,
   * the kernel and rules don't mind that somebody listens there.
   */
  static void checkAdmin(List<Located<CaptureSpec>> captures, Admin admin) {
    HostPort http = admin.http();
    for (Located<CaptureSpec> located : captures) {
      CaptureSpec capture = located.value();
      boolean bound =
          switch (capture.method()) {
            case BIND, INHERITED -> true;
            case AUTO, SK_LOOKUP, TPROXY, REDIRECT -> false;
          };
      if (http != null && http.port() != 0 && !bound && takes(capture, http)) {
        located
            .at()
            .warning(
                "it takes the connections to admin.http, "
                    + IpAddress.withPort(http.address(), http.port())
                    + ", too; add except: {ports: ["
                    + http.port()
                    + "]}");
      }
    }
  }

  /**
   * Warns of each capture that takes what is sent to a target on loopback: it comes back, and is
   * refused. Of a target with another address nobody knows here whether it is this machine's.
   *
   * @param root where captures are reported that nobody has written
   */
  static void checkTargets(
      List<CaptureSpec> effective,
      List<Located<CaptureSpec>> written,
      List<DestinationSpec> destinations,
      Value root) {
    for (CaptureSpec capture : effective) {
      for (DestinationSpec destination : destinations) {
        for (TargetSpec target : destination.targets()) {
          if (target.address() instanceof TargetAddress.Ip ip
              && isLoopback(ip.address())
              && takes(capture, destination.protocol(), ip.address(), ip.port())) {
            Value at =
                written.stream()
                    .filter(it -> it.value().equals(capture))
                    .map(Located::at)
                    .findFirst()
                    .orElse(root);
            at.warning(
                "capture "
                    + capture.name()
                    + " takes what is sent to the target "
                    + target.address()
                    + " of "
                    + destination.label()
                    + ", too, which comes back and is refused (loop); capture fewer addresses or"
                    + " ports, or have the server listen elsewhere");
            return; // more of them would say the same
          }
        }
      }
    }
  }

  private static boolean isLoopback(IpAddress address) {
    return address.family() == Family.IPV4
        ? address.low() >> 24 == 127
        : address.high() == 0 && address.low() == 1;
  }

  /** Whether a capture takes the TCP connections to an address and port. */
  static boolean takes(CaptureSpec capture, HostPort tcp) {
    return takes(capture, Protocol.TCP, tcp.address(), tcp.port());
  }

  private static boolean takes(
      CaptureSpec capture, Protocol protocol, IpAddress address, int port) {
    List<PortRange> except = capture.options().exceptPorts();
    return matches(capture, protocol, port)
        && capture.addresses().stream().anyMatch(it -> it.contains(address))
        && (except == null || except.stream().noneMatch(it -> it.contains(port)))
        && capture.options().exceptAddresses().stream().noneMatch(it -> it.contains(address));
  }

  /** Whether a capture has some of the traffic. */
  boolean overlaps(Protocol protocol, IpPrefix prefix, int port) {
    if (announced.contains(protocol)) {
      return true; // a PROXY protocol header may name any address
    }
    for (int length : lengths) {
      if (length < prefix.length()) {
        IpAddress shortened = IpPrefix.containing(prefix.address(), length).address();
        for (Entry entry : entries.getOrDefault(shortened, List.of())) {
          if (entry.prefix.length() == length && matches(entry.capture, protocol, port)) {
            return true;
          }
        }
      }
    }
    for (List<Entry> narrower :
        entries.subMap(prefix.address(), true, highest(prefix), true).values()) {
      for (Entry entry : narrower) {
        if (prefix.contains(entry.prefix) && matches(entry.capture, protocol, port)) {
          return true;
        }
      }
    }
    return false;
  }

  private static boolean matches(CaptureSpec capture, Protocol protocol, int port) {
    if (!capture.protocols().contains(protocol)) {
      return false;
    }
    for (PortRange range : capture.ports()) {
      if (port == Binding.ANY_PORT || range.contains(port)) {
        return true;
      }
    }
    return false;
  }

  private static IpAddress highest(IpPrefix prefix) {
    IpAddress lowest = prefix.address();
    int free = prefix.family().bits() - prefix.length();
    long low = free >= 64 ? -1 : lowest.low() | ((1L << free) - 1);
    long high =
        free <= 64 ? lowest.high() : free == 128 ? -1 : lowest.high() | ((1L << (free - 64)) - 1);
    return prefix.family() == Family.IPV4 ? IpAddress.ipv4((int) low) : IpAddress.ipv6(high, low);
  }
}
