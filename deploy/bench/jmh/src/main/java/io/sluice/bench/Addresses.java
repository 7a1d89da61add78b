package io.sluice.bench;

import io.sluice.steering.Family;

/** Which families a set of bindings, and the packets to it, have. */
public enum Addresses {
  IPV4,
  IPV6,
  /** In turns: every second binding and packet is IPv6. */
  MIXED;

  /** The family of a set's {@code index}th binding. */
  Family family(int index) {
    return switch (this) {
      case IPV4 -> Family.IPV4;
      case IPV6 -> Family.IPV6;
      case MIXED -> index % 2 == 0 ? Family.IPV4 : Family.IPV6;
    };
  }
}
