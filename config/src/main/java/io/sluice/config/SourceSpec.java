package io.sluice.config;

import io.sluice.steering.Family;
import io.sluice.steering.IpPrefix;
import java.util.List;

/** Where a destination's connections to its targets come from. */
public sealed interface SourceSpec {
  /** From wherever the kernel chooses: the address of the way out, and a free port. */
  record Kernel() implements SourceSpec {}

  /** From the client's own address, and its port where that is free. */
  record Transparent() implements SourceSpec {}

  /**
   * From these addresses in turn.
   *
   * @param prefixes of own addresses, each of which is used; none overlaps another
   */
  record Addresses(List<IpPrefix> prefixes) implements SourceSpec {
    public Addresses {
      prefixes = List.copyOf(prefixes);
    }

    /** Whether targets of a family can be reached from one of them. */
    public boolean has(Family family) {
      for (int i = 0; i < prefixes.size(); i++) { // asked per connection: no iterator
        if (prefixes.get(i).family() == family) {
          return true;
        }
      }
      return false;
    }
  }

  /** What a destination has that says nothing. */
  SourceSpec KERNEL = new Kernel();
}
