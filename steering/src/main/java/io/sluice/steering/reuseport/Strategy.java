package io.sluice.steering.reuseport;

import io.sluice.steering.LookupContext;
import org.jspecify.annotations.Nullable;

/** One way of selecting a member. On any thread, without allocating. */
sealed interface Strategy permits HashStrategy, SourceStrategy, RoundRobin, LeastConnections {
  /**
   * How many proposals of their own order strategies make before they take the next usable index.
   */
  int PROPOSALS = 64;

  /**
   * Selects among the members that are {@linkplain Members#isUsable usable}.
   *
   * @return a member's index, or -1 if none is usable
   */
  int select(LookupContext context, @Nullable Tried tried, boolean evenDown);

  /**
   * What is selected now, as a table: a hash leads to the entry ⌊hash · length / 2³²⌋. Empty if no
   * hash decides, or if the table would have more than so many entries, or if all drain.
   *
   * @return members' indexes; -1 where nobody is usable
   */
  default int[] choices(int most) {
    return new int[0];
  }
}
