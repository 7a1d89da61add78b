package io.sluice.proxy.capture;

import io.sluice.config.CaptureSpec;
import io.sluice.steering.Family;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import io.sluice.steering.binding.BindingTable;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Everything that some captures take, as one longest-prefix table: each prefix that a capture or an
 * exception names, and the ports that are captured at the addresses of which it is the longest one.
 * So one lookup, here or in the kernel, answers for all captures at once. Immutable.
 *
 * <p>Captures add up: what one excepts, another may take.
 */
final class CapturedRanges implements Captured {
  static final CapturedRanges NONE = of(List.of());

  /**
   * What is captured at the addresses of a prefix that no longer one has.
   *
   * @param portSet an index into {@link #portSets}
   */
  record Entry(Protocol protocol, IpPrefix prefix, int portSet) {}

  /** Which captures a prefix belongs to, and which except it; by their index. */
  private record Named(SortedSet<Integer> captured, SortedSet<Integer> excepted) {
    Named() {
      this(new TreeSet<>(), new TreeSet<>());
    }

    void add(Named outer) {
      captured.addAll(outer.captured);
      excepted.addAll(outer.excepted);
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
    BindingTable.Builder builder = new BindingTable.Builder();
    for (Entry entry : entries) {
      String label = String.valueOf(entry.portSet);
      builder.add(new Binding(label, entry.protocol, entry.prefix, Binding.ANY_PORT));
    }
    this.table = builder.build();
    this.byLabel =
        table.labels().stream()
            .map(label -> portSets.get(Integer.parseInt(label)))
            .toArray(PortSet[]::new);
  }

  /** What these captures take together; none of them is {@code auto} any more. */
  static CapturedRanges of(List<CaptureSpec> captures) {
    List<Entry> entries = new ArrayList<>();
    Map<PortSet, Integer> portSets = new LinkedHashMap<>();
    for (Protocol protocol : Protocol.values()) {
      List<PortSet> ports = captures.stream().map(it -> Exceptions.ports(it, protocol)).toList();
      Map<SortedSet<Integer>, Integer> known = new HashMap<>();
      flatten(named(captures, protocol))
          .forEach((prefix, of) -> {
            int portSet = known.computeIfAbsent(of, _ -> index(portSets, union(ports, of)));
            entries.add(new Entry(protocol, prefix, portSet));
          });
    }
    return new CapturedRanges(entries, List.copyOf(portSets.keySet()));
  }

  private static Map<IpPrefix, Named> named(List<CaptureSpec> captures, Protocol protocol) {
    Map<IpPrefix, Named> named = new TreeMap<>(OUTER_FIRST);
    for (int i = 0; i < captures.size(); i++) {
      CaptureSpec capture = captures.get(i);
      if (capture.protocols().contains(protocol)) {
        for (IpPrefix prefix : capture.addresses()) {
          named.computeIfAbsent(prefix, _ -> new Named()).captured.add(i);
        }
        for (IpPrefix prefix : capture.options().exceptAddresses()) {
          named.computeIfAbsent(prefix, _ -> new Named()).excepted.add(i);
        }
      }
    }
    return named;
  }

  /** Which captures take each prefix: those that name it or one around it, and don't except it. */
  private static Map<IpPrefix, SortedSet<Integer>> flatten(Map<IpPrefix, Named> named) {
    Map<IpPrefix, SortedSet<Integer>> flat = new LinkedHashMap<>();
    Deque<IpPrefix> around = new ArrayDeque<>();
    named.forEach((prefix, here) -> {
      while (!around.isEmpty() && !around.getLast().contains(prefix)) {
        around.removeLast();
      }
      if (!around.isEmpty()) {
        here.add(named.getOrDefault(around.getLast(), new Named()));
      }
      around.addLast(prefix);
      SortedSet<Integer> taken = new TreeSet<>(here.captured);
      taken.removeAll(here.excepted);
      flat.put(prefix, Collections.unmodifiableSortedSet(taken));
    });
    return flat;
  }

  private static PortSet union(List<PortSet> ports, SortedSet<Integer> captures) {
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
  List<Entry> entries() {
    return entries;
  }

  /** The distinct sets of ports. */
  List<PortSet> portSets() {
    return portSets;
  }

  @Override
  public boolean contains(Protocol protocol, Family family, long high, long low, int port) {
    int index = table.match(protocol, family, high, low, port);
    return index >= 0 && byLabel[table.labelId(index)].contains(port);
  }
}
