package io.sluice.steering.map;

/**
 * What a map may be created with, by the kernel's numbers (BPF_F_…). Each kind of map takes some of
 * them, and refuses the others with EINVAL.
 *
 * <p>{@link #RDONLY} and {@link #WRONLY} are modes of the descriptor that the kernel hands out, and
 * {@link #RDONLY_PROG} and {@link #WRONLY_PROG} are held by its verifier. Here, who has a map may
 * use it: these four are taken, shown by {@link BpfMap#flags}, and not enforced. Nor has {@link
 * #NUMA_NODE} an effect, nor {@link #ZERO_SEED}, nor {@link #MMAPABLE}.
 */
public final class CreateFlags {
  /** Allocates entries when they are needed. A trie requires it; an LRU hash refuses it. */
  public static final int NO_PREALLOC = 0x1;

  /** An LRU list per CPU in the kernel; one list in any case here. */
  public static final int NO_COMMON_LRU = 0x2;

  public static final int NUMA_NODE = 0x4;
  public static final int RDONLY = 0x8;
  public static final int WRONLY = 0x10;
  public static final int ZERO_SEED = 0x40;
  public static final int RDONLY_PROG = 0x80;
  public static final int WRONLY_PROG = 0x100;
  public static final int MMAPABLE = 0x400;

  /** An array that may differ in its number of entries from the others of its outer map. */
  public static final int INNER_MAP = 0x1000;

  static final int ACCESS = RDONLY | WRONLY | RDONLY_PROG | WRONLY_PROG;

  private CreateFlags() {}

  /** Throws unless the flags are among the allowed ones, and don't forbid programs everything. */
  static int check(int flags, int allowed) {
    if ((flags & ~allowed) != 0) {
      throw new IllegalArgumentException(
          "EINVAL: flags 0x%x; of these are possible: 0x%x".formatted(flags, allowed));
    }
    if ((flags & (RDONLY_PROG | WRONLY_PROG)) == (RDONLY_PROG | WRONLY_PROG)) {
      throw new IllegalArgumentException(
          "EINVAL: flags 0x%x: RDONLY_PROG and WRONLY_PROG exclude each other".formatted(flags));
    }
    return flags;
  }
}
