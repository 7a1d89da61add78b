package io.sluice.proxy.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Who is at the other end of a Unix socket, as the kernel noted when they connected (unix(7)).
 *
 * @param groups the effective one and the supplementary ones
 */
public record PeerCredentials(int pid, int uid, List<Integer> groups) {
  private static final int MOST_GROUPS = 65_536; // linux/limits.h, NGROUPS_MAX

  public PeerCredentials {
    groups = List.copyOf(groups);
  }

  /**
   * Asks the kernel.
   *
   * <pre>
   *   struct ucred  0 pid(4)  4 uid(4)  8 gid(4)       SO_PEERGROUPS: an array of gid(4)
   * </pre>
   *
   * @param fd a connected Unix socket
   * @return null if it doesn't say
   */
  public static @Nullable PeerCredentials of(Syscalls syscalls, int fd) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment length = arena.allocate(JAVA_INT);
      MemorySegment ucred = arena.allocate(12, 4);
      length.set(JAVA_INT, 0, 12);
      if (syscalls.option(fd, Linux.SOL_SOCKET, Linux.SO_PEERCRED, ucred, length) < 0) {
        return null;
      }
      List<Integer> groups = new ArrayList<>();
      groups.add(ucred.get(JAVA_INT, 8));
      MemorySegment all = arena.allocate(4L * MOST_GROUPS, 4);
      length.set(JAVA_INT, 0, 4 * MOST_GROUPS);
      if (syscalls.option(fd, Linux.SOL_SOCKET, Linux.SO_PEERGROUPS, all, length) >= 0) {
        for (int at = 0; at < length.get(JAVA_INT, 0); at += 4) {
          groups.add(all.get(JAVA_INT, at));
        }
      }
      return new PeerCredentials(ucred.get(JAVA_INT, 0), ucred.get(JAVA_INT, 4), groups);
    }
  }
}
