package io.sluice.bpf.run;

import io.sluice.steering.Errno;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/** Helpers that need no map: time, chance, and what a lookup doesn't have. */
public final class PlainHelpers {
  private static final int NANOS_PER_JIFFY = 4_000_000; // CONFIG_HZ=250
  private static final int EFAULT = -14;

  private PlainHelpers() {}

  /** Nanoseconds of a clock that only goes on. */
  public static long ktime(Run run) {
    return System.nanoTime();
  }

  public static long jiffies(Run run) {
    return System.nanoTime() / NANOS_PER_JIFFY;
  }

  public static long random(Run run) {
    return ThreadLocalRandom.current().nextInt() & 0xffff_ffffL;
  }

  /** The loop, which is in the place of a CPU. */
  public static long processor(Run run) {
    return run.loop();
  }

  public static long zero(Run run) {
    return 0;
  }

  public static long noProcess(Run run) {
    return Errno.EINVAL.negative();
  }

  /** Zeros, and EINVAL. */
  public static long noName(Run run, @Nullable Object to, long offset, long size) {
    clear(to, offset, size);
    return Errno.EINVAL.negative();
  }

  public static long noPerfEvent(
      Run run, @Nullable Object map, long flags, @Nullable Object data, long offset, long size) {
    return Errno.ENOENT.negative();
  }

  /** Zeros, and EFAULT. */
  public static long noUserMemory(
      Run run, @Nullable Object to, long offset, long size, long address) {
    clear(to, offset, size);
    return EFAULT;
  }

  private static void clear(@Nullable Object to, long offset, long size) {
    for (long i = 0; i < size && i >= 0; i++) { // out of range it traps
      Memory.store(to, offset + i, 1, 0);
    }
  }

  /** A socket is released by itself: the garbage collector has its references. */
  public static long release(Run run, @Nullable Object socket) {
    return 0;
  }
}
