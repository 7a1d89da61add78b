package io.sluice.proxy.lookup;

import io.sluice.bpf.LookupProgram;
import io.sluice.config.CaptureSpec;
import io.sluice.config.Config;
import io.sluice.config.ConfigException;
import io.sluice.config.DestinationSpec;
import io.sluice.config.ListenerSpec;
import io.sluice.config.Problem;
import io.sluice.config.ProgramSpec;
import io.sluice.config.Selection;
import io.sluice.config.TargetAddress;
import io.sluice.config.TargetSpec;
import io.sluice.proxy.header.HeaderSources;
import io.sluice.proxy.name.Resolver;
import io.sluice.proxy.program.BpfObjects;
import io.sluice.proxy.program.Jars;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.Target;
import io.sluice.proxy.target.Traffic;
import io.sluice.steering.Errno;
import io.sluice.steering.Family;
import io.sluice.steering.ListenerTable;
import io.sluice.steering.Program;
import io.sluice.steering.ProgramChain;
import io.sluice.steering.Protocol;
import io.sluice.steering.Shadow;
import io.sluice.steering.SkLookup;
import io.sluice.steering.Socket;
import io.sluice.steering.binding.BindingTable;
import io.sluice.steering.binding.BindingsProgram;
import io.sluice.steering.binding.RulesProgram;
import io.sluice.steering.map.ProgramMaps;
import io.sluice.steering.map.SockMap;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * All that lookups of one generation need: programs, bindings, maps, listeners, destinations.
 * Immutable; swapped whole by one volatile write. A lookup takes it once.
 *
 * @param asksForInterface whether some program looks at the ingress interface, which costs a system
 *     call per connection
 * @param traffic what is counted by label, also of labels that have gone while sessions live
 * @param generation counts up from 1 with each configuration that came into force
 */
public record Snapshot(
    long generation,
    Config config,
    BindingTable bindings,
    SkLookup engine,
    List<Destination> destinations,
    Map<Key, Traffic> traffic,
    Map<Key, Integer> bindingCounts,
    boolean asksForInterface,
    HeaderSources headerSources,
    ClientRules clientRules,
    SockMap sockets) {

  /** What names a destination: a label stands for one of each protocol. */
  public record Key(String label, Protocol protocol) {}

  /**
   * Makes the next snapshot, and changes nothing that is in force. The resolver begins to ask for
   * its names; jars are read anew.
   *
   * @param previous the one in force: destinations whose specification is the same live on, but for
   *     those with a program, whose jar may be another
   * @throws ConfigException if programs can't be loaded from their jars; with a problem for each
   */
  public static Snapshot of(Config config, @Nullable Snapshot previous, Resolver resolver)
      throws ConfigException {
    Map<Key, Destination> known = new LinkedHashMap<>();
    if (previous != null) {
      previous.destinations.forEach(it -> known.put(new Key(it.label(), it.protocol()), it));
    }
    Map<Key, Traffic> traffic = traffic(config, previous, known.keySet());
    Map<Key, Integer> slots = new LinkedHashMap<>();
    List<Destination> destinations = new ArrayList<>();
    List<Problem> problems = new ArrayList<>();
    Jars jars = new Jars();
    for (DestinationSpec spec : config.destinations()) {
      Key key = new Key(spec.label(), spec.protocol());
      slots.put(key, destinations.size());
      try {
        destinations.add(carriedOver(known.get(key), spec, counted(traffic, key), resolver, jars));
      } catch (ConfigException unusable) {
        problems.addAll(unusable.problems());
      }
    }
    refuseIfAny(problems);
    SockMap sockets = new SockMap(Math.max(1, destinations.size()));
    for (int slot = 0; slot < destinations.size(); slot++) {
      int result = sockets.update(slot, destinations.get(slot).representative());
      if (result < 0) {
        throw new IllegalStateException(destinations.get(slot) + ": " + Errno.ofResult(result));
      }
    }
    BindingTable bindings = config.bindings();
    ProgramMaps maps = new ProgramMaps(sockets, (label, protocol) -> slot(slots, label, protocol));
    List<ProgramChain.Link> links = links(config, bindings, maps, jars, previous);
    List<Socket> listening = new ArrayList<>();
    for (ListenerSpec spec : config.listeners()) {
      int slot = slot(slots, spec.destination(), spec.protocol());
      Destination destination = destinations.get(slot);
      Socket listener =
          Socket.bound(spec.protocol(), spec.address(), spec.port())
              .attachment(destination.targets().getFirst())
              .build();
      listener.group(destination.group());
      listening.add(listener);
    }
    return new Snapshot(
        previous == null ? 1 : previous.generation + 1,
        config,
        bindings,
        new SkLookup(ProgramChain.of(links), ListenerTable.of(listening)),
        List.copyOf(destinations),
        traffic,
        bindingCounts(bindings),
        asksForInterface(config),
        HeaderSources.of(config.captures()),
        ClientRules.of(config),
        sockets);
  }

  /**
   * The next snapshot, of a configuration that {@linkplain Config#isRebound differs in its bindings
   * only}: all else is the same, and shared.
   */
  public Snapshot rebound(Config next) {
    return rebound(next, generation + 1);
  }

  /** The same snapshot of an equal configuration, whose bindings were compiled in another way. */
  public Snapshot recompiled(Config equal) {
    return rebound(equal, generation);
  }

  private Snapshot rebound(Config next, long number) {
    Map<Key, Integer> slots = new LinkedHashMap<>();
    for (Destination destination : destinations) {
      slots.put(new Key(destination.label(), destination.protocol()), slots.size());
    }
    BindingTable table = next.bindings();
    BindingsProgram ofTable =
        BindingsProgram.of(table, sockets, (label, protocol) -> slot(slots, label, protocol));
    List<ProgramChain.Link> links =
        engine.programs().links().stream().map(it -> rebound(it, ofTable)).toList();
    return new Snapshot(
        number,
        next,
        table,
        new SkLookup(ProgramChain.of(links), engine.listeners()),
        destinations,
        traffic,
        bindingCounts(table),
        asksForInterface,
        headerSources,
        clientRules,
        sockets);
  }

  /** The same as another generation: it goes on counting where another daemon was. */
  public Snapshot numbered(long number) {
    return new Snapshot(
        number,
        config,
        bindings,
        engine,
        destinations,
        traffic,
        bindingCounts,
        asksForInterface,
        headerSources,
        clientRules,
        sockets);
  }

  /** A target by its address as the configuration writes it; null if there is none. */
  public @Nullable Target target(String label, Protocol protocol, String address) {
    for (Destination destination : destinations) {
      if (destination.protocol() == protocol && destination.label().equals(label)) {
        for (Target target : destination.targets()) {
          if (target.toString().equals(address)) {
            return target;
          }
        }
      }
    }
    return null;
  }

  private static ProgramChain.Link rebound(ProgramChain.Link link, BindingsProgram next) {
    Shadow shadow = link.shadow();
    return new ProgramChain.Link(
        link.name(),
        link.program() instanceof BindingsProgram ? next : link.program(),
        shadow != null && shadow.candidate() instanceof BindingsProgram
            ? new Shadow(next, shadow.comparison())
            : shadow);
  }

  /** Has the resolver forget the names that it doesn't have. */
  public void retainNames(Resolver resolver) {
    resolver.retain(names(config));
  }

  /**
   * Lets go of what it shares with others: it never came into force.
   *
   * @param inForce the one that is
   */
  public void discard(@Nullable Snapshot inForce) {
    if (inForce == null || inForce.sockets != sockets) {
      sockets.clear(); // destinations that live on would keep this map
    }
  }

  private static List<ProgramChain.Link> links(
      Config config,
      BindingTable bindings,
      ProgramMaps maps,
      Jars jars,
      @Nullable Snapshot previous)
      throws ConfigException {
    List<ProgramChain.Link> links = new ArrayList<>();
    List<Problem> problems = new ArrayList<>();
    BpfObjects objects =
        new BpfObjects(
            config.loops(),
            name -> loaded(previous, name),
            (label, protocol) -> maps.lookup(maps.slot(label, protocol)));
    for (ProgramSpec spec : config.programs()) {
      try {
        Program program = program(spec, bindings, maps, jars, objects);
        Shadow shadow =
            spec instanceof ProgramSpec.Shadowed its
                ? new Shadow(
                    program(its.shadow(), bindings, maps, jars, objects), comparison(its, previous))
                : null;
        links.add(new ProgramChain.Link(spec.name(), program, shadow));
      } catch (ConfigException unusable) {
        problems.addAll(unusable.problems());
      }
    }
    refuseIfAny(problems);
    return links;
  }

  private static Program program(
      ProgramSpec spec, BindingTable bindings, ProgramMaps maps, Jars jars, BpfObjects objects)
      throws ConfigException {
    return switch (spec) {
      case ProgramSpec.Bindings _ -> BindingsProgram.of(bindings, maps.sockets(), maps.slots());
      case ProgramSpec.Rules rules -> RulesProgram.of(rules.rules(), maps.sockets(), maps.slots());
      case ProgramSpec.Custom custom ->
          jars.load(custom.code(), Program.class, ProgramMaps.class, maps);
      case ProgramSpec.Bpf bpf -> objects.load(bpf);
      case ProgramSpec.Shadowed its -> program(its.program(), bindings, maps, jars, objects);
    };
  }

  /** That of the snapshot before, if it compares the same two. */
  private static Shadow.Comparison comparison(
      ProgramSpec.Shadowed spec, @Nullable Snapshot previous) {
    if (previous != null && previous.config.programs().contains(spec)) {
      for (ProgramChain.Link link : previous.engine.programs().links()) {
        Shadow shadow = link.shadow();
        if (shadow != null && link.name().equals(spec.name())) {
          return shadow.comparison();
        }
      }
    }
    return new Shadow.Comparison();
  }

  /** The eBPF program that ran under a name. */
  private static @Nullable LookupProgram loaded(@Nullable Snapshot previous, String name) {
    if (previous == null) {
      return null;
    }
    for (ProgramChain.Link link : previous.engine.programs().links()) {
      if (link.name().equals(name) && link.program() instanceof LookupProgram program) {
        return program;
      }
    }
    return null;
  }

  private static Map<Key, Integer> bindingCounts(BindingTable bindings) {
    Map<Key, Integer> counts = new HashMap<>();
    for (Protocol protocol : Protocol.values()) {
      int[] byLabel = bindings.counts(protocol);
      for (int label = 0; label < byLabel.length; label++) {
        if (byLabel[label] > 0) {
          counts.put(new Key(bindings.labels().get(label), protocol), byLabel[label]);
        }
      }
    }
    return counts;
  }

  private static void refuseIfAny(List<Problem> problems) throws ConfigException {
    if (!problems.isEmpty()) {
      throw new ConfigException(problems);
    }
  }

  /** A class from a jar may ask for it, so we must know it. */
  private static boolean asksForInterface(Config config) {
    return config.programs().stream().anyMatch(Snapshot::asksForInterface);
  }

  private static boolean asksForInterface(ProgramSpec spec) {
    return switch (spec) {
      case ProgramSpec.Bindings _ -> false;
      case ProgramSpec.Rules program ->
          program.rules().stream().anyMatch(rule -> rule.ifindex() != 0);
      case ProgramSpec.Custom _, ProgramSpec.Bpf _ -> true;
      case ProgramSpec.Shadowed its ->
          asksForInterface(its.program()) || asksForInterface(its.shadow());
    };
  }

  /** Whether a capture that takes this address and port says that datagrams may come from there. */
  boolean allowsCapturedSource(Family family, long high, long low, int port) {
    for (CaptureSpec capture : config.captures()) {
      if (capture.options().allowCapturedSources()
          && capture.addresses().stream().anyMatch(it -> it.contains(family, high, low))
          && capture.ports().stream().anyMatch(it -> it.contains(port))) {
        return true;
      }
    }
    return false;
  }

  private static Set<String> names(Config config) {
    Set<String> names = new HashSet<>();
    for (DestinationSpec destination : config.destinations()) {
      for (TargetSpec target : destination.targets()) {
        if (target.address() instanceof TargetAddress.Host host) {
          names.add(host.name());
        }
      }
    }
    return names;
  }

  /**
   * It has come into force: targets that the one before had and this one hasn't, or with weight 0,
   * are {@linkplain Target#isRetired retired}. Called once, after the volatile write.
   *
   * @param before null at the start
   */
  public void inForce(@Nullable Snapshot before) {
    Set<Target.Life> living = Collections.newSetFromMap(new IdentityHashMap<>());
    for (Destination destination : destinations) {
      destination.places().inForce();
      for (Target target : destination.targets()) {
        target.retire(target.spec().share() == 0);
        living.add(target.life());
      }
    }
    List<Destination> gone = before == null ? List.of() : before.destinations;
    for (Destination destination : gone) {
      for (Target target : destination.targets()) {
        if (!living.contains(target.life())) {
          target.retire(true);
        }
      }
    }
  }

  /** How many bindings lead to a destination. */
  public int bindingsOf(Destination destination) {
    Key key = new Key(destination.label(), destination.protocol());
    return bindingCounts.getOrDefault(key, 0);
  }

  private static int slot(Map<Key, Integer> slots, String label, Protocol protocol) {
    return Objects.requireNonNullElse(slots.get(new Key(label, protocol)), -1);
  }

  /**
   * What is counted belongs to the label: it stays while sessions live, though the label has gone,
   * and goes on when the label comes back. A label that has just gone stays for one more
   * generation, as somebody may be opening a session under it.
   */
  private static Map<Key, Traffic> traffic(
      Config config, @Nullable Snapshot previous, Set<Key> before) {
    Map<Key, Traffic> traffic = new LinkedHashMap<>();
    if (previous != null) {
      previous.traffic.forEach((key, counted) -> {
        if (counted.active() > 0 || before.contains(key)) {
          traffic.put(key, counted);
        }
      });
    }
    for (DestinationSpec spec : config.destinations()) {
      traffic.computeIfAbsent(new Key(spec.label(), spec.protocol()), _ -> new Traffic());
    }
    return Collections.unmodifiableMap(traffic);
  }

  private static Traffic counted(Map<Key, Traffic> traffic, Key key) {
    return Objects.requireNonNull(traffic.get(key));
  }

  private static Destination carriedOver(
      @Nullable Destination old,
      DestinationSpec spec,
      Traffic traffic,
      Resolver resolver,
      Jars jars)
      throws ConfigException {
    return old != null
            && old.spec().equals(spec)
            && !(spec.selection() instanceof Selection.Program)
        ? old
        : new Destination(spec, old, traffic, resolver, jars);
  }
}
