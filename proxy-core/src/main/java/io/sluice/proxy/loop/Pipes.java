package io.sluice.proxy.loop;

import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Syscalls;

/**
 * The pipes that {@code splice(2)} goes through: empty ones are kept for the next direction that
 * needs one, and closed when nobody has needed them for a second. A pipe is the read end in the low
 * 32 bits, the write end in the high ones. Called on the owning event loop only.
 */
public final class Pipes {
  /** How much a pipe is asked to hold. */
  public static final int CAPACITY_BYTES = 256 << 10;

  private static final int ENDS = 2;
  private static final int MAX_IDLE = 64;
  private static final int TICKS_KEPT = (int) (1000 / TimerWheel.TICK_MILLIS);

  private final Syscalls syscalls;
  private final long[] idle = new long[MAX_IDLE];
  private int idleCount;
  private int leastIdleCount;
  private int ticks;

  Pipes(Syscalls syscalls) {
    this.syscalls = syscalls;
  }

  /** An empty pipe, or a negative errno: then one copies. */
  public long take() {
    if (idleCount > 0) {
      idleCount--;
      leastIdleCount = Math.min(leastIdleCount, idleCount);
      return idle[idleCount];
    }
    if (!Descriptors.tcp().tryTake(ENDS)) {
      return -Linux.EMFILE;
    }
    long pipe = syscalls.pipe(CAPACITY_BYTES);
    if (pipe < 0) {
      Descriptors.tcp().give(ENDS);
      return pipe;
    }
    if (Descriptors.isReserved(writeEnd(pipe))) {
      close(pipe);
      return -Linux.EMFILE;
    }
    return pipe;
  }

  /** Counts one that another daemon had made. */
  public long adopt(int readEnd, int writeEnd) {
    Descriptors.tcp().take(ENDS);
    return (long) writeEnd << 32 | readEnd;
  }

  /** Gives back a pipe that is empty. */
  public void give(long pipe) {
    if (idleCount < MAX_IDLE) {
      idle[idleCount++] = pipe;
    } else {
      close(pipe);
    }
  }

  /** Closes a pipe, and loses what is in it. */
  public void close(long pipe) {
    int _ = syscalls.close(readEnd(pipe));
    int _ = syscalls.close(writeEnd(pipe));
    Descriptors.tcp().give(ENDS);
  }

  /**
   * A tick has passed: once a second, closes those that nobody has needed in it.
   *
   * @return whether some are left to be closed
   */
  boolean tick() {
    ticks++;
    if (ticks == TICKS_KEPT) {
      for (int unneeded = leastIdleCount; unneeded > 0; unneeded--) {
        close(idle[--idleCount]);
      }
      leastIdleCount = idleCount;
      ticks = 0;
    }
    return idleCount > 0;
  }

  /** Closes the idle ones. */
  void closeAll() {
    while (idleCount > 0) {
      close(idle[--idleCount]);
    }
    leastIdleCount = 0;
  }

  public static int readEnd(long pipe) {
    return (int) pipe;
  }

  public static int writeEnd(long pipe) {
    return (int) (pipe >>> 32);
  }
}
