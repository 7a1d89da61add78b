package io.sluice.proxy.loop;

import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Syscalls;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * How the process's descriptors are divided.
 *
 * <pre>
 *   0                                                         first reserved      limit
 *   +-----------------------+---------------------------------------+----------------+
 *   | the daemon's own:     | room for traffic: TCP may have 3/4 of | reserve        |
 *   | epoll, listeners, log,| it, UDP 3/4, so each has a floor: 1/4 | of the daemon  |
 *   | checks of targets     |                                       |                |
 *   +-----------------------+---------------------------------------+----------------+
 * </pre>
 *
 * <p>The reserve is for what else the process opens: name resolution, a reload, the admin server,
 * and class files. The last is the worst to miss, for what could not be loaded once can never be
 * loaded again (JVMS §5.4.3). As Linux always gives the lowest free number, a number tells when
 * only the reserve is left. Any thread.
 */
public final class Descriptors {
  private static final int RESERVE = 64;
  private static final int LEAST = 16;

  /** A connection's own: the client's and the target's. */
  public static final int PER_CONNECTION = 2;

  private static final long LIMIT = new Syscalls().raiseOpenFilesLimit();
  private static final long FIRST_RESERVED = LIMIT - Math.min(RESERVE, LIMIT / 4);
  private static final Share UDP = new Share(most(FIRST_RESERVED));
  private static final Share TCP = new Share(most(FIRST_RESERVED));
  private static final Share CHECKS = new Share(0);

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

  /** What flows and their reply sockets may have. */
  public static Share udp() {
    return UDP;
  }

  /** What connections and their pipes may have. */
  public static Share tcp() {
    return TCP;
  }

  /** What checks of targets may have: their own, so that traffic can't keep them from asking. */
  public static Share checks() {
    return CHECKS;
  }

  /** Says how many checks there are: each may have one, but all at most an eighth. */
  public static void wantChecks(int count) {
    CHECKS.most(Math.min(count, FIRST_RESERVED / 8));
  }

  /**
   * Divides what the daemon itself doesn't hold now. Called when its listeners are open, and again
   * when they have changed; blocks.
   */
  public static void divide() {
    long own = Math.max(0, open() - TCP.used() - UDP.used() - CHECKS.used());
    long room = Math.max(0, FIRST_RESERVED - own - CHECKS.most());
    TCP.most(most(room));
    UDP.most(most(room));
  }

  /** Whether traffic may have so few that the process is of no use. */
  public static boolean areTooFew() {
    return TCP.most() < LEAST || UDP.most() < LEAST;
  }

  private static long most(long room) {
    return room - room / 4;
  }

  private static long open() {
    try (Stream<Path> all = Files.list(Path.of("/proc/self/fd"))) {
      return all.count();
    } catch (IOException _) {
      return 0; // no /proc: the reserve still holds
    }
  }
}
