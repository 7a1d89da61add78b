package io.sluice.proxy.health;

import java.util.concurrent.atomic.AtomicInteger;

/**
 * Whether a UDP target that used to answer has fallen silent: for {@value #MILLIS} ms nothing was
 * heard of it, although {@value #FLOWS} flows asked it, and one asked again after a second and got
 * a second to be answered. (Last messages, which nobody answers, are no silence: the next client
 * will be answered.) A target that takes long is given twice its longest pause. One that never
 * answers, like a syslog server, can't fall silent. Any thread; allocates nothing.
 */
final class Silence {
  /** How many flows must have asked. */
  static final int FLOWS = 3;

  /** How long the silence must last. */
  static final long MILLIS = 3_000;

  private static final long AGAIN_MILLIS = 1_000;

  /** Answers within so long count as one, so that a busy target's answers cost little. */
  private static final long GRAIN_MILLIS = 250;

  private final AtomicInteger round = new AtomicInteger(1); // begins anew with an answer
  private final AtomicInteger asked = new AtomicInteger(); // flows, in this round
  private volatile boolean isKnownToAnswer;
  private volatile long heardMillis;
  private volatile long askedMillis;
  private volatile long askedAgainMillis; // 0: nobody did
  private volatile long patienceMillis = MILLIS;

  /**
   * One of an endpoint that nobody has asked yet.
   *
   * @param isKnownToAnswer whether it is known before the first answer
   */
  Silence(boolean isKnownToAnswer) {
    this.isKnownToAnswer = isKnownToAnswer;
  }

  /**
   * A flow has asked.
   *
   * @param before what this said when the flow asked last; 0 if it never did
   */
  int asked(int before, long nowMillis) {
    int current = round.get();
    if (before != current && asked.getAndIncrement() == 0) {
      askedAgainMillis = 0;
      askedMillis = nowMillis;
    } else if (askedAgainMillis == 0 && nowMillis - askedMillis >= AGAIN_MILLIS) {
      askedAgainMillis = nowMillis;
    }
    return current;
  }

  /** It has answered. */
  void heard(long nowMillis) {
    if (isKnownToAnswer && nowMillis - heardMillis < GRAIN_MILLIS) {
      return;
    }
    if (asked.get() >= FLOWS) {
      patienceMillis = Math.max(patienceMillis, 2 * Math.min(nowMillis - askedMillis, MILLIS * 10));
    }
    isKnownToAnswer = true;
    heardMillis = nowMillis;
    again();
  }

  /** It is known to answer, before it has. */
  void mustAnswer() {
    if (!isKnownToAnswer) {
      isKnownToAnswer = true;
    }
  }

  /** Whether it was asked and has not answered yet, although it is known to. */
  boolean isUnanswered() {
    return isKnownToAnswer && asked.get() > 0;
  }

  /** Whether it is silent now. */
  boolean isSilent(long nowMillis) {
    return asked.get() >= FLOWS
        && isKnownToAnswer
        && nowMillis - askedMillis >= patienceMillis
        && askedAgainMillis != 0
        && nowMillis - askedAgainMillis >= AGAIN_MILLIS;
  }

  /** Begins to count anew. */
  void again() {
    asked.set(0);
    int _ = round.incrementAndGet();
  }
}
