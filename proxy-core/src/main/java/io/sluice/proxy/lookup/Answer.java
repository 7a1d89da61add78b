package io.sluice.proxy.lookup;

import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.target.Target;
import org.jspecify.annotations.Nullable;

/**
 * What a lookup came to: a target, or why there is none. One object per loop, valid until its next
 * lookup.
 */
public final class Answer {
  private @Nullable Target target;
  private Refusal refusal = Refusal.NO_LISTENER;

  Answer() {}

  Answer found(Target found) {
    target = found;
    return this;
  }

  Answer refused(Refusal reason) {
    target = null;
    refusal = reason;
    return this;
  }

  /** Where it goes; null if it is refused. */
  public @Nullable Target target() {
    return target;
  }

  /** Why it is refused, which has been counted; only if there is no {@link #target}. */
  public Refusal refusal() {
    return refusal;
  }
}
