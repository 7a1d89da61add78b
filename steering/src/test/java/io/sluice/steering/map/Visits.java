package io.sluice.steering.map;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntUnaryOperator;

/** How a map is walked through. */
final class Visits {
  private Visits() {}

  /**
   * The indexes that are visited from before the first on.
   *
   * @param nextKey answers the next index, or a negative errno after the last
   */
  static List<Integer> of(IntUnaryOperator nextKey) {
    List<Integer> visited = new ArrayList<>();
    int index = nextKey.applyAsInt(-1);
    while (index >= 0) {
      visited.add(index);
      index = nextKey.applyAsInt(index);
    }
    return visited;
  }
}
