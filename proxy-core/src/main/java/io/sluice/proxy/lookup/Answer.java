package io.sluice.proxy.lookup;

import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.target.Target;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Socket;
import io.sluice.steering.Verdict;
import io.sluice.steering.reuseport.Tried;
import org.jspecify.annotations.Nullable;

/**
 * What a lookup came to: a target, or why there is none. One object per loop, valid until its next
 * lookup.
 */
public final class Answer {
  private @Nullable Target target;
  private Refusal refusal = Refusal.NO_LISTENER;

  private final Tried tried = new Tried();

  Answer() {}

  /**
   * What the engine's verdict comes to: the target that takes what was looked up. Allocates
   * nothing.
   *
   * @param isReal whether something is to be sent there; who only asks changes nothing
   */
  Answer of(Verdict verdict, LookupContext context, boolean isReal) {
    Socket socket = verdict.socket();
    if (socket == null) {
      return refused(
          verdict instanceof Verdict.Drop drop ? Refusal.of(drop.reason()) : Refusal.NO_LISTENER);
    }
    if (!Target.isBehind(socket)) {
      return refused(Refusal.PROGRAM_ERROR);
    }
    Target selected = Target.of(socket);
    if (isReal && selected.destination().spec().offload().isRequired()) {
      return refused(Refusal.NOT_OFFLOADED);
    }
    Target admitted =
        isReal ? selected.admitted(context, tried) : selected.expected(context, tried);
    return admitted == null ? refused(Refusal.TARGETS_DOWN) : found(admitted);
  }

  /**
   * What a lookup would come to now, that nobody makes: {@link Steering}'s answer, and what whoever
   * connects would find at once.
   */
  public static Answer expected(Verdict verdict, LookupContext context) {
    Answer answer = new Answer().of(verdict, context, false);
    Target target = answer.target();
    if (target == null) {
      return answer;
    }
    return target.destination().isFull()
        ? answer.refused(Refusal.DESTINATION_LIMIT)
        : target.hasNoAddress() ? answer.refused(Refusal.NO_TARGET) : answer;
  }

  private Answer found(Target found) {
    target = found;
    return this;
  }

  private Answer refused(Refusal reason) {
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
