package io.sluice.steering.reuseport;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The members of one group that one connection has tried already: what {@link
 * ReuseportGroup#selectOther} passes over.
 *
 * <p>Belongs to one thread. Reusable after {@link #clear}: groups of up to 64 members need no
 * memory beside it, larger ones make it grow once.
 */
public final class Tried {
  private static final long[] NONE = {};

  private @Nullable Members members;
  private long first64;
  private long[] others = NONE;

  /** Forgets all, for the next connection. */
  public void clear() {
    members = null;
    first64 = 0;
    Arrays.fill(others, 0);
  }

  /** Begins anew if the indexes so far are those of another group. */
  void of(Members members) {
    if (this.members != members) {
      clear();
      this.members = members;
    }
  }

  void add(int index) {
    if (index < 64) {
      first64 |= 1L << index;
      return;
    }
    int word = (index >> 6) - 1;
    if (word >= others.length) {
      others = Arrays.copyOf(others, Math.max(word + 1, 2 * others.length));
    }
    others[word] |= 1L << index;
  }

  boolean contains(int index) {
    int word = (index >> 6) - 1;
    long bits = word < 0 ? first64 : word < others.length ? others[word] : 0;
    return (bits >>> index & 1) != 0;
  }
}
