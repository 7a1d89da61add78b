package io.sluice.proxy.target;

import io.sluice.steering.LookupContext;
import io.sluice.steering.reuseport.Tried;
import org.jspecify.annotations.Nullable;

/**
 * The places for TCP sessions on a destination's targets: each has as many as its {@code
 * maxConnections} says. A session has one from when its target is chosen to its end. Shared by all
 * loops; allocates nothing.
 */
public final class Places {
  private final Destination destination;

  Places(Destination destination) {
    this.destination = destination;
  }

  /** Who waits for one. */
  public WaitingLine line() {
    return destination.traffic().line();
  }

  /** The destination has come into force: who waits goes by it from now on. */
  public void inForce() {
    line().of(destination);
  }

  /**
   * The target that was selected, or another if that has no place for one session more. The place
   * is taken.
   *
   * @param tried cleared, and used
   * @return null if none has
   */
  public @Nullable Target take(Target selected, LookupContext context, Tried tried) {
    if (selected.tryPlace()) {
      return selected;
    }
    tried.clear();
    return takeOther(selected, context, tried);
  }

  /** The same of those that weren't tried yet. */
  public @Nullable Target takeOther(Target failed, LookupContext context, Tried tried) {
    Target other = failed.another(context, tried);
    while (other != null && !other.tryPlace()) {
      other = other.another(context, tried);
    }
    return other;
  }

  /**
   * A place for one session more, taken, as is one of the destination's sessions; of the targets
   * that are up, the one with the fewest for its weight. Null if there is none now.
   */
  @Nullable Target free() {
    if (!destination.tryOpen()) {
      return null;
    }
    Target best = null;
    for (int i = 0; i < destination.targets().size(); i++) {
      Target target = destination.targets().get(i);
      boolean isBetter = best == null || target.load() < best.load();
      if (isBetter && target.spec().share() > 0 && target.isUp() && target.hasPlace()) {
        best = target;
      }
    }
    if (best == null || !best.tryPlace()) {
      destination.close();
      return null;
    }
    return best;
  }

  /** A session leaves its target for another one. */
  public void leave(Target target) {
    target.leavePlace();
    line().serve();
  }

  /** A session has ended: its place on a target is free, as is its place in the destination. */
  public void leaveBoth(Target target) {
    target.leavePlace();
    destination.close();
    line().serve();
  }
}
