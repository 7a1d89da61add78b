package io.sluice.steering.reuseport;

import io.sluice.steering.Socket;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.jspecify.annotations.Nullable;

/**
 * A group's members by index, in the order of joining, and who of them may be selected. Immutable
 * but for which are down.
 */
final class Members {
  private final Socket[] sockets;
  private final int[] weights;
  private final String[] names;
  private final Map<Socket, Integer> indexes = new HashMap<>(); // not changed once built
  private final AtomicIntegerArray down; // 1 = down

  Members(List<ReuseportGroup.Member> members) {
    sockets = new Socket[members.size()];
    weights = new int[members.size()];
    names = new String[members.size()];
    down = new AtomicIntegerArray(members.size());
    for (int i = 0; i < sockets.length; i++) {
      ReuseportGroup.Member member = members.get(i);
      sockets[i] = member.socket();
      weights[i] = member.weight();
      names[i] = member.name();
      if (indexes.put(member.socket(), i) != null) {
        throw new IllegalArgumentException(member.socket() + " is a member twice");
      }
      if (member.socket().protocol() != sockets[0].protocol()) {
        throw new IllegalArgumentException(
            member.socket() + " and " + sockets[0] + " are of two protocols");
      }
    }
  }

  int count() {
    return sockets.length;
  }

  Socket socket(int index) {
    return sockets[index];
  }

  int weight(int index) {
    return weights[index];
  }

  /** What identifies the member whatever its place in the list. */
  String name(int index) {
    return names[index];
  }

  /** The index, or -1 for a socket that is no member. */
  int indexOf(Socket socket) {
    Integer index = indexes.get(socket);
    return index == null ? -1 : index;
  }

  void setDown(int index, boolean isDown) {
    down.set(index, isDown ? 1 : 0);
  }

  boolean isDown(int index) {
    return down.get(index) != 0;
  }

  /** What all weights can be divided by; 0 if all are 0. */
  int commonDivisor() {
    int divisor = 0;
    for (int weight : weights) {
      divisor = greatestCommonDivisor(divisor, weight);
    }
    return divisor;
  }

  /** The weights, divided by what all of them have in common. */
  int[] reducedWeights() {
    int divisor = commonDivisor();
    int[] reduced = weights.clone();
    for (int i = 0; divisor > 1 && i < reduced.length; i++) {
      reduced[i] /= divisor;
    }
    return reduced;
  }

  private static int greatestCommonDivisor(int a, int b) {
    return b == 0 ? a : greatestCommonDivisor(b, a % b);
  }

  /**
   * Whether a member may be selected.
   *
   * @param tried who may not, or null
   * @param evenDown whether those that are down may
   */
  boolean isUsable(int index, @Nullable Tried tried, boolean evenDown) {
    return weights[index] > 0
        && (evenDown || down.get(index) == 0)
        && sockets[index].takesNew()
        && (tried == null || !tried.contains(index));
  }

  /**
   * Whether a member that a program names may be had. Its weight doesn't matter: that is its share
   * of what nobody named.
   */
  boolean isSelectable(int index, boolean evenDown) {
    return (evenDown || down.get(index) == 0) && sockets[index].takesNew();
  }

  /** The first usable member from an index on, wrapping around; -1 if there is none. */
  int nextUsable(int from, @Nullable Tried tried, boolean evenDown) {
    int index = from;
    for (int i = 0; i < sockets.length; i++) {
      if (isUsable(index, tried, evenDown)) {
        return index;
      }
      index = index + 1 == sockets.length ? 0 : index + 1;
    }
    return -1;
  }
}
