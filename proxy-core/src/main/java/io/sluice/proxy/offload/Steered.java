package io.sluice.proxy.offload;

import io.sluice.config.CaptureSpec;
import io.sluice.config.Config;
import io.sluice.config.OffloadObstacles;
import io.sluice.config.ProgramSpec;
import io.sluice.config.ProxyProtocolIn;
import io.sluice.config.TargetAddress;
import io.sluice.proxy.kernel.BindingMaps;
import io.sluice.proxy.kernel.Policy;
import io.sluice.proxy.kernel.TargetFinder;
import io.sluice.proxy.kernel.TargetMaps;
import io.sluice.proxy.linux.Routes;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.observe.Counters;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.Target;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What the kernel has of the snapshot in force: maps, and what is in them. Another snapshot whose
 * programs, captures, bindings and labels are the same {@linkplain #update changes} what differs;
 * any other is made anew. Called by one thread at a time.
 */
final class Steered {
  /** Room for labels that bindings get at run time. */
  private static final int SPARE_LABELS = 256;

  private static final int SPARE_SLOTS = 64;
  private static final int SPARE_ENTRIES = 1024;
  private static final int MOST_ENTRIES = 65_537;

  private final TargetMaps maps;
  private final TargetFinder finder;
  private final BindingMaps bindings;
  private final Policy policy;
  private final List<CaptureSpec> captures;
  private final Routes routes;
  private final FreeRanges slots;
  private final FreeRanges entries;
  private final Map<String, SteeredDestination> destinations = new LinkedHashMap<>(); // by label
  private final long[] dropped;

  private Steered(
      Syscalls syscalls,
      TargetMaps maps,
      TargetFinder finder,
      TargetMaps.Size size,
      Policy policy,
      List<CaptureSpec> captures) {
    this.maps = maps;
    this.finder = finder;
    this.bindings = policy.bindings();
    this.policy = policy;
    this.captures = captures;
    this.routes = new Routes(syscalls);
    this.slots = new FreeRanges(size.targets());
    this.entries = new FreeRanges(size.entries());
    this.dropped = new long[2 * policy.programs().size()];
  }

  /** What is made, or what is wrong: one of the two is null. */
  record Made(@Nullable Steered steered, String wrong) {}

  /** The destinations that the kernel may serve, by what the configuration says. */
  static List<Destination> candidates(Snapshot snapshot) {
    OffloadObstacles obstacles = obstacles(snapshot);
    return snapshot.destinations().stream()
        .filter(it -> it.spec().offload().isWanted() && obstacles.of(it.spec()).isEmpty())
        .toList();
  }

  /** What keeps destinations from the kernel. */
  static OffloadObstacles obstacles(Snapshot snapshot) {
    Config config = snapshot.config();
    return new OffloadObstacles(config.captures(), config.programs(), config.limits());
  }

  /**
   * Makes maps, and fills them.
   *
   * @param before whose bindings are taken over if they are the same; null if there is none
   * @param connected told if the relay connects to a target that didn't listen
   */
  static Made make(
      Syscalls syscalls, Snapshot snapshot, @Nullable Steered before, Runnable connected) {
    Set<String> labels = labels(snapshot);
    BindingMaps.Made bound =
        before != null && before.bindings.has(snapshot.bindings(), labels)
            ? new BindingMaps.Made(before.bindings, "")
            : BindingMaps.fill(syscalls, snapshot.bindings(), labels);
    BindingMaps bindings = bound.maps();
    if (bindings == null) {
      return new Made(null, bound.wrong());
    }
    Config config = snapshot.config();
    TargetMaps.Size size = size(candidates(snapshot), bindings, config.programs().size());
    TargetMaps.Made made = TargetMaps.make(syscalls, size);
    TargetMaps maps = made.maps();
    TargetFinder.Made found =
        maps == null
            ? new TargetFinder.Made(null, made.wrong())
            : TargetFinder.make(syscalls, maps);
    TargetFinder finder = found.finder();
    if (maps == null || finder == null) {
      if (maps != null) {
        maps.close();
      }
      if (before == null || before.bindings != bindings) {
        bindings.close();
      }
      return new Made(null, found.wrong());
    }
    Policy policy =
        new Policy(config.programs(), labels, announcers(config.captures()), bindings, maps);
    Steered steered = new Steered(syscalls, maps, finder, size, policy, config.captures());
    steered.fill(snapshot, connected);
    return new Made(steered, "");
  }

  private static TargetMaps.Size size(
      List<Destination> candidates, BindingMaps bindings, int programs) {
    int targets = 0;
    int entries = 0;
    for (Destination each : candidates) {
      targets += each.targets().size();
      entries += each.group().choices(MOST_ENTRIES).length + 1;
    }
    return new TargetMaps.Size(
        bindings.labels().size() + SPARE_LABELS,
        2 * targets + SPARE_SLOTS,
        2 * entries + SPARE_ENTRIES,
        programs);
  }

  /** The labels that have a TCP destination. */
  private static Set<String> labels(Snapshot snapshot) {
    Set<String> labels = new LinkedHashSet<>();
    for (Destination each : snapshot.destinations()) {
      if (each.protocol() == Protocol.TCP) {
        labels.add(each.label());
      }
    }
    return labels;
  }

  /** Peers that may speak for clients. */
  private static List<IpPrefix> announcers(List<CaptureSpec> captures) {
    Set<IpPrefix> all = new LinkedHashSet<>();
    for (CaptureSpec capture : captures) {
      ProxyProtocolIn in = capture.proxyProtocol();
      if (in != null && capture.protocols().contains(Protocol.TCP)) {
        all.addAll(in.from());
      }
    }
    return List.copyOf(all);
  }

  private void fill(Snapshot snapshot, Runnable connected) {
    for (Destination each : candidates(snapshot)) {
      SteeredDestination made = Objects.requireNonNull(destination(each, snapshot, Map.of()));
      destinations.put(each.label(), made);
    }
    look(true, connected);
    Set<String> unknown = new HashSet<>(bindings.labels().keySet());
    unknown.removeAll(policy.labels());
    unknown.forEach(label -> maps.missing(bindings.labelId(label)));
    destinations.values().forEach(it -> it.enter(maps));
    maps.isInForce(true);
  }

  /**
   * A destination with slots and entries of its own.
   *
   * @param known targets that have a slot already, which they keep
   * @return null if there is no room for it
   */
  private @Nullable SteeredDestination destination(
      Destination destination, Snapshot snapshot, Map<TargetAddress, SteeredTarget> known) {
    OffloadObstacles obstacles = obstacles(snapshot);
    List<SteeredTarget> targets = new ArrayList<>();
    for (Target target : destination.targets()) {
      SteeredTarget before = known.get(target.spec().address());
      String obstacle = obstacles.of(target.spec());
      int slot = obstacle != null || before != null ? 0 : slots.take(1);
      if (slot < 0) {
        return null;
      }
      targets.add(
          obstacle != null
              ? new SteeredTarget(target, obstacle)
              : before != null ? before.with(target) : new SteeredTarget(target, slot));
    }
    int count = destination.group().choices(MOST_ENTRIES).length;
    int first = entries.take(count + 1);
    int label = bindings.labelId(destination.label());
    return first < 0 ? null : new SteeredDestination(destination, targets, label, first, count);
  }

  /** Whether another snapshot differs only in what {@link #update} changes. */
  boolean isNearly(Snapshot next) {
    Config config = next.config();
    return config.captures().equals(captures)
        && config.programs().equals(policy.programs())
        && labels(next).equals(policy.labels())
        && bindings.has(next.bindings(), policy.labels());
  }

  /**
   * Goes over to another snapshot, destination by destination: each is made beside the old one, and
   * takes its place by one write.
   *
   * @param next which {@linkplain #isNearly is nearly the same}
   * @return false if there is no room for all of it: the relay has what is left
   */
  boolean update(Snapshot next, Runnable connected) {
    Map<String, SteeredDestination> before = new HashMap<>(destinations);
    List<SteeredDestination> gone = new ArrayList<>();
    boolean isWhole = true;
    destinations.clear();
    for (Destination each : candidates(next)) {
      SteeredDestination old = before.remove(each.label());
      if (old != null && old.destination() == each) {
        destinations.put(each.label(), old);
        continue;
      }
      SteeredDestination made = destination(each, next, old == null ? Map.of() : old.bySlot());
      if (made == null) {
        isWhole = false;
      } else {
        made.look(maps, finder, routes, true, connected);
        made.enter(maps);
        destinations.put(each.label(), made);
      }
      if (old != null) {
        gone.add(old);
      }
    }
    gone.addAll(before.values());
    leave(gone);
    return isWhole;
  }

  /** Has the relay get what no other destination took over, and gives places back. */
  private void leave(Collection<SteeredDestination> gone) {
    Set<Integer> used = new HashSet<>();
    destinations.values().forEach(it -> it.targets().forEach(target -> used.add(target.slot())));
    List<Integer> unused = new ArrayList<>();
    for (SteeredDestination old : gone) {
      old.count(maps);
      if (!destinations.containsKey(old.destination().label())) {
        maps.relayed(old.label());
      }
      old.targets().stream()
          .map(SteeredTarget::slot)
          .filter(it -> it >= 0 && !used.contains(it))
          .forEach(unused::add);
    }
    unused.forEach(maps::empty);
    if (!gone.isEmpty() && maps.awaitRuns()) { // nobody reads the old places any more
      unused.forEach(it -> slots.give(it, 1));
      gone.forEach(it -> entries.give(it.first(), it.count() + 1));
    }
  }

  Policy policy() {
    return policy;
  }

  BindingMaps bindings() {
    return bindings;
  }

  TargetMaps maps() {
    return maps;
  }

  Collection<SteeredDestination> destinations() {
    return destinations.values();
  }

  /** Looks at all targets, and has the entries follow. */
  void look(boolean thoroughly, Runnable connected) {
    destinations.values().forEach(it -> it.look(maps, finder, routes, thoroughly, connected));
  }

  /** Says of each target what was found. */
  void publish() {
    for (SteeredDestination destination : destinations.values()) {
      destination.targets().forEach(it -> it.target().offload(it.state()));
    }
  }

  /** Adds what the kernel has counted since the last time. */
  void count(Counters counters) {
    destinations.values().forEach(it -> it.count(maps));
    List<ProgramSpec> programs = policy.programs();
    for (int i = 0; i < dropped.length; i++) {
      boolean isMiss = i % 2 == 1;
      long now = maps.dropped(i / 2, isMiss);
      long more = now - dropped[i];
      dropped[i] = now;
      if (more > 0) {
        Refusal reason = isMiss ? Refusal.MISS : Refusal.PROGRAM;
        counters.droppedByKernel(programs.get(i / 2).name(), reason, more);
      }
    }
  }

  /**
   * Gives the descriptors back.
   *
   * @param other who has the same bindings, and goes on; null if nobody does
   */
  void close(@Nullable Steered other) {
    maps.close();
    finder.close();
    if (other == null || other.bindings != bindings) {
      bindings.close();
    }
  }
}
