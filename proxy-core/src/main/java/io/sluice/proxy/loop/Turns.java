package io.sluice.proxy.loop;

import java.util.concurrent.Executor;

/**
 * Divides a loop's time among the connections that have more to move than one buffer. In one round
 * of events all of them together move about {@link #ROUND_BYTES}, so that a connection with little
 * to move waits for some milliseconds at most, however many others are busy. Called on its loop
 * only.
 */
public final class Turns {
  /** What a round may move; one that is alone has all of it. */
  static final int ROUND_BYTES = 4 << 20;

  /** What each may move in any case: with less, system calls would cost more than the bytes. */
  static final int LEAST_BYTES = 16 << 10;

  private final Executor afterRound;
  private final Runnable end = this::endRound;
  private int begun;
  private int begunBefore;

  /**
   * One for a loop.
   *
   * @param afterRound runs a task once the events at hand are handled
   */
  Turns(Executor afterRound) {
    this.afterRound = afterRound;
  }

  /** Begins a turn: how many bytes may be moved in it; the rest belongs into the next one. */
  public int begin() {
    if (begun == 0) {
      afterRound.execute(end);
    }
    begun++;
    return Math.max(LEAST_BYTES, ROUND_BYTES / Math.max(begun, begunBefore));
  }

  private void endRound() {
    begunBefore = begun;
    begun = 0;
  }
}
