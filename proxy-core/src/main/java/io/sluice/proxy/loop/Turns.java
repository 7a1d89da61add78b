package io.sluice.proxy.loop;

import java.util.ArrayDeque;
import java.util.concurrent.Executor;

/**
 * Divides a loop's time among connections, so that one with little to move waits for some
 * milliseconds at most, however many others have much. In one round of epoll's events all of them
 * together move about {@link #ROUND_BYTES}; who has more to move waits here for its turn in a later
 * round. Called on its loop only.
 */
public final class Turns {
  /** What a round may move, before the others wait. */
  static final int ROUND_BYTES = 1 << 20;

  /** What each may move in its turn at least: with less, calls would cost more than the bytes. */
  static final int LEAST_BYTES = 64 << 10;

  /** What is read at once of whoever is new in a round that is spent. */
  static final int SMALL_BYTES = 2 << 10;

  /** Who has more to move. */
  public interface Waiting {
    /** Whether it still has. */
    boolean isOpen();

    /** It is its turn. It may begin to wait again. Throws nothing. */
    void goOn();
  }

  private final Executor afterRound;
  private final Runnable inNextRound;
  private final Runnable end = this::endRound;
  private final ArrayDeque<Waiting> queue = new ArrayDeque<>();
  private boolean isNextRoundSure;
  private int spentBytes;

  /**
   * One for a loop.
   *
   * @param afterRound runs a task once the events at hand are handled
   * @param inNextRound has {@link #goOn} called once in the next round
   */
  Turns(Executor afterRound, Runnable inNextRound) {
    this.afterRound = afterRound;
    this.inNextRound = inNextRound;
  }

  /** How much one read may take. */
  public int readBytes() {
    return spentBytes < ROUND_BYTES ? Loop.BUFFER_BYTES : SMALL_BYTES;
  }

  /** Notes that so much was moved. */
  public void spend(int bytes) {
    if (bytes >= SMALL_BYTES) { // less costs no more than any event
      if (spentBytes == 0) {
        afterRound.execute(end);
      }
      spentBytes += bytes;
    }
  }

  /** How much one may move now who has much; if that is nothing, it has to {@link #await}. */
  public int turnBytes() {
    return spentBytes < ROUND_BYTES ? Math.max(LEAST_BYTES, ROUND_BYTES / (queue.size() + 2)) : 0;
  }

  /** Waits for its turn. One who waits already must not. */
  public void await(Waiting one) {
    queue.add(one);
    assureNextRound();
  }

  /** Lets as many go on as a round allows. */
  void goOn() {
    isNextRoundSure = false;
    spentBytes = 0;
    for (int left = queue.size(); left > 0 && spentBytes < ROUND_BYTES; left--) {
      Waiting next = queue.remove();
      if (next.isOpen()) {
        next.goOn();
      }
    }
    if (!queue.isEmpty()) {
      assureNextRound();
    }
  }

  private void endRound() {
    spentBytes = 0;
  }

  private void assureNextRound() {
    if (!isNextRoundSure) {
      isNextRoundSure = true;
      inNextRound.run();
    }
  }
}
