package io.sluice.steering.binding;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;
import java.util.Arrays;

/**
 * The bindings of one family and protocol as they come in, and the order that {@link BindingTrie}
 * wants them in. Lives only while a table is built.
 */
final class BindingColumns {
  final Family family;
  final Protocol protocol;

  private int size;
  private long[] highs = new long[4];
  private long[] lows = new long[4];
  private long[] portLengths = new long[4]; // port << 8 | prefix length
  private int[] indexes = new int[4];

  BindingColumns(Family family, Protocol protocol) {
    this.family = family;
    this.protocol = protocol;
  }

  int size() {
    return size;
  }

  /** Adds a binding, which is the table's {@code index}th. */
  void add(int index, IpPrefix prefix, int port) {
    if (size == indexes.length) {
      int capacity = size + (size >> 1);
      highs = Arrays.copyOf(highs, capacity);
      lows = Arrays.copyOf(lows, capacity);
      portLengths = Arrays.copyOf(portLengths, capacity);
      indexes = Arrays.copyOf(indexes, capacity);
    }
    IpAddress address = prefix.address();
    highs[size] = BindingTrie.high(family, address.high(), address.low());
    lows[size] = BindingTrie.low(family, address.low());
    portLengths[size] = (long) port << 8 | prefix.length();
    indexes[size] = index;
    size++;
  }

  /** The address's leading 64 bits; IPv4 has 32, and zeros behind them. */
  long high(int row) {
    return highs[row];
  }

  /** The address's other 64 bits; 0 for IPv4. */
  long low(int row) {
    return lows[row];
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
   * The rows by address, then length, then port: an enclosing prefix before what it encloses.
   *
   * @throws IllegalArgumentException if two rows are the same
   */
  int[] order() {
    // Radix sort, least significant byte first. It is stable, and needs no comparator: a million
    // rows take a tenth of a second.
    int[] order = new int[size];
    Arrays.setAll(order, row -> row);
    order = sortBy(portLengths, 1, 3, order);
    order = sortBy(portLengths, 0, 1, order);
    order = sortBy(lows, 0, 8, order);
    order = sortBy(highs, 0, 8, order);
    for (int i = 1; i < size; i++) {
      rejectSame(order[i - 1], order[i]);
    }
    return order;
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
        && lows[row] == lows[other]
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

  private void rejectSame(int row, int next) {
    if (samePrefix(row, next) && port(row) == port(next)) {
      IpPrefix prefix =
          new IpPrefix(BindingTrie.address(family, highs[row], lows[row]), length(row));
      throw new IllegalArgumentException(
          "bindings "
              + indexes[row]
              + " and "
              + indexes[next]
              + " are the same: "
              + protocol.word()
              + " "
              + new Binding("", protocol, prefix, port(row)).match());
    }
  }
}
