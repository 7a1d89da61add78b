package io.sluice.steering.reuseport;

import io.sluice.steering.LookupContext;
import org.jspecify.annotations.Nullable;

/**
 * Sticks a client's address to a member by a {@link Maglev} table. A member that can't be had is
 * replaced by the table's next entries, which are other members in as many orders as there are
 * entries: its clients spread over all others, whose own clients stay.
 */
final class SourceStrategy implements Strategy {
  private final Members members;
  private final int seed;
  private final char[] table;

  SourceStrategy(Members members, int seed) {
    this.members = members;
    this.seed = seed;
    this.table = Maglev.table(members, seed);
  }

  @Override
  public int select(LookupContext context, @Nullable Tried tried, boolean evenDown) {
    if (table.length == 0) {
      return -1; // all drain
    }
    long hash = TupleHash.ofClient(context, seed) & 0xffff_ffffL;
    return memberFrom((int) (hash * table.length >>> 32), tried, evenDown);
  }

  private int memberFrom(int first, @Nullable Tried tried, boolean evenDown) {
    int entry = first;
    int member = table[entry];
    for (int i = 0; i < PROPOSALS; i++) {
      if (members.isUsable(member, tried, evenDown)) {
        return member;
      }
      entry = entry + 1 == table.length ? 0 : entry + 1;
      member = table[entry];
    }
    return members.nextUsable(member, tried, evenDown);
  }

  @Override
  public int[] choices(int most) {
    int[] chosen = new int[table.length > most ? 0 : table.length];
    for (int i = 0; i < chosen.length; i++) {
      int available = memberFrom(i, null, false);
      chosen[i] = available < 0 ? memberFrom(i, null, true) : available;
    }
    return chosen;
  }
}
