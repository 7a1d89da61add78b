package io.sluice.proxy.control;

import io.sluice.proxy.loop.Loop;

/**
 * What the signals ask for: the newest wish wins. Any number of SIGHUPs is one reload; a stop goes
 * before all of them. Filled on the JVM's signal thread, read on the control thread.
 */
final class Wishes {
  /** What is to be done next. */
  enum Wish {
    NOTHING,
    RELOAD,
    STOP
  }

  private final Runnable endAtOnce;
  private boolean isReloadWished;
  private boolean isStopWished;

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

  /** Whether the process is to stop. */
  synchronized boolean isStopWished() {
    return isStopWished;
  }

  /** Waits at most so long for a wish. A reload that is answered is not wished any more. */
  synchronized Wish await(long millis) throws InterruptedException {
    long until = Loop.nowMillis() + millis;
    long left = millis;
    while (!isReloadWished && !isStopWished && left > 0) {
      wait(left);
      left = until - Loop.nowMillis();
    }
    if (isStopWished) {
      return Wish.STOP;
    }
    boolean isReload = isReloadWished;
    isReloadWished = false;
    return isReload ? Wish.RELOAD : Wish.NOTHING;
  }
}
