package io.sluice.proxy.target;

import io.sluice.config.ConfigException;
import io.sluice.config.DestinationSpec;
import io.sluice.config.Selection;
import io.sluice.config.SourceSpec;
import io.sluice.config.TargetAddress;
import io.sluice.config.TargetSpec;
import io.sluice.proxy.header.ProxyHeaderWriter;
import io.sluice.proxy.limit.Pace;
import io.sluice.proxy.limit.SourcePlaces;
import io.sluice.proxy.limit.SourceRules;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.name.Resolver;
import io.sluice.proxy.observe.RateLimit;
import io.sluice.proxy.program.Jars;
import io.sluice.steering.Family;
import io.sluice.steering.Payload;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.reuseport.ConnectionIds;
import io.sluice.steering.reuseport.PayloadProgram;
import io.sluice.steering.reuseport.QuicProgram;
import io.sluice.steering.reuseport.ReuseportGroup;
import io.sluice.steering.reuseport.ReuseportProgram;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a label stands for, alive: its targets, the reuseport group of their sockets, and its
 * counters. A reload keeps it if its specification is unchanged, or passes its counters on.
 *
 * <p>Shared by all event loops.
 */
public final class Destination {
  private static final Logger log = LoggerFactory.getLogger(Destination.class);

  /** How many QUIC connections are remembered: more than limits.flows has unless it is raised. */
  private static final int CONNECTION_IDS = 1 << 17;

  /** How long one is remembered that is quiet. Servers give up much earlier, mostly after 30 s. */
  private static final long CONNECTION_ID_MILLIS = 600_000;

  private static final long WARNING_MILLIS = 60_000;

  private final DestinationSpec spec;
  private final List<Target> targets;
  private final ReuseportGroup group;
  private final Traffic traffic;
  private final @Nullable ConnectionIds connectionIds;
  private final @Nullable QuicProgram quic;
  private final @Nullable MessagePlan messages;
  private final RateLimit idWarning = new RateLimit(WARNING_MILLIS);
  private final SourceAddresses sources;
  private final @Nullable ProxyHeaderWriter header;
  private final @Nullable SourceRules sourceRules;
  private final Pace.@Nullable Bandwidth bandwidth;
  private final Places places = new Places(this);
  private final boolean hasBackups;
  private volatile boolean isPanicking;
  private volatile String offloadTrouble = "";

  /**
   * @param previous what the label stood for until now
   * @param traffic the label's, which may have sessions already
   * @throws ConfigException if its program can't be loaded
   */
  public Destination(
      DestinationSpec spec,
      @Nullable Destination previous,
      Traffic traffic,
      Resolver resolver,
      Jars jars)
      throws ConfigException {
    this.spec = spec;
    this.header = ProxyHeaderWriter.of(spec.proxyProtocol());
    this.traffic = traffic;
    this.sources =
        new SourceAddresses(
            spec.source() instanceof SourceSpec.Addresses own ? own.prefixes() : List.of());
    this.sourceRules =
        SourceRules.of(spec.limits().perSource(), spec.protocol().word() + " " + spec.label());
    this.bandwidth = Pace.Bandwidth.of(spec.limits().bandwidth());
    this.hasBackups = spec.targets().stream().anyMatch(TargetSpec::isBackup);
    Map<TargetAddress, Target> known = new HashMap<>();
    if (previous != null) {
      previous.targets.forEach(it -> known.put(it.spec().address(), it));
    }
    List<Target> made = new ArrayList<>();
    List<ReuseportGroup.Member> members = new ArrayList<>();
    for (var targetSpec : spec.targets()) {
      Target target = new Target(this, targetSpec, known.get(targetSpec.address()), resolver);
      made.add(target);
      members.add(
          new ReuseportGroup.Member(target.socket(), targetSpec.share(), targetSpec.identity()));
    }
    this.targets = List.copyOf(made);
    this.group = ReuseportGroup.of(members, fallback(spec), socket -> Target.of(socket).active());
    this.targets.forEach(Target::join);
    this.messages =
        spec.messages() == null ? null : new MessagePlan(spec, spec.messages(), this.targets, jars);
    if (messages != null) {
      traffic.hasMessages = true;
    }
    this.connectionIds =
        spec.selection() instanceof Selection.Quic ? connectionIds(previous) : null;
    this.quic =
        spec.selection() instanceof Selection.Quic its && connectionIds != null
            ? new QuicProgram(
                connectionIds, its.connectionIdLength(), members, serverIds(its, targets))
            : null;
    if (messages == null) {
      attachProgram(spec.selection(), jars);
    }
  }

  /** How the group selects by itself: after its program, if it has one. */
  private static ReuseportGroup.Selection fallback(DestinationSpec spec) {
    return switch (spec.selection()) {
      case Selection.Source _ -> ReuseportGroup.Selection.SOURCE;
      case Selection.RoundRobin _ -> ReuseportGroup.Selection.ROUND_ROBIN;
      case Selection.LeastConnections _ -> ReuseportGroup.Selection.LEAST_CONNECTIONS;
      case Selection.Hash _, Selection.Payload _, Selection.Quic _, Selection.Program _ ->
          ReuseportGroup.Selection.HASH;
    };
  }

  private void attachProgram(Selection selection, Jars jars) throws ConfigException {
    switch (selection) {
      case Selection.Payload bytes ->
          group.attach("payload", new PayloadProgram(bytes.offset(), bytes.length()));
      case Selection.Program its ->
          group.attach(its.code().name(), jars.load(its.code(), ReuseportProgram.class));
      case Selection.Quic _ -> group.attach("quic", Objects.requireNonNull(quic));
      case Selection.Hash _,
          Selection.Source _,
          Selection.RoundRobin _,
          Selection.LeastConnections _ -> {}
    }
  }

  private static ConnectionIds connectionIds(@Nullable Destination previous) {
    return previous == null || previous.connectionIds == null
        ? new ConnectionIds(CONNECTION_IDS, CONNECTION_ID_MILLIS, Loop::nowMillis)
        : previous.connectionIds;
  }

  private static QuicProgram.@Nullable ServerIds serverIds(
      Selection.Quic quic, List<Target> targets) {
    Selection.ServerId serverId = quic.serverId();
    if (serverId == null) {
      return null;
    }
    Map<Long, Socket> byId = new HashMap<>();
    for (Target target : targets) {
      String id = target.spec().serverId();
      if (id != null) {
        byId.put(HexFormat.fromHexDigitsToLong(id), target.socket());
      }
    }
    return new QuicProgram.ServerIds(serverId.offset(), serverId.length(), byId);
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

  /** Whether any of them may be selected: see {@link Target#isAvailable}. Allocates nothing. */
  boolean isAnyAvailable() {
    for (int i = 0; i < targets.size(); i++) {
      if (targets.get(i).isAvailable()) {
        return true;
      }
    }
    return false;
  }

  /** Whether so few of them are up that all are used: {@code panic}. */
  boolean isPanicking() {
    return isPanicking;
  }

  /** What is known of a target has changed: the group is told who may be selected. */
  void changed(Target target) {
    tellGroup(target);
    traffic.line().serve();
  }

  private void tellGroup(Target target) {
    if (hasBackups || spec.health().panicPercent() > 0) {
      tellAll();
    } else {
      group.available(target.socket(), target.isAvailable());
    }
  }

  /** Reads all under the lock: of two targets that change at once, the last to tell sees both. */
  private synchronized void tellAll() {
    int serving = 0;
    int up = 0;
    boolean isAnyPrimary = false;
    for (Target target : targets) {
      if (target.spec().share() > 0) {
        serving++;
        up += target.isUp() ? 1 : 0;
        isAnyPrimary |= !target.spec().isBackup() && target.isAvailable();
      }
    }
    boolean panics = up * 100 < spec.health().panicPercent() * serving;
    if (panics != isPanicking) {
      isPanicking = panics;
      log.warn(
          "panic {} destination={} targets={} up={} effect=\"{}\"",
          panics ? "begins" : "ends",
          spec.label(),
          serving,
          up,
          panics ? "all targets get clients, also those that are down" : "only those that are up");
    }
    for (Target target : targets) {
      boolean isWanted = !target.spec().isBackup() || !isAnyPrimary;
      group.available(target.socket(), panics || isWanted && target.isAvailable());
    }
  }

  /**
   * Why none of its targets is offloaded at the moment though it could be; empty if some may be.
   */
  public String offloadTrouble() {
    return offloadTrouble;
  }

  /** Says so. */
  public void offloadTrouble(String why) {
    offloadTrouble = why;
  }

  public ReuseportGroup group() {
    return group;
  }

  public Traffic traffic() {
    return traffic;
  }

  /** How its streams are steered by message; null if they are not. */
  public @Nullable MessagePlan messages() {
    return messages;
  }

  /** Whether its targets' QUIC connections are followed. */
  public boolean isQuic() {
    return quic != null;
  }

  /**
   * The QUIC connection that a client's datagram belongs to, if it is known. Any thread.
   *
   * @see QuicProgram#connection
   */
  public ConnectionIds.@Nullable Entry connection(Payload datagram) {
    return quic == null ? null : quic.connection(datagram);
  }

  /**
   * Learns from a target's answer which connection ID it has chosen. Any thread.
   *
   * @return the connection; null if the answer doesn't say
   */
  public ConnectionIds.@Nullable Entry learn(Payload answer, Target from) {
    if (quic == null || !(spec.selection() instanceof Selection.Quic configured)) {
      return null;
    }
    ConnectionIds.Entry connection = quic.learn(answer, from.socket());
    if (connection != null
        && connection.length() != configured.connectionIdLength()
        && idWarning.permits()) {
      log.warn(
          "connection IDs have another length than configured: clients that change their address"
              + " are lost destination={} target={} connectionIdLength={} configured={}",
          spec.label(),
          from,
          connection.length(),
          configured.connectionIdLength());
    }
    return connection;
  }

  /** The addresses that connections come from in turn; none if the kernel or the client says. */
  public SourceAddresses sources() {
    return sources;
  }

  /** The only family that targets can be reached in; null if it may be either. */
  @Nullable Family sourceFamily(Family client) {
    return switch (spec.source()) {
      case SourceSpec.Kernel _ -> null;
      case SourceSpec.Transparent _ -> client;
      case SourceSpec.Addresses own ->
          !own.has(Family.IPV6) ? Family.IPV4 : own.has(Family.IPV4) ? null : Family.IPV6;
    };
  }

  /** Makes the PROXY protocol headers that its targets get; null if they get none. */
  public @Nullable ProxyHeaderWriter header() {
    return header;
  }

  /** The socket that stands for this destination in the socket map: a member of the group. */
  public Socket representative() {
    return targets.getFirst().socket();
  }

  /** What one source may have of it; null for no bound. */
  public @Nullable SourceRules sourceRules() {
    return sourceRules;
  }

  /** How fast a new session or flow may go; null if nothing bounds it. */
  public @Nullable Pace pace(@Nullable SourcePlaces places) {
    return Pace.of(bandwidth, spec.limits().sessionBandwidth(), places);
  }

  /** The places for sessions on its targets. */
  public Places places() {
    return places;
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

  /** Counts a session in that another daemon had opened. */
  public void reopen() {
    traffic.active.incrementAndGet();
  }

  /** Whether {@link #tryOpen} would say no now. Any thread. */
  public boolean isFull() {
    return spec.maxConnections() > 0 && traffic.active() >= spec.maxConnections();
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
