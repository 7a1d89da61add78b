package io.sluice.proxy.flow;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The front sockets that one loop reads, by port. Not asked for each datagram. */
final class Fronts {
  private final Map<Integer, List<FrontSocket>> byPort = new HashMap<>();

  void add(FrontSocket front) {
    byPort.computeIfAbsent(front.socket().port(), _ -> new ArrayList<>()).add(front);
  }

  void remove(FrontSocket front) {
    List<FrontSocket> same = at(front.socket().port());
    if (same.remove(front) && same.isEmpty()) {
      byPort.remove(front.socket().port());
    }
  }

  /** The one with this port and descriptor. */
  @Nullable FrontSocket find(int port, int fd) {
    for (FrontSocket front : at(port)) {
      if (front.socket().fd() == fd) {
        return front;
      }
    }
    return null;
  }

  /** All of them. */
  List<FrontSocket> all() {
    List<FrontSocket> all = new ArrayList<>();
    byPort.values().forEach(all::addAll);
    return all;
  }

  private List<FrontSocket> at(int port) {
    List<FrontSocket> known = byPort.get(port);
    return known == null ? List.of() : known;
  }
}
