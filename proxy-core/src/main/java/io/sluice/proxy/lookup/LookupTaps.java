package io.sluice.proxy.lookup;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Who follows the lookups of one loop. Any thread; mostly nobody does, which costs one branch. */
public final class LookupTaps {
  private static final LookupTap[] NONE = {};

  private volatile LookupTap[] taps = NONE; // never changed, but replaced under the lock

  /** From now on this one gets lookups. */
  public synchronized void add(LookupTap tap) {
    List<LookupTap> next = new ArrayList<>(Arrays.asList(taps));
    next.add(tap);
    taps = next.toArray(NONE);
  }

  /** It gets no more. */
  public synchronized void remove(LookupTap tap) {
    List<LookupTap> next = new ArrayList<>(Arrays.asList(taps));
    next.remove(tap);
    taps = next.toArray(NONE);
  }

  /** Those that there are. */
  LookupTap[] all() {
    return taps;
  }
}
