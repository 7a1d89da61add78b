package io.sluice.steering.map;

import io.sluice.steering.Errno;

/** What an update answers, by the rules of bpf(2). */
final class UpdateOutcome {
  private UpdateOutcome() {}

  /** 0 or a negative errno. */
  static int of(boolean isThere, int flags, boolean isFull, Errno whenFull) {
    if (isThere) {
      return flags == UpdateFlags.NOEXIST ? Errno.EEXIST.negative() : 0;
    }
    if (flags == UpdateFlags.EXIST) {
      return Errno.ENOENT.negative();
    }
    return isFull ? whenFull.negative() : 0;
  }
}
