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

/**
 * Asks the engine, for one event loop: fill {@link #context}, call {@link #steer}. Counts the
 * answer. Called on that loop only; allocates nothing.
 */
public final class Steering {
  private final LookupContext context;
  private final Counters counters;
  private final Supplier<Snapshot> snapshots;
  private final Tried tried = new Tried();
  private final Answer answer = new Answer();

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

  /** Where it goes, or why not, which has been counted. */
  public Answer steer() {
    Verdict verdict = snapshots.get().engine().lookup(context);
    Socket socket = verdict.socket();
    if (socket == null) {
      return refused(
          verdict instanceof Verdict.Drop drop ? Refusal.of(drop.reason()) : Refusal.NO_LISTENER);
    }
    if (!Target.isBehind(socket)) {
      counters.strangeSocket(socket);
      return refused(Refusal.PROGRAM_ERROR);
    }
    Target target = Target.of(socket).admitted(context, tried);
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

  /** Counts a refusal of what the context describes. */
  public void refuse(Refusal reason) {
    counters.drops(reason, context.protocol()).increment();
  }
}
