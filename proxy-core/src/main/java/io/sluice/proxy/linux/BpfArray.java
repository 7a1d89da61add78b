package io.sluice.proxy.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import org.jspecify.annotations.Nullable;

/**
 * An array of numbers that programs of the kernel read, and this process writes in memory (a map of
 * type BPF_MAP_TYPE_ARRAY with BPF_F_MMAPABLE). A write takes no system call, can't fail, and is
 * seen whole or not at all.
 *
 * <p>Writing is safe on any thread; the memory lives until {@link #close}, after which nobody may
 * write.
 */
public final class BpfArray {
  private static final int VALUE_BYTES = 8;
  private static final int PAGE_BYTES = 1 << 16; // the largest that we run on
  private static final VarHandle VALUE = JAVA_LONG.varHandle();

  private final Syscalls syscalls;
  private final int fd;
  private final MemorySegment memory;
  private final int size;

  private BpfArray(Syscalls syscalls, int fd, MemorySegment memory, int size) {
    this.syscalls = syscalls;
    this.fd = fd;
    this.memory = memory;
    this.size = size;
  }

  /** A map for at least so many numbers, all 0, to be given to {@link Bpf#createMap}. */
  public static Bpf.MapSpec spec(int atLeast, String name) {
    // Whole pages, which the kernel has for it anyway.
    long bytes = Math.max(1L, atLeast) * VALUE_BYTES + PAGE_BYTES - 1 & -PAGE_BYTES;
    int size = (int) (bytes / VALUE_BYTES);
    return new Bpf.MapSpec(
        Linux.BPF_MAP_TYPE_ARRAY, 4, VALUE_BYTES, size, Linux.BPF_F_MMAPABLE, 0, name);
  }

  /**
   * Maps a map into memory.
   *
   * @param fd of a map that was made as {@code spec} says; closed with the array
   * @return null if the kernel refuses, and then the descriptor stays the caller's
   */
  public static @Nullable BpfArray of(Syscalls syscalls, int fd, Bpf.MapSpec spec) {
    long bytes = (long) spec.maxEntries() * VALUE_BYTES;
    long address = syscalls.mapShared(fd, bytes);
    return address < 0
        ? null
        : new BpfArray(
            syscalls, fd, MemorySegment.ofAddress(address).reinterpret(bytes), spec.maxEntries());
  }

  /** The map's descriptor, for programs. */
  public int fd() {
    return fd;
  }

  public int size() {
    return size;
  }

  /** Writes a number; who sees it sees also what was written before it. */
  public void set(int index, long value) {
    VALUE.setRelease(memory, (long) index * VALUE_BYTES, value);
  }

  public long get(int index) {
    return (long) VALUE.getAcquire(memory, (long) index * VALUE_BYTES);
  }

  /** Gives the memory and the descriptor back; programs that have the map keep it. */
  public void close() {
    int _ = syscalls.unmap(memory.address(), memory.byteSize());
    int _ = syscalls.close(fd);
  }
}
