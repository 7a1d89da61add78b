package io.sluice.steering.reuseport;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;

/**
 * Maglev's consistent hashing: Eisenbud et al., "Maglev: A Fast and Reliable Software Network Load
 * Balancer", NSDI 2016, section 3.4.
 *
 * <p>Each member has a permutation of the table's entries, drawn from its name. Members take turns,
 * and at its turn a member takes the first entry of its permutation that is still free. In the
 * paper all have equally many turns; here, as in Katran and Envoy, turns are in proportion to the
 * weight: a member of weight w has its k-th turn at time k/w. A member that comes or goes mostly
 * changes just the entries that it takes or leaves.
 */
final class Maglev {
  /** The paper's table size: a prime, so that every step visits all entries. */
  static final int SIZE = 65537;

  private static final char FREE = 0xffff; // no index: members are fewer than 65,536

  private Maglev() {}

  /**
   * A member's turns: {@code taken} are over, and entry {@code offset + step · tries} comes next.
   */
  private static final class Turns {
    final int index;
    final int weight;
    final String name;
    final int step;
    int entry;
    long taken;

    Turns(int index, int weight, String name, int seed) {
      this.index = index;
      this.weight = weight;
      this.name = name;
      long hash = TupleHash.ofName(name, seed);
      this.entry = (int) Long.remainderUnsigned(hash, SIZE);
      this.step = 1 + (int) Long.remainderUnsigned(TupleHash.ofName(name, hash), SIZE - 1);
    }

    /**
     * By the time of the next turn, (taken + 1) / weight; then by name, not by place in the list.
     */
    static int compare(Turns a, Turns b) {
      int byTime = Long.compare((a.taken + 1) * b.weight, (b.taken + 1) * a.weight);
      return byTime != 0 ? byTime : a.name.compareTo(b.name);
    }

    void take(char[] table) {
      while (table[entry] != FREE) {
        entry = (entry + step) % SIZE;
      }
      table[entry] = (char) index;
      taken++;
    }
  }

  /** Member indexes by entry; empty if all members drain. */
  static char[] table(Members members, int seed) {
    List<Turns> all = new ArrayList<>();
    for (int i = 0; i < members.count(); i++) {
      if (members.weight(i) > 0) {
        all.add(new Turns(i, members.weight(i), members.name(i), seed));
      }
    }
    if (all.isEmpty()) {
      return new char[0];
    }
    // Equal names and weights are left: they are interchangeable.
    PriorityQueue<Turns> next =
        new PriorityQueue<>(
            all.size(),
            ((Comparator<Turns>) Turns::compare).thenComparingInt(turns -> turns.weight));
    next.addAll(all);
    char[] table = new char[SIZE];
    Arrays.fill(table, FREE);
    for (int i = 0; i < SIZE; i++) {
      Turns turns = next.remove();
      turns.take(table);
      next.add(turns);
    }
    return table;
  }
}
