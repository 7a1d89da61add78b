package io.sluice.proxy;

import java.util.concurrent.locks.LockSupport;

/**
 * The pace of a peer that a test plays: a client or a server that is slow, because that is what the
 * test is about. Only here does a test's thread sleep, which {@link TestRulesTest} holds. Whoever
 * waits for something uses {@link TestDaemon#until}.
 */
public final class Pace {
  private Pace() {}

  /** The peer does nothing for so long. */
  public static void pause(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException interrupted) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(interrupted);
    }
  }

  /** The peer does nothing for about so long, perhaps less. */
  public static void pauseMicros(long micros) {
    LockSupport.parkNanos(micros * 1_000);
  }
}
