package io.sluice.proxy.lookup;

import io.sluice.proxy.header.HeaderSources;
import io.sluice.proxy.limit.Admission;
import io.sluice.proxy.limit.Sources;
import io.sluice.proxy.observe.ClientRates;
import io.sluice.proxy.observe.Counters;
import io.sluice.proxy.observe.DropLog;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.Target;
import io.sluice.steering.Family;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.Tuple;
import io.sluice.steering.Verdict;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Asks the engine, for one event loop: fill {@link #context}, call {@link #steer}. Counts the
 * answer. Called on that loop only; allocates nothing.
 */
public final class Steering {
  private final LookupContext context;
  private final Counters counters;
  private final Supplier<Snapshot> snapshots;
  private final DropLog drops;
  private final ClientRates clients = new ClientRates();
  private final LookupTaps taps = new LookupTaps();
  private final Answer answer = new Answer();
  private final Admission admission;
  private final Tuple scratch = new Tuple();

  /**
   * @param snapshots reads the snapshot in force: one volatile read
   * @param sources shared by all loops
   */
  public Steering(Supplier<Snapshot> snapshots, Sources sources, Counters counters) {
    this.snapshots = snapshots;
    this.admission = new Admission(sources, counters);
    this.counters = counters;
    this.context = new LookupContext(counters);
    this.drops = new DropLog(counters);
  }

  /** What {@link #steer} looks at. */
  public LookupContext context() {
    return context;
  }

  public Counters counters() {
    return counters;
  }

  /** Where it goes, or why not, which has been counted. */
  public Answer steer() {
    clients.count(context);
    Snapshot snapshot = snapshots.get();
    Verdict verdict = snapshot.engine().lookup(context);
    Target target = answer.of(verdict, context, true).target();
    if (target != null) {
      target.destination().traffic().lookups(context.family()).increment();
    } else {
      Socket socket = verdict.socket() == null ? context.socket() : verdict.socket();
      refuse(answer.refusal(), context, destination(socket), null, 0);
    }
    for (LookupTap tap : taps.all()) { // mostly there is none
      tap.offer(context, snapshot, answer);
    }
    return answer;
  }

  /**
   * Whether the client that the context describes may have a connection or flow to a destination,
   * by what its source has already. A refusal isn't counted yet. One answer for each loop.
   */
  public Admission admit(Destination destination) {
    admission.begin();
    ClientRules rules = snapshots.get().clientRules();
    admission.ask(rules.process(), context);
    admission.ask(rules.ofCapture(context, scratch), context);
    admission.ask(destination.sourceRules(), context);
    return admission;
  }

  /** What {@link #admit} said last. */
  public Admission admission() {
    return admission;
  }

  /** The destination that was selected and refuses; null if none was. */
  private @Nullable Destination destination(@Nullable Socket selected) {
    if (selected == null) {
      return null;
    }
    if (!Target.isBehind(selected)) {
      counters.strangeSocket(selected);
      return null;
    }
    return Target.of(selected).destination();
  }

  /** A target of the snapshot in force; null if it has none of that name. */
  public @Nullable Target target(String label, Protocol protocol, String address) {
    return snapshots.get().target(label, protocol, address);
  }

  /** Whether datagrams may come from this address and port, although it is captured. */
  public boolean allowsCapturedSource(Family family, long high, long low, int port) {
    return snapshots.get().allowsCapturedSource(family, high, low, port);
  }

  /** Whether the context's ingress interface is looked at. */
  public boolean asksForInterface() {
    return snapshots.get().asksForInterface();
  }

  /** Which traffic must begin with a PROXY protocol header. */
  public HeaderSources headerSources() {
    return snapshots.get().headerSources();
  }

  /** Counts and keeps a refusal of what the context describes. */
  public void refuse(Refusal reason) {
    refuse(reason, null, 0);
  }

  /**
   * Counts and keeps a refusal of what the context describes.
   *
   * @param target that it was for; null for none
   * @param errno positive, by which it failed; 0 for none
   */
  public void refuse(Refusal reason, @Nullable Target target, int errno) {
    refuse(reason, context, target, errno);
  }

  /** The same of what another context describes. */
  public void refuse(Refusal reason, LookupContext described, @Nullable Target target, int errno) {
    refuse(reason, described, target == null ? null : target.destination(), target, errno);
  }

  private void refuse(
      Refusal reason,
      LookupContext described,
      @Nullable Destination destination,
      @Nullable Target target,
      int errno) {
    if (destination != null) {
      destination.traffic().refused(reason);
    }
    drops.add(
        reason,
        described,
        destination == null ? null : destination.label(),
        target == null ? null : target.spec().address(),
        errno);
  }

  /** Which clients come most. Any thread may read it. */
  public ClientRates clients() {
    return clients;
  }

  /** Who follows what is looked up. Any thread. */
  public LookupTaps taps() {
    return taps;
  }

  /** What was refused last. Any thread may read it. */
  public DropLog drops() {
    return drops;
  }
}
