package io.sluice.steering.reuseport;

import io.sluice.steering.LookupContext;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Members in turn, those of greater weight more often but spread out: nginx's smooth weighted order
 * (ngx_http_upstream_round_robin.c), computed beforehand. Weights 5, 1, 1 give a a b a c a a.
 */
final class RoundRobin implements Strategy {
  /** About how long an order may get; the weights of one that would be longer are rounded. */
  private static final int LONGEST = 1 << 16;

  private final Members members;
  private final char[] order;
  private final AtomicLong cursor = new AtomicLong();

  RoundRobin(Members members) {
    this.members = members;
    this.order = smooth(members.reducedWeights());
  }

  @Override
  public int select(LookupContext context, @Nullable Tried tried, boolean evenDown) {
    if (order.length == 0) {
      return -1; // all drain
    }
    int member = 0;
    for (int i = 0; i < Math.min(PROPOSALS, order.length); i++) {
      member = order[(int) Long.remainderUnsigned(cursor.getAndIncrement(), order.length)];
      if (members.isUsable(member, tried, evenDown)) {
        return member;
      }
    }
    return members.nextUsable(member, tried, evenDown);
  }

  /**
   * At each step every member gains its weight; who then has most is next, and loses the total.
   * Takes members × steps, unless all weights are equal or 0.
   */
  private static char[] smooth(int[] weights) {
    round(weights);
    int total = Arrays.stream(weights).sum();
    char[] order = new char[total];
    if (Arrays.stream(weights).allMatch(weight -> weight <= 1)) {
      int step = 0;
      for (int i = 0; i < weights.length; i++) {
        if (weights[i] == 1) {
          order[step++] = (char) i;
        }
      }
      return order;
    }
    int[] current = new int[weights.length];
    for (int step = 0; step < total; step++) {
      int best = -1;
      for (int i = 0; i < weights.length; i++) {
        current[i] += weights[i];
        if (weights[i] > 0 && (best < 0 || current[i] > current[best])) {
          best = i;
        }
      }
      current[best] -= total;
      order[step] = (char) best;
    }
    return order;
  }

  /** Scales weights down to a total of about {@link #LONGEST}; none that was positive becomes 0. */
  private static void round(int[] weights) {
    long total = Arrays.stream(weights).asLongStream().sum();
    for (int i = 0; total > LONGEST && i < weights.length; i++) {
      if (weights[i] > 0) {
        weights[i] = Math.max(1, (int) ((long) weights[i] * LONGEST / total));
      }
    }
  }
}
