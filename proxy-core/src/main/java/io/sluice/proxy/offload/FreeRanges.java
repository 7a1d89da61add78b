package io.sluice.proxy.offload;

import java.util.Map;
import java.util.TreeMap;

/**
 * Which places of an array are free: slots, or entries of labels. Called by one thread at a time.
 */
final class FreeRanges {
  private final TreeMap<Integer, Integer> free = new TreeMap<>(); // first place, and how many

  FreeRanges(int size) {
    give(0, size);
  }

  /**
   * Takes places that lie together.
   *
   * @return the first of them, or -1 if nowhere are so many
   */
  int take(int count) {
    for (Map.Entry<Integer, Integer> range : free.entrySet()) {
      int first = range.getKey();
      int size = range.getValue();
      if (size >= count) {
        free.remove(first);
        give(first + count, size - count);
        return first;
      }
    }
    return -1;
  }

  /** Gives places back. */
  void give(int first, int count) {
    if (count == 0) {
      return;
    }
    int from = first;
    int size = count;
    Integer following = free.remove(first + count);
    if (following != null) {
      size += following;
    }
    Map.Entry<Integer, Integer> before = free.lowerEntry(first);
    if (before != null && before.getKey() + before.getValue() == first) {
      from = before.getKey();
      size += before.getValue();
    }
    free.put(from, size);
  }
}
