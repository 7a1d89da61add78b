package io.sluice.proxy.lookup;

import io.sluice.proxy.header.HeaderSources;
import io.sluice.proxy.observe.Counters;
import io.sluice.proxy.observe.DropLog;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.target.Target;
import io.sluice.steering.Family;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Socket;
import io.sluice.steering.Verdict;
import io.sluice.steering.reuseport.Tried;
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
  private final Tried tried = new Tried();
  private final DropLog drops;
  private final Answer answer = new Answer();

  /**
   * @param snapshots reads the snapshot in force: one volatile read
   */
  public Steering(Supplier<Snapshot> snapshots, Counters counters) {
    this.snapshots = snapshots;
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
    Verdict verdict = snapshots.get().engine().lookup(context);
    Socket socket = verdict.socket();
    if (socket == null) {
      Socket selected = context.socket();
      String label =
          selected != null && Target.isBehind(selected)
              ? Target.of(selected).destination().label()
              : null;
      Refusal reason =
          verdict instanceof Verdict.Drop drop ? Refusal.of(drop.reason()) : Refusal.NO_LISTENER;
      drops.add(reason, context, label, null, 0);
      return answer.refused(reason);
    }
    if (!Target.isBehind(socket)) {
      counters.strangeSocket(socket);
      return refused(Refusal.PROGRAM_ERROR);
    }
    Target selected = Target.of(socket);
    if (selected.destination().spec().offload().isRequired()) {
      refuse(Refusal.NOT_OFFLOADED, selected, 0);
      return answer.refused(Refusal.NOT_OFFLOADED);
    }
    Target target = selected.admitted(context, tried);
    if (target == null) {
      return refused(Refusal.TARGETS_DOWN);
    }
    target.destination().traffic().lookups(context.family()).increment();
    return answer.found(target);
  }

  private Answer refused(Refusal reason) {
    refuse(reason);
    return answer.refused(reason);
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
    drops.add(
        reason,
        described,
        target == null ? null : target.destination().label(),
        target == null ? null : target.spec().address(),
        errno);
  }

  /** What was refused last. Any thread may read it. */
  public DropLog drops() {
    return drops;
  }
}
