package io.sluice.proxy.offload;

import io.sluice.config.CaptureSpec;
import io.sluice.config.Config;
import io.sluice.config.OffloadObstacles;
import io.sluice.config.ProgramSpec;
import io.sluice.config.ProxyProtocolIn;
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
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What one snapshot has in the kernel: maps, and what is in them. Called by one thread at a time.
 */
final class Steered {
  /** Room for labels that bindings get at run time. */
  private static final int SPARE_LABELS = 256;

  private final TargetMaps maps;
  private final TargetFinder finder;
  private final BindingMaps bindings;
  private final Policy policy;
  private final Routes routes;
  private final List<SteeredDestination> destinations = new ArrayList<>();
  private final long[] dropped;

  private Steered(
      Syscalls syscalls,
      TargetMaps maps,
      TargetFinder finder,
      BindingMaps bindings,
      Policy policy) {
    this.maps = maps;
    this.finder = finder;
    this.bindings = bindings;
    this.policy = policy;
    this.routes = new Routes(syscalls);
    this.dropped = new long[2 * policy.programs().size()];
  }

  /** What is made, or what is wrong: one of the two is null. */
  record Made(@Nullable Steered steered, String wrong) {}

  /** The destinations that the kernel may serve, by what the configuration says. */
  static List<Destination> candidates(Snapshot snapshot) {
    OffloadObstacles obstacles = obstacles(snapshot.config());
    return snapshot.destinations().stream()
        .filter(it -> it.spec().offload().isWanted() && obstacles.of(it.spec()).isEmpty())
        .toList();
  }

  private static OffloadObstacles obstacles(Config config) {
    return new OffloadObstacles(config.captures(), config.programs());
  }

  /**
   * Makes maps, and fills them.
   *
   * @param before whose bindings are taken over if they are the same; null if there is none
   * @param connected told if the relay connects to a target that didn't listen
   */
  static Made make(
      Syscalls syscalls, Snapshot snapshot, @Nullable Steered before, Runnable connected) {
    List<Destination> candidates = candidates(snapshot);
    Config config = snapshot.config();
    Set<String> labels = new LinkedHashSet<>();
    for (Destination each : snapshot.destinations()) {
      if (each.protocol() == Protocol.TCP) {
        labels.add(each.label());
      }
    }
    boolean isShared =
        before != null
            && before.bindings.table().equals(snapshot.bindings())
            && before.bindings.labels().keySet().containsAll(labels);
    BindingMaps bindings = isShared ? before.bindings : null;
    if (bindings == null) {
      BindingMaps.Made made = BindingMaps.fill(syscalls, snapshot.bindings(), labels);
      bindings = made.maps();
      if (bindings == null) {
        return new Made(null, made.wrong());
      }
    }
    int targets = 0;
    int entries = 0;
    for (Destination each : candidates) {
      targets += each.targets().size();
      entries += each.group().choices(MOST_ENTRIES).length + 1;
    }
    TargetMaps.Size size =
        new TargetMaps.Size(
            bindings.labels().size() + SPARE_LABELS, targets, entries, config.programs().size());
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
      if (!isShared) {
        bindings.close();
      }
      return new Made(null, found.wrong());
    }
    Policy policy =
        new Policy(config.programs(), labels, announcers(config.captures()), bindings, maps);
    Steered steered = new Steered(syscalls, maps, finder, bindings, policy);
    steered.fill(candidates, obstacles(config), connected);
    return new Made(steered, "");
  }

  private static final int MOST_ENTRIES = 65_537;

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

  private void fill(List<Destination> candidates, OffloadObstacles obstacles, Runnable connected) {
    int slot = 0;
    int entry = 0;
    for (Destination each : candidates) {
      List<SteeredTarget> targets = new ArrayList<>();
      for (Target target : each.targets()) {
        String obstacle = obstacles.of(target.spec());
        targets.add(
            obstacle == null
                ? new SteeredTarget(target, slot++)
                : new SteeredTarget(target, obstacle));
      }
      int count = each.group().choices(MOST_ENTRIES).length;
      destinations.add(
          new SteeredDestination(each, targets, bindings.labelId(each.label()), entry, count));
      entry += count + 1;
    }
    look(true, connected);
    Set<String> unknown = new HashSet<>(bindings.labels().keySet());
    unknown.removeAll(policy.labels());
    unknown.forEach(label -> maps.missing(bindings.labelId(label)));
    destinations.forEach(it -> it.enter(maps));
    maps.isInForce(true);
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

  List<SteeredDestination> destinations() {
    return destinations;
  }

  /** Looks at all targets, and has the entries follow. */
  void look(boolean thoroughly, Runnable connected) {
    for (SteeredDestination destination : destinations) {
      for (SteeredTarget target : destination.targets()) {
        target.look(maps, finder, routes, thoroughly, connected);
      }
      destination.select(maps);
    }
  }

  /** Says of each target what was found. */
  void publish() {
    for (SteeredDestination destination : destinations) {
      destination.targets().forEach(it -> it.target().offload(it.state()));
    }
  }

  /** Adds what the kernel has counted since the last time. */
  void count(Counters counters) {
    destinations.forEach(it -> it.count(maps));
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
   * @param next who has taken the bindings over, if anybody has
   */
  void close(@Nullable Steered next) {
    maps.close();
    finder.close();
    if (next == null || next.bindings != bindings) {
      bindings.close();
    }
  }
}
