package io.sluice.proxy.loop;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class MachineMemoryTest {
  @TempDir Path root;

  private void write(String file, String text) throws IOException {
    Path path = root.resolve(file);
    Files.createDirectories(path.resolveSibling("."));
    Files.writeString(path, text);
  }

  @Test
  void withoutALimitItIsTheMachines() throws IOException {
    write("proc/meminfo", "MemTotal:        8000000 kB\nMemFree: 1 kB\n");
    write("proc/self/cgroup", "0::/\n");
    write("sys/fs/cgroup/memory.max", "max\n");
    assertThat(MachineMemory.bytes(root)).isEqualTo(8_000_000L << 10);
  }

  @Test
  void theNarrowestGroupAboveCounts() throws IOException {
    write("proc/meminfo", "MemTotal:        8000000 kB\n");
    write("proc/self/cgroup", "0::/system.slice/sluice.service\n");
    write("sys/fs/cgroup/system.slice/memory.max", "268435456\n");
    write("sys/fs/cgroup/system.slice/sluice.service/memory.max", "max\n");
    assertThat(MachineMemory.bytes(root)).isEqualTo(256 << 20);
  }

  @Test
  void theDefaultIsWithinItsBounds() {
    assertThat(MachineMemory.defaultBufferBytes()).isBetween(16L << 20, 1L << 30);
  }
}
