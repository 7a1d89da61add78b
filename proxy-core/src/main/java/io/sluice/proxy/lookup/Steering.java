package io.sluice.proxy.lookup;

import io.sluice.proxy.header.HeaderSources;
import io.sluice.proxy.observe.Counters;
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
  private Refusal refusal = Refusal.PROGRAM;

  /**
   * @param snapshots reads the snapshot in force: one volatile read
   */
  public Steering(Supplier<Snapshot> snapshots, Counters counters) {
    this.snapshots = snapshots;
    this.counters = counters;
    this.context = new LookupContext(counters);
  }

  /** What {@link #steer} looks at. */
  public LookupContext context() {
    return context;
  }

  public Counters counters() {
    return counters;
  }

  /** Where it goes; or null: then {@link #refusal} says why, and it has been counted. */
  public @Nullable Target steer() {
    Verdict verdict = snapshots.get().engine().lookup(context);
    Socket socket = verdict.socket();
    if (socket == null) {
      refuse(verdict instanceof Verdict.Drop drop ? drop.reason() : Refusal.NO_LISTENER);
      return null;
    }
    if (!Target.isBehind(socket)) {
      counters.strangeSocket(socket);
      refuse(Refusal.PROGRAM_ERROR);
      return null;
    }
    Target target = Target.of(socket).admitted(context, tried);
    if (target == null) {
      refuse(Refusal.TARGETS_DOWN);
      return null;
    }
    target.destination().traffic().lookups(context.family()).increment();
    return target;
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

  /** Counts a refusal of what the context describes. */
  public void refuse(Refusal reason) {
    refusal = reason;
    counters.drops(reason, context.protocol()).increment();
  }

  /** Why the last one was refused. */
  public Refusal refusal() {
    return refusal;
  }
}
