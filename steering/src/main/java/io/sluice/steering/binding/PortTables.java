package io.sluice.steering.binding;

import java.util.Arrays;

/**
 * Which binding takes a port, for prefixes that have several: hash tables with linear probing, one
 * behind the other.
 */
final class PortTables {
  /*
   *   table │ mask, 32 bits; binding of any port + 1 │ slot 0 │ … │ slot mask │
   *   slot  │ port, 32 bits; binding + 1 │     0 is free; at least one slot is
   */
  private long[] tables = new long[0];
  private int used;

  /**
   * Adds a table.
   *
   * @param from the first row in {@code order} of those that the prefix has; they differ in port
   * @param to the row behind the last
   * @return the table's place
   */
  int add(BindingColumns columns, int[] order, int from, int to) {
    int mask = Integer.highestOneBit((to - from) * 4 / 3) * 2 - 1;
    int table = used;
    used += 2 + mask;
    if (used > tables.length) {
      tables = Arrays.copyOf(tables, Math.max(used, tables.length + (tables.length >> 1)));
    }
    tables[table] = (long) mask << 32;
    for (int i = from; i < to; i++) {
      int port = columns.port(order[i]);
      int binding = columns.index(order[i]) + 1;
      if (port == Binding.ANY_PORT) {
        tables[table] |= binding;
      } else {
        tables[slot(table, port)] = (long) port << 32 | binding;
      }
    }
    return table;
  }

  /** The index of the binding that takes a port, the exact one before any; -1 if none does. */
  int index(int table, int port) {
    int exact = (int) tables[slot(table, port)];
    return (exact != 0 ? exact : (int) tables[table]) - 1;
  }

  /** Where a port is, or would be. */
  private int slot(int table, int port) {
    int mask = (int) (tables[table] >>> 32);
    int slot = (port * 0x9e37_79b1) >>> 15 & mask;
    while (true) {
      long found = tables[table + 1 + slot];
      if (found == 0 || (int) (found >>> 32) == port) {
        return table + 1 + slot;
      }
      slot = slot + 1 & mask;
    }
  }

  /** Gives back what was taken ahead. */
  void trim() {
    tables = Arrays.copyOf(tables, used);
  }

  long retainedBytes() {
    return 8L * tables.length;
  }
}
