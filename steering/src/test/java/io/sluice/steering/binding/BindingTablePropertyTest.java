package io.sluice.steering.binding;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The compiled table answers as a scan over the list does. */
class BindingTablePropertyTest {
  private static final int LOOKUPS_PER_TABLE = 2_000;
  private static final int TABLES_PER_SEED = 100;

  /** Precedence, once more and slowly: tubular's rule as a comparator. */
  private static final Comparator<Binding> BEST_FIRST =
      Comparator.comparingInt((Binding binding) -> -binding.prefix().length())
          .thenComparingInt(binding -> binding.port() == Binding.ANY_PORT ? 1 : 0);

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7})
  void theTableAnswersAsALinearScanDoes(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    LookupContext context = new LookupContext();
    for (int round = 0; round < TABLES_PER_SEED; round++) {
      World world = new World(random);
      List<Binding> bindings = world.bindings(1 << random.nextInt(9));
      BindingTable table = BindingTable.of(bindings);
      for (int i = 0; i < LOOKUPS_PER_TABLE; i++) {
        world.packet(context, bindings);
        List<Binding> expected = scan(bindings, context);
        int match = table.match(context);
        if (match != (expected.isEmpty() ? -1 : bindings.indexOf(expected.getFirst()))
            || (i % 16 == 0 && !table.matches(context).equals(expected))) {
          assertThat(table.matches(context))
              .as("seed %d, table %d, %s: match says %d", seed, round, context, match)
              .isEqualTo(expected);
          assertThat(match)
              .as("seed %d, table %d, %s", seed, round, context)
              .isEqualTo(expected.isEmpty() ? -1 : bindings.indexOf(expected.getFirst()));
        }
      }
    }
  }

  /**
   * A table that came about by changes answers as one with the same bindings that was built whole.
   */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void aChangedTableAnswersAsOneThatWasBuiltWhole(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    LookupContext context = new LookupContext();
    int shared = 0;
    for (int round = 0; round < 8; round++) {
      World world = new World(random);
      List<Binding> all = world.bindings(4096);
      List<Binding> live = new ArrayList<>(all.subList(0, all.size() * 3 / 4));
      List<Binding> spare = new ArrayList<>(all.subList(live.size(), all.size()));
      BindingTable first = BindingTable.of(live);
      BindingTable table = first;
      for (int step = 0; step < 40; step++) {
        BindingTable before = table;
        List<Binding> put = new ArrayList<>();
        List<Binding> remove = new ArrayList<>();
        for (int i = random.nextInt(12); i >= 0 && !live.isEmpty(); i--) {
          Binding gone = live.remove(random.nextInt(live.size()));
          put.removeIf(gone::equals);
          if (random.nextInt(3) == 0) {
            Binding renamed =
                new Binding(
                    "new " + random.nextInt(3), gone.protocol(), gone.prefix(), gone.port());
            put.add(renamed);
            live.add(renamed);
          } else {
            remove.add(gone);
            spare.add(gone);
          }
        }
        for (int i = random.nextInt(12); i >= 0 && !spare.isEmpty(); i--) {
          Binding added = spare.remove(random.nextInt(spare.size()));
          remove.removeIf(added::equals);
          put.add(added);
          live.add(added);
        }
        table = table.with(new BindingTable.Difference(put, remove));
        shared += table.sharesWith(first) ? 1 : 0;
        BindingTable whole = BindingTable.of(live);
        String as = "seed " + seed + ", round " + round + ", step " + step;
        assertThat(table).as(as).isEqualTo(whole);
        for (Protocol protocol : Protocol.values()) {
          assertThat(counts(table, protocol)).as(as).isEqualTo(counts(whole, protocol));
        }
        BindingTable.Difference difference = table.differenceFrom(before, 1000);
        assertThat(difference).as(as).isNotNull();
        assertThat(before.with(Objects.requireNonNull(difference))).as(as).isEqualTo(table);
        for (int i = 0; i < 200; i++) {
          world.packet(context, all);
          assertThat(table.matches(context)).as(as).isEqualTo(whole.matches(context));
          int match = table.match(context);
          int expected = whole.match(context);
          assertThat(match < 0 ? null : table.binding(match))
              .as(as)
              .isEqualTo(expected < 0 ? null : whole.binding(expected));
        }
      }
    }
    assertThat(shared).as("tables that share the first").isPositive();
  }

  private static Map<String, Integer> counts(BindingTable table, Protocol protocol) {
    Map<String, Integer> counts = new HashMap<>();
    int[] byLabel = table.counts(protocol);
    for (int label = 0; label < byLabel.length; label++) {
      if (byLabel[label] > 0) {
        counts.put(table.labels().get(label), byLabel[label]);
      }
    }
    return counts;
  }

  private static List<Binding> scan(List<Binding> bindings, LookupContext context) {
    List<Binding> matches = new ArrayList<>(0);
    for (Binding binding : bindings) {
      if (binding.protocol() == context.protocol()
          && (binding.port() == Binding.ANY_PORT || binding.port() == context.localPort())
          && binding.prefix().contains(context.family(), context.localHigh(), context.localLow())) {
        matches.add(binding);
      }
    }
    matches.sort(BEST_FIRST);
    return matches;
  }

  /**
   * A corner of the address space that is small enough for prefixes to nest and to collide: a base
   * address, of which only some bits vary.
   */
  private static final class World {
    private final SplittableRandom random;
    private final long highBase;
    private final long lowBase;
    private final long highVaries;
    private final long lowVaries;
    private final int ports;

    World(SplittableRandom random) {
      this.random = random;
      this.highBase = random.nextLong();
      this.lowBase = random.nextLong();
      this.highVaries = mask();
      this.lowVaries = mask();
      this.ports = 1 + random.nextInt(4);
    }

    /** All bits, few and far between, or the lowest, middle or highest few. */
    private long mask() {
      return switch (random.nextInt(6)) {
        case 0 -> -1L;
        case 1 -> 0x8100_0010_8001_0081L;
        case 2 -> 0xff;
        case 3 -> 0xffL << 24;
        case 4 -> 0xffL << 56;
        default -> 0;
      };
    }

    List<Binding> bindings(int count) {
      List<Binding> bindings = new ArrayList<>();
      Set<Binding> known = new HashSet<>();
      for (int i = 0; i < count; i++) {
        Protocol protocol = protocol();
        IpPrefix prefix = prefix(bindings);
        int port = random.nextInt(3) == 0 ? Binding.ANY_PORT : port();
        if (known.add(new Binding("", protocol, prefix, port))) {
          bindings.add(new Binding("label " + random.nextInt(5), protocol, prefix, port));
        }
      }
      return bindings;
    }

    private IpPrefix prefix(List<Binding> bindings) {
      Family family = random.nextInt(2) == 0 ? Family.IPV4 : Family.IPV6;
      int length =
          switch (random.nextInt(8)) {
            case 0 -> 0;
            case 1, 2 -> family.bits();
            default -> random.nextInt(family.bits() + 1);
          };
      if (!bindings.isEmpty() && random.nextInt(3) == 0) { // another length of a known address
        IpAddress known = bindings.get(random.nextInt(bindings.size())).prefix().address();
        return IpPrefix.containing(known, Math.min(length, known.family().bits()));
      }
      return IpPrefix.containing(address(family), length);
    }

    /** Half of them near a binding's edges, the others anywhere in this corner. */
    void packet(LookupContext context, List<Binding> bindings) {
      IpAddress local = address(random.nextInt(2) == 0 ? Family.IPV4 : Family.IPV6);
      if (random.nextInt(2) == 0) {
        IpAddress known = bindings.get(random.nextInt(bindings.size())).prefix().address();
        long low = known.low() + random.nextInt(3) - 1;
        local =
            known.family() == Family.IPV4
                ? IpAddress.ipv4((int) low)
                : IpAddress.ipv6(known.high() ^ (1L << random.nextInt(64) & highVaries), low);
      }
      context.of(protocol(), local, 9, local, port(), 0);
    }

    private IpAddress address(Family family) {
      long high = highBase ^ random.nextLong() & highVaries;
      long low = lowBase ^ random.nextLong() & lowVaries;
      return family == Family.IPV4 ? IpAddress.ipv4((int) low) : IpAddress.ipv6(high, low);
    }

    private Protocol protocol() {
      return random.nextInt(2) == 0 ? Protocol.TCP : Protocol.UDP;
    }

    private int port() {
      return 1 + random.nextInt(ports) * 16_384;
    }
  }
}
