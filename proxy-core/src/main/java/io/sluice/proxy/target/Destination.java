package io.sluice.proxy.target;

import io.sluice.config.DestinationSpec;
import io.sluice.config.TargetAddress;
import io.sluice.proxy.header.ProxyHeaderWriter;
import io.sluice.proxy.metrics.Counters;
import io.sluice.steering.Family;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.reuseport.ReuseportGroup;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/**
 * What a label stands for, alive: its targets, the reuseport group of their sockets, and its
 * counters. A reload keeps it if its specification is unchanged, or passes its counters on.
 *
 * <p>Shared by all event loops.
 */
public final class Destination {
  private final DestinationSpec spec;
  private final List<Target> targets;
  private final ReuseportGroup group;
  private final Traffic traffic;
  private final @Nullable ProxyHeaderWriter header;

  /** What is counted per destination; outlives a change of its specification. */
  public static final class Traffic {
    private final AtomicInteger active = new AtomicInteger();
    private final LongAdder[] lookups = Counters.adders(Family.values().length);
    private final LongAdder[] ends = Counters.adders(SessionEnd.values().length);

    /** Bytes, or payload of datagrams, from clients to targets. */
    public final LongAdder bytesIn = new LongAdder();

    /** Bytes, or payload of datagrams, from targets to clients. */
    public final LongAdder bytesOut = new LongAdder();

    /** Datagrams from clients to targets. */
    public final LongAdder datagramsIn = new LongAdder();

    /** Datagrams from targets to clients. */
    public final LongAdder datagramsOut = new LongAdder();

    public LongAdder lookups(Family family) {
      return lookups[family.ordinal()];
    }

    public LongAdder ends(SessionEnd end) {
      return ends[end.ordinal()];
    }

    public int active() {
      return active.get();
    }
  }

  /**
   * @param previous what the label stood for until now: its sessions still count
   */
  Destination(DestinationSpec spec, @Nullable Destination previous, Resolver resolver) {
    this.spec = spec;
    this.header = ProxyHeaderWriter.of(spec.proxyProtocol());
    this.traffic = previous == null ? new Traffic() : previous.traffic;
    Map<TargetAddress, Target> known = new HashMap<>();
    if (previous != null) {
      previous.targets.forEach(it -> known.put(it.spec().address(), it));
    }
    List<Target> made = new ArrayList<>();
    List<ReuseportGroup.Member> members = new ArrayList<>();
    for (var targetSpec : spec.targets()) {
      Target target = new Target(this, targetSpec, known.get(targetSpec.address()), resolver);
      made.add(target);
      members.add(new ReuseportGroup.Member(target.socket(), targetSpec.weight()));
    }
    this.targets = List.copyOf(made);
    this.group =
        ReuseportGroup.of(
            members,
            switch (spec.select()) {
              case HASH -> ReuseportGroup.Selection.HASH;
              case SOURCE -> ReuseportGroup.Selection.SOURCE;
              case ROUND_ROBIN -> ReuseportGroup.Selection.ROUND_ROBIN;
              case LEAST_CONNECTIONS -> ReuseportGroup.Selection.LEAST_CONNECTIONS;
            },
            socket -> Target.of(socket).active());
  }

  public DestinationSpec spec() {
    return spec;
  }

  public String label() {
    return spec.label();
  }

  public Protocol protocol() {
    return spec.protocol();
  }

  public List<Target> targets() {
    return targets;
  }

  public ReuseportGroup group() {
    return group;
  }

  public Traffic traffic() {
    return traffic;
  }

  /** Makes the PROXY protocol headers that its targets get; null if they get none. */
  public @Nullable ProxyHeaderWriter header() {
    return header;
  }

  /** The socket that stands for this destination in the socket map: a member of the group. */
  Socket representative() {
    return targets.getFirst().socket();
  }

  /** Counts a session in; false if {@code maxConnections} is reached. Any thread. */
  public boolean tryOpen() {
    int limit = spec.maxConnections();
    if (traffic.active.incrementAndGet() > limit && limit > 0) {
      traffic.active.decrementAndGet();
      return false;
    }
    return true;
  }

  /** Takes back {@link #tryOpen}. Any thread. */
  public void close() {
    traffic.active.decrementAndGet();
  }

  @Override
  public String toString() {
    return spec.protocol().word() + " " + spec.label();
  }
}
