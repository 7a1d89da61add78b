package io.sluice.steering.binding;

import io.sluice.steering.Family;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The bindings of one family and protocol as they come in, and the order that {@link BindingTrie}
 * wants them in. Lives only while a table is built.
 */
final class BindingColumns {
  final Family family;
  final Protocol protocol;

  private int size;
  private long[] highs = new long[4];
  private long[] lows = new long[4]; // of IPv6 only
  private long[] portLengths = new long[4]; // port << 8 | prefix length
  private int[] indexes = new int[4];
  private int @Nullable [] order; // once it has been asked for

  BindingColumns(Family family, Protocol protocol) {
    this.family = family;
    this.protocol = protocol;
  }

  int size() {
    return size;
  }

  /** Adds a binding, which is the table's {@code index}th; indexes only grow. */
  void add(int index, long high, long low, int length, int port) {
    if (size == indexes.length) {
      int capacity = size + (size >> 1);
      highs = Arrays.copyOf(highs, capacity);
      if (family == Family.IPV6) {
        lows = Arrays.copyOf(lows, capacity);
      }
      portLengths = Arrays.copyOf(portLengths, capacity);
      indexes = Arrays.copyOf(indexes, capacity);
    }
    order = null;
    highs[size] = BindingTrie.high(family, high, low);
    if (family == Family.IPV6) {
      lows[size] = low;
    }
    portLengths[size] = (long) port << 8 | length;
    indexes[size] = index;
    size++;
  }

  /** The address's leading 64 bits; IPv4 has 32, and zeros behind them. */
  long high(int row) {
    return highs[row];
  }

  /** The address's other 64 bits; 0 for IPv4. */
  long low(int row) {
    return family == Family.IPV6 ? lows[row] : 0;
  }

  int length(int row) {
    return (int) portLengths[row] & 0xff;
  }

  int port(int row) {
    return (int) (portLengths[row] >>> 8);
  }

  /** The binding's index in the table. */
  int index(int row) {
    return indexes[row];
  }

  /**
   * The rows by address, then length, then port: an enclosing prefix before what it encloses. Rows
   * that are the same stay in the order in which they came.
   */
  private int[] order() {
    int[] known = order;
    if (known != null) {
      return known;
    }
    // Radix sort, least significant byte first. It is stable, and needs no comparator: a million
    // rows take a tenth of a second.
    int[] rows = new int[size];
    Arrays.setAll(rows, row -> row);
    rows = sortBy(portLengths, 1, 3, rows);
    rows = sortBy(portLengths, 0, 1, rows);
    if (family == Family.IPV6) {
      rows = sortBy(lows, 0, 8, rows);
    }
    rows = sortBy(highs, 0, 8, rows);
    order = rows;
    return rows;
  }

  /**
   * The rows in the same order, none of which are the same.
   *
   * @throws IllegalArgumentException if two are
   */
  int[] distinctOrder() {
    forEachDuplicate((index, earlier) -> {
      IpPrefix prefix = Objects.requireNonNull(prefixOf(index));
      throw new IllegalArgumentException(
          "bindings "
              + earlier
              + " and "
              + index
              + " are the same: "
              + protocol.word()
              + " "
              + new Binding("", protocol, prefix, port(rowOf(index))).match());
    });
    return order();
  }

  void forEachDuplicate(BindingTableBuilder.Duplicates duplicates) {
    int[] rows = order();
    for (int i = 1, first = 0; i < size; i++) {
      if (samePrefix(rows[first], rows[i]) && port(rows[first]) == port(rows[i])) {
        duplicates.found(indexes[rows[i]], indexes[rows[first]]);
      } else {
        first = i;
      }
    }
  }

  /** The prefix of the table's {@code index}th binding; null if it is of another space. */
  @Nullable IpPrefix prefixOf(int index) {
    int row = rowOf(index);
    return row < 0
        ? null
        : new IpPrefix(BindingTrie.address(family, highs[row], low(row)), length(row));
  }

  private int rowOf(int index) {
    return Arrays.binarySearch(indexes, 0, size, index);
  }

  /** How many different prefixes there are. */
  int prefixes(int[] order) {
    int prefixes = Math.min(1, size);
    for (int i = 1; i < size; i++) {
      prefixes += samePrefix(order[i - 1], order[i]) ? 0 : 1;
    }
    return prefixes;
  }

  /** Whether two rows differ in their ports only. */
  boolean samePrefix(int row, int other) {
    return highs[row] == highs[other]
        && low(row) == low(other)
        && (byte) portLengths[row] == (byte) portLengths[other];
  }

  private int[] sortBy(long[] column, int firstByte, int endByte, int[] rows) {
    int[] sorted = rows;
    int[] spare = new int[size];
    for (int shift = 8 * firstByte; shift < 8 * endByte; shift += 8) {
      int[] starts = new int[257];
      for (int row = 0; row < size; row++) {
        starts[digit(column[row], shift) + 1]++;
      }
      if (size == 0 || starts[digit(column[0], shift) + 1] == size) {
        continue; // all the same
      }
      for (int digit = 0; digit < 256; digit++) {
        starts[digit + 1] += starts[digit];
      }
      for (int row : sorted) {
        spare[starts[digit(column[row], shift)]++] = row;
      }
      int[] previous = sorted;
      sorted = spare;
      spare = previous;
    }
    return sorted;
  }

  private static int digit(long value, int shift) {
    return (int) (value >>> shift) & 0xff;
  }
}
