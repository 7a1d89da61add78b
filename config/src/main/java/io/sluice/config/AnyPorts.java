package io.sluice.config;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where bindings take every port. Whether they may is known only when the whole file has been read:
 * without {@code capture} each port has to be named.
 */
final class AnyPorts {
  private final List<Value> first = new ArrayList<>();
  private int others;

  void add(@Nullable Value port) {
    if (port != null && first.size() < Problems.MAX_KEPT) {
      first.add(port);
    } else {
      others++;
    }
  }

  void refuse(Problems problems) {
    for (Value port : first) {
      port.error(
          "port any needs a capture that brings every port in; add one, like"
              + " capture: [{name: edge, addresses: [192.0.2.1], ports: any, method: sk_lookup}]");
    }
    problems.omit(others);
  }
}
