package io.sluice.proxy.control;

import io.sluice.proxy.loop.Loop;
import org.jspecify.annotations.Nullable;

/**
 * What the signals, and others, ask for: the newest wish wins. Any number of SIGHUPs is one reload;
 * a stop goes before all of them. Filled on the JVM's signal thread, read on the control thread.
 */
final class Wishes {
  /** What is to be done next. */
  enum Wish {
    NOTHING,
    CHANGE,
    RELOAD,
    HANDOVER,
    STOP
  }

  private final Runnable endAtOnce;
  private boolean isReloadWished;
  private int changesAsked;
  private boolean isStopWished;
  private TakeoverSocket.@Nullable Asked handover;

  /**
   * @param endAtOnce for a second stop
   */
  Wishes(Runnable endAtOnce) {
    this.endAtOnce = endAtOnce;
  }

  /** A signal, without SIG. */
  void received(String signal) {
    if (isSecondStop(signal)) {
      endAtOnce.run();
    }
  }

  private synchronized boolean isSecondStop(String signal) {
    if (signal.equals("HUP")) {
      isReloadWished = true;
    } else {
      if (isStopWished) {
        return true;
      }
      isStopWished = true;
    }
    notifyAll();
    return false;
  }

  /** A change waits to be done. Any thread. */
  synchronized void changeAsked() {
    changesAsked++;
    notifyAll();
  }

  /** Another daemon wants to take over; it waits for the answer. Any thread. */
  synchronized void handoverAsked(TakeoverSocket.Asked asked) {
    handover = asked;
    notifyAll();
  }

  /** Who wants to take over, once; null if nobody does. */
  synchronized TakeoverSocket.@Nullable Asked handover() {
    TakeoverSocket.Asked asked = handover;
    handover = null;
    return asked;
  }

  /** Whether the process is to stop. */
  synchronized boolean isStopWished() {
    return isStopWished;
  }

  /** Waits at most so long for a wish. A reload that is answered is not wished any more. */
  synchronized Wish await(long millis) throws InterruptedException {
    long until = Loop.nowMillis() + millis;
    long left = millis;
    while (!isReloadWished && !isStopWished && changesAsked == 0 && handover == null && left > 0) {
      wait(left);
      left = until - Loop.nowMillis();
    }
    if (isStopWished) {
      return Wish.STOP;
    }
    if (isReloadWished) {
      isReloadWished = false;
      return Wish.RELOAD;
    }
    if (changesAsked > 0) {
      changesAsked--;
      return Wish.CHANGE;
    }
    if (handover != null) {
      return Wish.HANDOVER;
    }
    return Wish.NOTHING;
  }
}
