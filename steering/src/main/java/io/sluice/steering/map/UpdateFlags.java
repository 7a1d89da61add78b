package io.sluice.steering.map;

/** What an update may do, by the kernel's numbers (BPF_ANY, BPF_NOEXIST, BPF_EXIST). */
public final class UpdateFlags {
  /** Insert or replace. */
  public static final int ANY = 0;

  /** Insert only; EEXIST if the key is there, even with the same socket. */
  public static final int NOEXIST = 1;

  /** Replace only; ENOENT if the key isn't there. */
  public static final int EXIST = 2;

  /** Whether these are one of the three. (BPF_F_LOCK takes a lock in the value, which none has.) */
  static boolean areValid(long flags) {
    return flags >= ANY && flags <= EXIST;
  }

  private UpdateFlags() {}
}
