package io.sluice.bench;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import io.sluice.steering.binding.BindingTable;
import io.sluice.steering.binding.BindingTableBuilder;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * Bindings to measure with: TCP, at random addresses of all of IPv4, or of 2000::/3.
 *
 * <p>Prefix lengths are those that networks have: half of IPv4 is /24 and four tenths single
 * addresses, a third of IPv6 each /48, /64 and single addresses, and some of every length from /16
 * (/32) on nest with them. Three quarters take any port, the others 80 or 443.
 */
final class BindingSet {
  private static final long SEED = 0x51_1c_e0_05;
  private static final int LABELS = 100;

  /** Ports that bindings name. */
  private static final int[] PORTS = {80, 443};

  private final SplittableRandom random = new SplittableRandom(SEED);
  private final Addresses addresses;
  final List<Binding> bindings;

  private BindingSet(Addresses addresses, int size) {
    this.addresses = addresses;
    this.bindings = new ArrayList<>(size);
    Set<Binding> known = HashSet.newHashSet(size);
    while (bindings.size() < size) {
      IpPrefix prefix = prefix(addresses.family(bindings.size()));
      int port = random.nextInt(4) == 0 ? PORTS[random.nextInt(2)] : Binding.ANY_PORT;
      if (known.add(new Binding("", Protocol.TCP, prefix, port))) {
        String label = "label" + bindings.size() % LABELS;
        bindings.add(new Binding(label, Protocol.TCP, prefix, port));
      }
    }
  }

  /** The same bindings each time. */
  static BindingSet of(Addresses addresses, int size) {
    return new BindingSet(addresses, size);
  }

  BindingTable table() {
    BindingTableBuilder builder = new BindingTableBuilder();
    bindings.forEach(builder::add);
    return builder.build();
  }

  private IpPrefix prefix(Family family) {
    int kind = random.nextInt(100);
    int length =
        family == Family.IPV4
            ? kind < 10 ? 16 + random.nextInt(16) : kind < 60 ? 24 : 32
            : kind < 10 ? 32 + random.nextInt(96) : kind < 40 ? 48 : kind < 70 ? 64 : 128;
    return IpPrefix.containing(address(family), length);
  }

  private IpAddress address(Family family) {
    return family == Family.IPV4
        ? IpAddress.ipv4(random.nextInt())
        : IpAddress.ipv6(1L << 61 | random.nextLong() >>> 3, random.nextLong());
  }

  /**
   * Packets that a binding takes, each at a random address inside a random binding's prefix and to
   * its port (443 if it takes any); or packets that none takes.
   */
  Packets packets(BindingTable table, int count, boolean hits) {
    Packets packets = new Packets(count);
    for (int i = 0; i < count; i++) {
      do {
        Binding binding = bindings.get(random.nextInt(bindings.size()));
        Family family = hits ? binding.prefix().family() : addresses.family(i);
        IpAddress address = hits ? inside(binding.prefix()) : address(family);
        packets.set(i, address, binding.port() == Binding.ANY_PORT ? 443 : binding.port());
      } while (packets.match(table, i) >= 0 != hits);
    }
    return packets;
  }

  private IpAddress inside(IpPrefix prefix) {
    IpAddress first = prefix.address();
    IpAddress any = address(prefix.family());
    int shift = 128 - prefix.family().bits();
    int length = prefix.length() + shift; // of 128 bits
    long highMask = length >= 64 ? 0 : -1L >>> length;
    long lowMask = length <= 64 ? -1L : length == 128 ? 0 : -1L >>> (length - 64);
    return IpAddress.of(
        prefix.family(), first.high() | any.high() & highMask, first.low() | any.low() & lowMask);
  }
}
