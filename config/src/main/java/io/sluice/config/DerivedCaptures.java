package io.sluice.config;

import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import io.sluice.steering.binding.BindingTable;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * The captures of a file that has none: exactly what its bindings and listeners take, in as few
 * captures as that allows.
 *
 * <p>A capture is a product of protocols, addresses and ports. So prefixes with the same ports go
 * together first, then protocols with the same prefixes and ports: a hundred thousand bindings of
 * port 443 are one capture.
 */
final class DerivedCaptures {
  private static final String NAME = "derived";

  private final Map<Key, SortedSet<Integer>> ports = new LinkedHashMap<>();

  private record Key(Protocol protocol, IpPrefix prefix) {}

  private record ProtocolPorts(Protocol protocol, List<PortRange> ports) {}

  private record Product(Set<IpPrefix> addresses, List<PortRange> ports) {}

  private DerivedCaptures() {}

  /**
   * The captures.
   *
   * @param others those that were added to the file's: what they bring needs no other
   */
  static List<CaptureSpec> of(
      List<CaptureSpec> others, BindingTable bindings, List<Located<ListenerSpec>> listeners) {
    DerivedCaptures derived = new DerivedCaptures();
    CaptureChecks brought = new CaptureChecks(others);
    bindings.forEach(binding -> {
      if (!brought.overlaps(binding.protocol(), binding.prefix(), binding.port())) {
        derived.add(binding.protocol(), binding.prefix(), binding.port());
      }
    });
    for (Located<ListenerSpec> listener : listeners) {
      for (IpPrefix prefix : prefixes(listener.value().address())) {
        if (!brought.overlaps(listener.value().protocol(), prefix, listener.value().port())) {
          derived.add(listener.value().protocol(), prefix, listener.value().port());
        }
      }
    }
    List<CaptureSpec> all = new ArrayList<>(others);
    all.addAll(derived.captures());
    return all;
  }

  /** What a socket bound to this address takes; {@code ::} takes both families, as in Linux. */
  static List<IpPrefix> prefixes(IpAddress bound) {
    if (!bound.isWildcard()) {
      return List.of(IpPrefix.single(bound));
    }
    IpPrefix ipv4 = new IpPrefix(IpAddress.ANY_IPV4, 0);
    return bound.equals(IpAddress.ANY_IPV4)
        ? List.of(ipv4)
        : List.of(new IpPrefix(IpAddress.ANY_IPV6, 0), ipv4);
  }

  private void add(Protocol protocol, IpPrefix prefix, int port) {
    ports.computeIfAbsent(new Key(protocol, prefix), _ -> new TreeSet<>()).add(port);
  }

  private List<CaptureSpec> captures() {
    Map<ProtocolPorts, Set<IpPrefix>> addresses = new LinkedHashMap<>();
    ports.forEach((key, set) ->
        addresses
            .computeIfAbsent(
                new ProtocolPorts(key.protocol, ranges(set)), _ -> new LinkedHashSet<>())
            .add(key.prefix));
    Map<Product, Set<Protocol>> products = new LinkedHashMap<>();
    addresses.forEach((key, prefixes) ->
        products
            .computeIfAbsent(new Product(prefixes, key.ports), _ -> EnumSet.noneOf(Protocol.class))
            .add(key.protocol));
    List<CaptureSpec> captures = new ArrayList<>();
    products.forEach((product, protocols) ->
        captures.add(
            new CaptureSpec(
                products.size() == 1 ? NAME : NAME + "-" + (captures.size() + 1),
                protocols,
                List.copyOf(product.addresses),
                product.ports,
                CaptureSpec.Method.BIND,
                false)));
    return captures;
  }

  private static List<PortRange> ranges(SortedSet<Integer> ports) {
    List<PortRange> ranges = new ArrayList<>();
    int first = ports.first();
    int last = first;
    for (int port : ports) {
      if (port > last + 1) {
        ranges.add(new PortRange(first, last));
        first = port;
      }
      last = port;
    }
    ranges.add(new PortRange(first, last));
    return ranges;
  }
}
