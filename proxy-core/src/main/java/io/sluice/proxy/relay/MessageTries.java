package io.sluice.proxy.relay;

import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.target.MessagePlan;
import java.util.Arrays;

/**
 * Which targets a message session could not reach: for the message at hand, and lately. Called on
 * the session's loop only.
 */
final class MessageTries {
  /** For how long a session passes over a target that it could not reach. */
  private static final long PASSED_OVER_MILLIS = 30_000;

  private final Loop loop;
  private final MessagePlan plan;
  private final int mostRetries;
  private final boolean[] tried;
  private final long[] passedOverUntil;
  private int tries;
  private int judgements;
  private Refusal reason = Refusal.CONNECT_ERROR;

  MessageTries(Loop loop, MessagePlan plan, int mostRetries) {
    this.loop = loop;
    this.plan = plan;
    this.mostRetries = mostRetries;
    this.tried = new boolean[plan.targets().size()];
    this.passedOverUntil = new long[tried.length];
  }

  /** Whether it is worth a try. */
  boolean isUsable(int index, boolean evenDown) {
    return evenDown
        ? !tried[index]
        : passedOverUntil[index] <= loop.timeMillis() && plan.targets().get(index).isAvailable();
  }

  /** Whether this has failed for the message at hand, for which it is chosen. */
  boolean wasTried(int index) {
    judgements++;
    return tried[index];
  }

  /** Whether the message at hand may go to another; a verdict may insist, but not for ever. */
  boolean mayTryAnother() {
    return tries <= mostRetries
        && tries < plan.candidates()
        && judgements <= 2 * plan.targets().size();
  }

  void failed(int index, Refusal why) {
    passedOverUntil[index] = loop.timeMillis() + PASSED_OVER_MILLIS;
    tried[index] = true;
    tries++;
    reason = why;
  }

  /** Why the last one failed. */
  Refusal reason() {
    return reason;
  }

  /** Another message is at hand. */
  void next() {
    if (judgements > 0) {
      Arrays.fill(tried, false);
      tries = 0;
      judgements = 0;
    }
  }
}
