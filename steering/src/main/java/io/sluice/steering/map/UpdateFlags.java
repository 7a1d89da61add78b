package io.sluice.steering.map;

import io.sluice.steering.Errno;

/** What an update may do, by the kernel's numbers (BPF_ANY, BPF_NOEXIST, BPF_EXIST). */
public final class UpdateFlags {
  /** Insert or replace. */
  public static final int ANY = 0;

  /** Insert only; EEXIST if the key is there, even with the same socket. */
  public static final int NOEXIST = 1;

  /** Replace only; ENOENT if the key isn't there. */
  public static final int EXIST = 2;

  /** Whether a map that always has all its keys takes these flags; 0, EINVAL or EEXIST. */
  static int checkAlwaysThere(long flags) {
    if (flags < ANY || flags > EXIST) {
      return Errno.EINVAL.negative();
    }
    return flags == NOEXIST ? Errno.EEXIST.negative() : 0;
  }

  private UpdateFlags() {}
}
