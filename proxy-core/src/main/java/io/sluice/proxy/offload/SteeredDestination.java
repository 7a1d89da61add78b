package io.sluice.proxy.offload;

import io.sluice.config.TargetAddress;
import io.sluice.proxy.kernel.TargetFinder;
import io.sluice.proxy.kernel.TargetMaps;
import io.sluice.proxy.kernel.TargetMaps.Count;
import io.sluice.proxy.linux.Routes;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.OffloadFallback;
import io.sluice.proxy.target.Traffic;
import io.sluice.steering.Family;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;

/**
 * A destination whose connections the kernel gives to targets: the entries that say which, as the
 * engine would select now. Called by one thread at a time.
 */
final class SteeredDestination {
  /** What an entry has before it is written. */
  private static final int UNWRITTEN = Integer.MIN_VALUE;

  private final Destination destination;
  private final List<SteeredTarget> targets;
  private final int label;
  private final int first;
  private final int count;
  private final int[] written; // and one for connections without selection
  private final long[] counted = new long[Count.values().length];

  /**
   * A destination.
   *
   * @param targets in the order of the destination's
   * @param label its number
   * @param first its first entry; it has one more than {@code count}
   */
  SteeredDestination(
      Destination destination, List<SteeredTarget> targets, int label, int first, int count) {
    this.destination = destination;
    this.targets = List.copyOf(targets);
    this.label = label;
    this.first = first;
    this.count = count;
    this.written = new int[count + 1];
    Arrays.fill(written, UNWRITTEN);
  }

  Destination destination() {
    return destination;
  }

  int label() {
    return label;
  }

  int first() {
    return first;
  }

  int count() {
    return count;
  }

  /** Its targets that have a slot. */
  Map<TargetAddress, SteeredTarget> bySlot() {
    Map<TargetAddress, SteeredTarget> all = new HashMap<>();
    for (SteeredTarget target : targets) {
      if (target.slot() >= 0) {
        all.put(target.target().spec().address(), target);
      }
    }
    return all;
  }

  /** Looks at its targets, and has the entries follow. */
  void look(
      TargetMaps maps, TargetFinder finder, Routes routes, boolean thoroughly, Runnable connected) {
    targets.forEach(it -> it.look(maps, finder, routes, thoroughly, connected));
    select(maps);
  }

  List<SteeredTarget> targets() {
    return targets;
  }

  /** Has its entries say what the engine would select, each by one write. */
  private void select(TargetMaps maps) {
    int[] choices = destination.group().choices(count);
    for (int i = 0; i < count; i++) {
      write(maps, i, i < choices.length ? choices[i] : -1);
    }
    write(maps, count, 0); // as Destination.representative() is the first
  }

  private void write(TargetMaps maps, int entry, int target) {
    int slot = target < 0 ? -1 : targets.get(target).slotInUse();
    if (written[entry] != slot) {
      maps.entry(first + entry, slot);
      written[entry] = slot;
    }
  }

  /** Its entries decide from now on. */
  void enter(TargetMaps maps) {
    maps.selected(label, destination.group().goesBySource(), first, count);
  }

  /** Adds what the kernel has counted since the last time. */
  void count(TargetMaps maps) {
    long[] now = maps.counted(label);
    Traffic traffic = destination.traffic();
    for (Family family : Family.values()) {
      Count count = family == Family.IPV4 ? Count.OFFLOADED_IPV4 : Count.OFFLOADED_IPV6;
      long more = now[count.ordinal()] - counted[count.ordinal()];
      traffic.offloaded(family).add(more);
      traffic.lookups(family).add(more);
    }
    add(now, Count.ELSEWHERE, traffic.fallbacks(OffloadFallback.ELSEWHERE));
    add(now, Count.ABSENT, traffic.fallbacks(OffloadFallback.ABSENT));
    add(now, Count.UNFIT, traffic.fallbacks(OffloadFallback.UNFIT));
    System.arraycopy(now, 0, counted, 0, counted.length);
  }

  private void add(long[] now, Count what, LongAdder to) {
    to.add(now[what.ordinal()] - counted[what.ordinal()]);
  }
}
