package io.sluice.proxy.loop;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * How much memory this process may have: what the machine has, or its control group allows
 * (Documentation/admin-guide/cgroup-v2.rst, memory.max). Any thread.
 */
public final class MachineMemory {
  private static final int SHARE = 8;
  private static final long LEAST_BYTES = 16L << 20;
  private static final long MOST_BYTES = 1L << 30;
  private static final String GROUPS = "/sys/fs/cgroup";

  private MachineMemory() {}

  /**
   * How much all bytes in flight may take.
   *
   * @param configured 0 if nothing is
   */
  public static long bufferBytes(long configured) {
    return configured > 0 ? configured : defaultBufferBytes();
  }

  /** An eighth of the memory, but at least 16 MiB and at most 1 GiB. */
  static long defaultBufferBytes() {
    return Math.clamp(bytes(Path.of("/")) / SHARE, LEAST_BYTES, MOST_BYTES);
  }

  /**
   * The memory that the files below this root tell of.
   *
   * @param root of the file system; another in tests
   */
  static long bytes(Path root) {
    long bytes = Long.MAX_VALUE;
    for (String line : lines(root.resolve("proc/meminfo"))) {
      if (line.startsWith("MemTotal:")) {
        bytes = Long.parseLong(line.replaceAll("[^0-9]", "")) << 10;
      }
    }
    Path groups = root.resolve(GROUPS.substring(1));
    bytes = Math.min(bytes, limit(groups.resolve("memory/memory.limit_in_bytes"))); // version 1
    for (String line : lines(root.resolve("proc/self/cgroup"))) {
      if (line.startsWith("0::/")) {
        Path group = groups.resolve(line.substring("0::/".length())).normalize();
        while (group.startsWith(groups)) { // each of those above bounds it, too
          bytes = Math.min(bytes, limit(group.resolve("memory.max")));
          group = group.resolve("..").normalize();
        }
      }
    }
    return bytes;
  }

  private static long limit(Path file) {
    List<String> lines = lines(file);
    return lines.isEmpty() || !lines.getFirst().matches("[0-9]{1,18}")
        ? Long.MAX_VALUE // there is none: "max"
        : Long.parseLong(lines.getFirst());
  }

  private static List<String> lines(Path file) {
    try {
      return Files.readAllLines(file);
    } catch (IOException _) {
      return List.of();
    }
  }
}
