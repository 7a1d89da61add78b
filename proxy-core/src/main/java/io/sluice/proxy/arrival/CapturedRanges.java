package io.sluice.proxy.arrival;

import io.sluice.config.CaptureSpec;
import io.sluice.steering.Family;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import io.sluice.steering.binding.BindingTable;
import io.sluice.steering.binding.BindingTableBuilder;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Everything that some captures take, as one longest-prefix table: each prefix that a capture or an
 * exception names, and the ports that are captured at the addresses of which it is the longest one.
 * So one lookup, here or in the kernel, answers for all captures at once. Immutable.
 *
 * <p>Captures add up: what one excepts, another may take.
 */
public final class CapturedRanges implements Captured {
  public static final CapturedRanges NONE = of(List.of());

  /**
   * What is captured at the addresses of a prefix that no longer one has.
   *
   * @param portSet an index into {@link #portSets}
   */
  public record Entry(Protocol protocol, IpPrefix prefix, int portSet) {}

  /**
   * Which captures a prefix belongs to, and which except it; by their index, ascending. Lists are
   * shared where they are the same: a capture may have a hundred thousand prefixes.
   */
  private static final class Named {
    List<Integer> captured = List.of();
    List<Integer> excepted = List.of();

    void isWithin(Named outer) {
      captured = union(captured, outer.captured);
      excepted = union(excepted, outer.excepted);
    }

    List<Integer> taken() {
      return excepted.isEmpty()
          ? captured
          : captured.stream().filter(it -> !excepted.contains(it)).toList();
    }

    private static List<Integer> union(List<Integer> left, List<Integer> right) {
      if (left.isEmpty() || left.equals(right)) {
        return right;
      }
      return right.isEmpty()
          ? left
          : Stream.concat(left.stream(), right.stream()).distinct().sorted().toList();
    }
  }

  private static final Comparator<IpPrefix> OUTER_FIRST =
      Comparator.comparing(IpPrefix::address).thenComparingInt(IpPrefix::length);

  private final List<Entry> entries;
  private final List<PortSet> portSets;
  private final BindingTable table; // its labels are the indexes of port sets
  private final PortSet[] byLabel;

  private CapturedRanges(List<Entry> entries, List<PortSet> portSets) {
    this.entries = List.copyOf(entries);
    this.portSets = List.copyOf(portSets);
    String[] labels =
        IntStream.range(0, portSets.size()).mapToObj(String::valueOf).toArray(String[]::new);
    BindingTableBuilder builder = new BindingTableBuilder();
    for (Entry entry : entries) {
      String label = labels[entry.portSet];
      builder.add(new Binding(label, entry.protocol, entry.prefix, Binding.ANY_PORT));
    }
    this.table = builder.build();
    this.byLabel =
        table.labels().stream()
            .map(label -> portSets.get(Integer.parseInt(label)))
            .toArray(PortSet[]::new);
  }

  /** What these captures take together; none of them is {@code auto} any more. */
  public static CapturedRanges of(List<CaptureSpec> captures) {
    List<Entry> entries = new ArrayList<>();
    Map<PortSet, Integer> portSets = new LinkedHashMap<>();
    for (Protocol protocol : Protocol.values()) {
      List<PortSet> ports = captures.stream().map(it -> Exceptions.ports(it, protocol)).toList();
      Map<List<Integer>, Integer> known = new HashMap<>();
      Map<IpPrefix, Named> named = named(captures, protocol);
      inherit(named);
      named.forEach((prefix, of) -> {
        int portSet =
            known.computeIfAbsent(of.taken(), taken -> index(portSets, union(ports, taken)));
        entries.add(new Entry(protocol, prefix, portSet));
      });
    }
    return new CapturedRanges(entries, List.copyOf(portSets.keySet()));
  }

  /** The prefixes that captures of a protocol name; one stands behind those that enclose it. */
  private static Map<IpPrefix, Named> named(List<CaptureSpec> captures, Protocol protocol) {
    Map<IpPrefix, Named> named = new TreeMap<>(OUTER_FIRST);
    for (int i = 0; i < captures.size(); i++) {
      CaptureSpec capture = captures.get(i);
      List<Integer> index = List.of(i);
      if (capture.protocols().contains(protocol)) {
        for (IpPrefix prefix : capture.addresses()) {
          Named here = named.computeIfAbsent(prefix, _ -> new Named());
          here.captured = Named.union(here.captured, index);
        }
        for (IpPrefix prefix : capture.options().exceptAddresses()) {
          Named here = named.computeIfAbsent(prefix, _ -> new Named());
          here.excepted = Named.union(here.excepted, index);
        }
      }
    }
    return named;
  }

  /** Has each prefix belong also to the captures of those around it. */
  private static void inherit(Map<IpPrefix, Named> named) {
    Deque<Map.Entry<IpPrefix, Named>> around = new ArrayDeque<>();
    for (Map.Entry<IpPrefix, Named> here : named.entrySet()) {
      while (!around.isEmpty() && !around.getLast().getKey().contains(here.getKey())) {
        around.removeLast();
      }
      if (!around.isEmpty()) {
        here.getValue().isWithin(around.getLast().getValue());
      }
      around.addLast(here);
    }
  }

  private static PortSet union(List<PortSet> ports, List<Integer> captures) {
    PortSet union = PortSet.NONE;
    for (int capture : captures) {
      union = union.plus(ports.get(capture));
    }
    return union;
  }

  private static int index(Map<PortSet, Integer> portSets, PortSet ports) {
    portSets.putIfAbsent(ports, portSets.size());
    return portSets.getOrDefault(ports, -1);
  }

  /** The table; a prefix stands behind those that enclose it. */
  public List<Entry> entries() {
    return entries;
  }

  /** The distinct sets of ports. */
  public List<PortSet> portSets() {
    return portSets;
  }

  @Override
  public boolean contains(Protocol protocol, Family family, long high, long low, int port) {
    int index = table.match(protocol, family, high, low, port);
    return index >= 0 && byLabel[table.labelId(index)].contains(port);
  }
}
