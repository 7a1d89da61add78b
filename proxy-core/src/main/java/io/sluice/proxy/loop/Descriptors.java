package io.sluice.proxy.loop;

import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Syscalls;

/**
 * Which descriptor numbers connections, flows and pipes may have. As Linux always gives the lowest
 * free number, a number tells how many are in use.
 *
 * <p>The last few are kept for what else the process opens: name resolution, a reload, the admin
 * server, and class files. The last is the worst to miss, for what could not be loaded once can
 * never be loaded again (JVMS §5.4.3).
 */
public final class Descriptors {
  private static final int RESERVE = 64;
  private static final long LIMIT = new Syscalls().raiseOpenFilesLimit();
  private static final long FIRST_RESERVED = LIMIT - Math.min(RESERVE, LIMIT / 4);

  private Descriptors() {}

  /** How many the process may have open: the hard limit, to which the soft one was raised. */
  public static long limit() {
    return LIMIT;
  }

  /** Whether a connection or flow should not have got this number. */
  public static boolean isReserved(int fd) {
    return fd >= FIRST_RESERVED;
  }

  /** Whether the next connection would get a reserved number, or none. */
  public static boolean areScarce(Syscalls syscalls) {
    int next = syscalls.socket(Linux.AF_UNIX, Linux.SOCK_STREAM);
    if (next < 0) {
      return true;
    }
    int _ = syscalls.close(next);
    return isReserved(next);
  }
}
