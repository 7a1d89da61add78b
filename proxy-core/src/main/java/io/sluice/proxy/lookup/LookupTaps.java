package io.sluice.proxy.lookup;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/** Who follows the lookups of one loop. Any thread; mostly nobody does, which costs one branch. */
public final class LookupTaps {
  private volatile LookupTap @Nullable [] taps; // never changed, but replaced under the lock

  /** From now on this one gets lookups. */
  public synchronized void add(LookupTap tap) {
    LookupTap[] now = taps;
    LookupTap[] next = now == null ? new LookupTap[1] : Arrays.copyOf(now, now.length + 1);
    next[next.length - 1] = tap;
    taps = next;
  }

  /** It gets no more. */
  public synchronized void remove(LookupTap tap) {
    LookupTap[] now = taps;
    if (now != null) {
      LookupTap[] next = Arrays.stream(now).filter(it -> !it.equals(tap)).toArray(LookupTap[]::new);
      taps = next.length == 0 ? null : next;
    }
  }

  /** Those that there are; null if there is none. */
  LookupTap @Nullable [] all() {
    return taps;
  }
}
