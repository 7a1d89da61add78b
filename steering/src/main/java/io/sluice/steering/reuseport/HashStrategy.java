package io.sluice.steering.reuseport;

import io.sluice.steering.LookupContext;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The kernel's selection: index = ⌊hash · n / 2³²⌋ over the 4-tuple, and the next index for a
 * member that can't be had (net/core/sock_reuseport.c, reuseport_select_sock_by_hash). A member of
 * weight w counts as w neighbouring members.
 */
final class HashStrategy implements Strategy {
  private final Members members;
  private final int seed;
  private final long[] ends; // of each member: the sum of the weights up to and including its own

  HashStrategy(Members members, int seed) {
    this.members = members;
    this.seed = seed;
    this.ends = new long[members.count()];
    long end = 0;
    for (int i = 0; i < ends.length; i++) {
      end += members.weight(i);
      ends[i] = end;
    }
  }

  @Override
  public int select(LookupContext context, @Nullable Tried tried, boolean evenDown) {
    return select(TupleHash.ofFlow(context, seed), tried, evenDown);
  }

  /** The same by a hash over something else. */
  int select(int hash, @Nullable Tried tried, boolean evenDown) {
    long total = total(); // below 2³², so that the product fits into 64 bits
    long point = (hash & 0xffff_ffffL) * total >>> 32;
    return members.nextUsable(memberAt(point), tried, evenDown);
  }

  /**
   * With weights divided by what they have in common: the quotient of hash and total is the same.
   */
  @Override
  public int[] choices(int most) {
    long divisor = members.commonDivisor();
    long count = divisor == 0 ? 0 : total() / divisor;
    int[] chosen = new int[count > most ? 0 : (int) count];
    for (int i = 0; i < chosen.length; i++) {
      int first = memberAt(i * divisor);
      int available = members.nextUsable(first, null, false);
      chosen[i] = available < 0 ? members.nextUsable(first, null, true) : available;
    }
    return chosen;
  }

  private long total() {
    return ends[ends.length - 1];
  }

  /** The member whose weight covers a point below the total. */
  private int memberAt(long point) {
    if (total() == 0) {
      return 0; // all drain; nobody is usable
    }
    int found = Arrays.binarySearch(ends, point + 1);
    if (found < 0) {
      return -1 - found;
    }
    // Members of weight 0 have the same end as the one before them, which is the one covering it.
    while (found > 0 && ends[found - 1] == ends[found]) {
      found--;
    }
    return found;
  }
}
