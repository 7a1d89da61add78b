package io.sluice.proxy.target;

import io.sluice.config.SourceSpec;
import io.sluice.config.TargetAddress;
import io.sluice.config.TargetSpec;
import io.sluice.proxy.health.Endpoint;
import io.sluice.proxy.health.Endpoints;
import io.sluice.proxy.health.LastCheck;
import io.sluice.proxy.health.Status;
import io.sluice.proxy.health.TargetState;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.name.Resolver;
import io.sluice.proxy.observe.TargetCounters;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Socket;
import io.sluice.steering.reuseport.Tried;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * One of a destination's targets, and the engine's socket that stands for it. It leads to one
 * {@link Endpoint}, or to as many as its name has addresses, of which it uses one at a time.
 *
 * <p>It is passed over while none of its endpoints is up, but for one connection at a time that
 * finds out whether one has come back. Shared by all event loops.
 */
public final class Target {
  private static final int ANY_PORT =
      1; // targets are not found by port, but only a bound socket may be in a map

  private final Destination destination;
  private final TargetSpec spec;
  private final Socket socket;
  private final Life life;
  private final Addresses addresses;
  private final long connectTimeoutMillis;
  private final long slowStartMillis;
  private final Status takenOut;

  /** What a target keeps over a reload, however its destination changes. */
  public static final class Life {
    private final AtomicInteger active = new AtomicInteger();
    private final AtomicInteger places = new AtomicInteger();
    private final TargetCounters counters = new TargetCounters();
    private final @Nullable Endpoint endpoint;
    private volatile boolean isRetired;
    private volatile OffloadState offload = OffloadState.OFF;

    Life(@Nullable Endpoint endpoint, boolean isRetired) {
      this.endpoint = endpoint;
      this.isRetired = isRetired;
    }
  }

  /**
   * @param previous the same target before a reload: its sessions are this one's as well
   */
  Target(Destination destination, TargetSpec spec, @Nullable Target previous, Resolver resolver) {
    this.destination = destination;
    this.spec = spec;
    this.connectTimeoutMillis = destination.spec().connectTimeout().toMillis();
    this.takenOut = takenOut(spec);
    this.slowStartMillis = destination.spec().health().slowStart().toMillis();
    this.life =
        previous == null
            ? new Life(endpoint(destination, spec, resolver.endpoints()), spec.share() == 0)
            : previous.life;
    this.addresses =
        life.endpoint != null
            ? new Addresses(this, life.endpoint)
            : new Addresses(this, (TargetAddress.Host) spec.address(), resolver);
    this.socket =
        Socket.bound(destination.protocol(), IpAddress.ANY_IPV6, ANY_PORT).attachment(this).build();
  }

  /** Its endpoints now: one, or as many as its name has addresses. */
  public List<Endpoint> endpoints() {
    return addresses.all();
  }

  /** What a check of it was told last; null if it isn't checked, or has not been yet. */
  public @Nullable LastCheck lastCheck() {
    for (Endpoint endpoint : addresses.all()) {
      LastCheck check = endpoint.lastCheck();
      if (check != null) {
        return check;
      }
    }
    return null;
  }

  /** What it is called if it gets nothing new, whatever is known of it. */
  private static Status takenOut(TargetSpec spec) {
    return new Status(
        spec.state() == TargetSpec.State.MAINT ? TargetState.MAINT : TargetState.DRAIN,
        spec.state() == TargetSpec.State.READY ? "weight 0" : "state " + spec.state().word(),
        Instant.now());
  }

  private static @Nullable Endpoint endpoint(
      Destination destination, TargetSpec spec, Endpoints endpoints) {
    return switch (spec.address()) {
      case TargetAddress.Host _ -> null;
      case TargetAddress.Original it -> endpoints.own(destination.protocol(), it);
      case TargetAddress.Ip it -> endpoints.of(destination.protocol(), it);
      case TargetAddress.Unix it -> endpoints.of(destination.protocol(), it);
    };
  }

  /** Its destination's group is complete: from now on it says whether it is available. */
  void join() {
    addresses.join();
  }

  /** The target that a socket of a snapshot stands for. */
  public static Target of(Socket socket) {
    return (Target) Objects.requireNonNull(socket.attachment());
  }

  /** Whether a socket is one of a snapshot's. */
  public static boolean isBehind(Socket socket) {
    return socket.attachment() instanceof Target;
  }

  public Destination destination() {
    return destination;
  }

  public TargetSpec spec() {
    return spec;
  }

  public Socket socket() {
    return socket;
  }

  /** Sessions that it has now. */
  public int active() {
    return life.active.get();
  }

  /** What is counted of it, since the start or since it was added. */
  public TargetCounters counters() {
    return life.counters;
  }

  /** Counts a session in. */
  public void opened() {
    life.active.incrementAndGet();
  }

  /** Counts a session out. */
  public void closed() {
    life.active.decrementAndGet();
  }

  /** Takes a place for a session; false if {@code maxConnections} of them are taken. Any thread. */
  public boolean tryPlace() {
    int most = spec.maxConnections();
    if (life.places.incrementAndGet() > most && most > 0) {
      life.places.decrementAndGet();
      return false;
    }
    return true;
  }

  /** Takes a place that a session had in another daemon, whether there is one or not. */
  public void retakePlace() {
    life.places.incrementAndGet();
  }

  /** Takes back {@link #tryPlace}. Any thread. */
  public void leavePlace() {
    life.places.decrementAndGet();
  }

  /** Whether a place is free, at this moment. */
  boolean hasPlace() {
    return spec.maxConnections() == 0 || life.places.get() < spec.maxConnections();
  }

  /** How many sessions it has for its weight. */
  double load() {
    return (double) life.places.get() / spec.share();
  }

  /**
   * Whether what it has should leave it: a configuration came into force that doesn't have it any
   * more, or has it with weight 0. Changes back if its weight does. Any thread; one volatile read.
   */
  public boolean isRetired() {
    return life.isRetired;
  }

  /** Says whether what it has should leave it, in this snapshot and those before and after. */
  public void retire(boolean isRetired) {
    life.isRetired = isRetired;
  }

  /** The same for what goes to one of its addresses: it may have left the name. */
  public boolean isRetired(Endpoint endpoint) {
    return life.isRetired || !addresses.has(endpoint);
  }

  /** Whether the kernel gives it connections itself, as was found last. */
  public OffloadState offload() {
    return life.offload;
  }

  /** Says so. */
  public void offload(OffloadState found) {
    life.offload = found;
  }

  /** What it has in common with the same target of the snapshots before and after. */
  public Life life() {
    return life;
  }

  /** The endpoint of an address, as {@link Endpoint#address} writes it; null if it has none. */
  public @Nullable Endpoint endpoint(String address) {
    for (Endpoint endpoint : endpoints()) {
      if (endpoint.address().toString().equals(address)) {
        return endpoint;
      }
    }
    return null;
  }

  /** Its state, why, and since when. */
  public Status status() {
    return spec.share() == 0 ? takenOut : addresses.status();
  }

  /** False while it is passed over: none of its endpoints is up, or its name has no address. */
  public boolean isUp() {
    return addresses.isAnyUp();
  }

  /** Whether the group may select it: it is up, or somebody has to find out. */
  public boolean isAvailable() {
    return addresses.isAnyUp() || addresses.isAnyDue();
  }

  /**
   * Whether a connection that was led here may go on: it is up, or this one finds out whether it
   * is, and must ask for the {@linkplain #endpoint address} next. Otherwise another came first, or
   * a check knows that it isn't.
   */
  boolean admits() {
    return addresses.isAnyUp() || addresses.claim() || destination.isPanicking();
  }

  /** {@link #admits} of the next connection: changes nothing. */
  private boolean wouldAdmit() {
    return isAvailable() || destination.isPanicking();
  }

  /** Whether its name is known to have no address. */
  public boolean hasNoAddress() {
    return addresses.areNone();
  }

  /** Whether it came back so short a time ago that chance decides whether it is spared. */
  public boolean isStartingSlowly() {
    return slowStartMillis > 0 && upMillis() < slowStartMillis;
  }

  /** Whether a check says that it doesn't serve, and the destination goes by that. */
  public boolean isRefused() {
    return addresses.areAllHeld() && !destination.isPanicking();
  }

  /**
   * This target, or who takes its place because it is down and another connection finds out about
   * it, or because it has just come back and gets less than its share. If traffic has found all to
   * be down, they are used as if none were. Allocates nothing.
   *
   * @param tried cleared, and used
   * @return null if checks say that no target serves
   */
  public @Nullable Target admitted(LookupContext context, Tried tried) {
    Target admitted = admitted(context, tried, Target::admits);
    boolean isSpared = slowStartMillis > 0 && admitted == this && isSparedNow();
    return isSpared ? instead(context, tried) : admitted;
  }

  /** Whether this connection is one that goes elsewhere, as it came back a short time ago. */
  private boolean isSparedNow() {
    long upMillis = upMillis();
    return upMillis < slowStartMillis
        && ThreadLocalRandom.current().nextLong(slowStartMillis) >= upMillis;
  }

  private long upMillis() {
    long since = addresses.upSinceMillis();
    return since == Long.MIN_VALUE ? Long.MAX_VALUE : Loop.nowMillis() - since;
  }

  /**
   * Whom {@link #admitted} would answer to the next connection, as far as chance doesn't decide:
   * for who only asks. Takes no probe.
   *
   * @return null if checks say that no target serves
   */
  public @Nullable Target expected(LookupContext context, Tried tried) {
    return admitted(context, tried, Target::wouldAdmit);
  }

  private @Nullable Target admitted(LookupContext context, Tried tried, Predicate<Target> admits) {
    if (admits.test(this)) {
      return this;
    }
    boolean isRefused = isRefused();
    if (!isRefused && !destination.isAnyAvailable()) {
      return this;
    }
    tried.clear();
    Target other = another(context, tried, admits);
    return other == null && !isRefused ? this : other;
  }

  private Target instead(LookupContext context, Tried tried) {
    tried.clear();
    Target other = another(context, tried);
    return other != null
            && other.spec.isBackup() == spec.isBackup()
            && (other.isUp() || other.addresses.isAnyProbed())
        ? other
        : this;
  }

  /**
   * Another target for a connection that this one failed: see {@link
   * io.sluice.steering.reuseport.ReuseportGroup#selectOther}. Allocates nothing.
   *
   * @return null if all were tried
   */
  public @Nullable Target another(LookupContext context, Tried tried) {
    return another(context, tried, Target::admits);
  }

  private @Nullable Target another(LookupContext context, Tried tried, Predicate<Target> admits) {
    Target last = this;
    while (true) {
      Socket next = destination.group().selectOther(context, last.socket, tried);
      if (next == null) {
        return null;
      }
      last = of(next);
      if (admits.test(last) || !last.isAvailable() && !last.isRefused()) {
        return last; // in the second case nobody is left who is available
      }
    }
  }

  /** Writes where to connect: {@link #endpoint}, for a caller that doesn't report how it ended. */
  public boolean address(LookupContext context, Sockaddr out) {
    return endpoint(context, out) != null;
  }

  /**
   * Writes where to connect.
   *
   * @param context the lookup, for targets that keep the address that the client used
   * @return which endpoint it is, which is to be told what becomes of it; null if the name has no
   *     address (yet)
   */
  public @Nullable Endpoint endpoint(LookupContext context, Sockaddr out) {
    Endpoint chosen = addresses.choose(destination.sourceFamily(context.family()));
    if (chosen == null) {
      return null;
    }
    chosen.taken(connectTimeoutMillis);
    switch (chosen.address()) {
      case TargetAddress.Ip ip -> out.set(ip.address(), ip.port());
      case TargetAddress.Unix unix -> out.setUnix(unix.path());
      case TargetAddress.Original original ->
          out.set(
              context.family(),
              context.localHigh(),
              context.localLow(),
              original.port() == 0 ? context.localPort() : original.port());
      case TargetAddress.Host host -> throw new IllegalStateException(host + " is a name");
    }
    return chosen;
  }

  /** Whether its name has several addresses: a failure of one leads to the next. */
  public boolean hasOtherAddresses() {
    return addresses.count() > 1;
  }

  /** Whether it is to see the client's own address. */
  public boolean isTransparent() {
    return destination.spec().source() instanceof SourceSpec.Transparent;
  }

  /** Whether it can be reached without the network: a Unix socket. */
  public boolean isUnix() {
    return spec.address() instanceof TargetAddress.Unix;
  }

  /** As the configuration writes it. */
  @Override
  public String toString() {
    return spec.address().toString();
  }
}
