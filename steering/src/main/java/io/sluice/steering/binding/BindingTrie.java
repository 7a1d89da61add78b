package io.sluice.steering.binding;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import java.util.Arrays;
import java.util.function.IntConsumer;

/**
 * The bindings of one family and protocol, compiled for lookup: one trie for each port, and one for
 * the bindings of any port, all in the same few arrays. Immutable.
 */
final class BindingTrie {
  /*
   * Level- and path-compressed tries: S. Nilsson, G. Karlsson, "IP-Address Lookup Using LC-Tries",
   * IEEE JSAC 17(6), 1999. Linux's FIB (net/ipv4/fib_trie.c) is one too.
   *
   * The prefixes lie sorted by port, address and length. So each trie's are one stretch, and a
   * prefix stands behind those that enclose it; "up" is the position of the nearest of these.
   *
   *   position     0       1            2              3              4
   *   highs, lows  -       10.0.0.0     10.1.0.0       10.1.2.0       10.9.0.0
   *   links        none    /8  up 0     /16 up 1       /24 up 2       /16 up 1
   *
   *   link   63       56 55                28 27                 0
   *         ┌───────────┬────────────────────┬────────────────────┐
   *         │ length + 1│ up                 │ binding index + 1  │   0 is "no binding"
   *         └───────────┴────────────────────┴────────────────────┘
   *
   * Above the prefixes stand nodes, each an array of 2^bits words that is indexed by the address's
   * bits behind the first "skip" ones. Those are the same in all prefixes of the node.
   *
   *   word   63 62    56 55       48 47      32 31               0
   *         ┌──┬────────┬───────────┬──────────┬──────────────────┐
   *   node  │ 1│  skip  │  bits     │          │ its place in     │
   *         │  │        │           │          │ "nodes"          │
   *   leaf  │ 0│        │  count    │          │ first position   │   0 is "no trie"
   *         └──┴────────┴───────────┴──────────┴──────────────────┘
   *
   * A lookup goes down to a leaf and takes its last prefix that isn't above the address, or its
   * first. Then it goes up to the first that is no longer than what it shares with the address.
   * Skipped bits need no look: whatever contains the address and isn't in the leaf encloses all of
   * the leaf. (An empty slot is a leaf of one: the prefix before it in the node.)
   *
   * Cost: random bindings spread over the slots, 4 to each, so one or two nodes, even for a
   * million. The worst case is bounded by the address, not by the number of bindings: a node uses
   * at least one bit and "up" gets shorter each time, so at most 32 + 33 steps for IPv4, and
   * 128 + 129 for IPv6.
   */
  private static final int LENGTH_SHIFT = 56;
  private static final int UP_SHIFT = 28;
  private static final int POSITION_MASK = (1 << 28) - 1;
  private static final int SKIP_SHIFT = 56;
  private static final int BITS_SHIFT = 48;
  private static final int COUNT_SHIFT = 48;
  private static final long NODE = 1L << 63;

  private static final int LEAF_SIZE = 8;
  private static final int MAX_BITS = 20;

  /** How many bindings fit. */
  static final int MAX_SIZE = POSITION_MASK - 1;

  private final Family family;
  private final boolean wide; // 128 bits: there is a column of lows
  private final long[] highs;
  private final long[] lows;
  private final long[] links;
  private final char[] ports;

  private long[] nodes = new long[0];
  private int nodesUsed;

  private long anyPortRoot;
  private final char[] rootPorts; // a hash table by port; 0 is free
  private final long[] roots;

  BindingTrie(BindingColumns columns) {
    int[] order = columns.order();
    int end = order.length + 1;
    family = columns.family;
    wide = family == Family.IPV6;
    highs = new long[end];
    lows = new long[wide ? end : 0];
    links = new long[end];
    ports = new char[end];
    int exactPorts = 0;
    for (int at = 1; at < end; at++) {
      int row = order[at - 1];
      highs[at] = columns.high(row);
      if (wide) {
        lows[at] = columns.low(row);
      }
      ports[at] = (char) columns.port(row);
      boolean newPort = ports[at] != ports[at - 1]; // and position 0 says "any"
      exactPorts += newPort ? 1 : 0;
      int up = newPort ? 0 : containing(at - 1, columns.high(row), columns.low(row));
      links[at] =
          (columns.length(row) + 1L) << LENGTH_SHIFT
              | (long) up << UP_SHIFT
              | (columns.index(row) + 1);
    }
    int slots = exactPorts == 0 ? 1 : Integer.highestOneBit(exactPorts) << 2;
    rootPorts = new char[slots];
    roots = new long[slots];
    buildRoots();
  }

  private void buildRoots() {
    int end = links.length;
    for (int from = 1, to; from < end; from = to) {
      char port = ports[from];
      to = from + 1;
      while (to < end && ports[to] == port) {
        to++;
      }
      long root = build(from, to);
      if (port == Binding.ANY_PORT) {
        anyPortRoot = root;
      } else {
        int slot = slot(port);
        rootPorts[slot] = port;
        roots[slot] = root;
      }
    }
    nodes = Arrays.copyOf(nodes, nodesUsed);
  }

  /** The word for the prefixes from one position up to, and not including, another. */
  private long build(int from, int to) {
    int count = to - from;
    int skip = shared(from, highs[to - 1], wide ? lows[to - 1] : 0);
    if (count <= LEAF_SIZE || skip >= family.bits()) {
      return leaf(from, count);
    }
    int bitsLeft = (wide ? 64 - skip % 64 : 32 - skip); // of the half that they lie in
    int bits = Math.min(Math.min(log2(count) - 2, MAX_BITS), bitsLeft);
    int node = nodesUsed;
    nodesUsed += 1 << bits;
    if (nodesUsed > nodes.length) {
      nodes = Arrays.copyOf(nodes, Math.max(nodesUsed, nodes.length + (nodes.length >> 1)));
    }
    int at = from;
    for (int i = 0; i < 1 << bits; i++) {
      int end = at;
      while (end < to && slice(highs[end], wide ? lows[end] : 0, skip, bits) == i) {
        end++;
      }
      long child = at < end ? build(at, end) : leaf(Math.max(from, at - 1), 1);
      nodes[node + i] = child;
      at = end;
    }
    return NODE | (long) skip << SKIP_SHIFT | (long) bits << BITS_SHIFT | node;
  }

  private static long leaf(int from, int count) {
    return (long) count << COUNT_SHIFT | from;
  }

  /**
   * The link of the binding that wins, or 0: the longest prefix, and at equal length the exact port
   * before any. Allocates nothing.
   */
  long match(long high, long low, int port) {
    long exact = longest(root(port), high, low);
    long any = longest(anyPortRoot, high, low);
    return exact >>> LENGTH_SHIFT >= any >>> LENGTH_SHIFT ? exact : any;
  }

  private long longest(long root, long high, long low) {
    long word = root;
    while (word < 0) {
      int skip = (int) (word >>> SKIP_SHIFT) & 0x7f;
      int bits = (int) (word >>> BITS_SHIFT) & 0xff;
      word = nodes[(int) word + slice(high, low, skip, bits)];
    }
    int at = (int) word;
    for (int count = (int) (word >>> COUNT_SHIFT); count > 1; ) {
      int half = count >>> 1;
      if (isAtMost(at + half, high, low)) {
        at += half;
      }
      count -= half;
    }
    return links[containing(at, high, low)];
  }

  /** From a position up to the first prefix that contains the address; 0 if none does. */
  private int containing(int position, long high, long low) {
    int shared = shared(position, high, low);
    int at = position;
    while (length(links[at]) > shared) {
      at = up(links[at]);
    }
    return at;
  }

  /** Tells the indexes of all bindings that match, best first. */
  void forEachMatch(long high, long low, int port, IntConsumer indexes) {
    long exact = longest(root(port), high, low);
    long any = longest(anyPortRoot, high, low);
    while (exact != 0 || any != 0) {
      if (exact >>> LENGTH_SHIFT >= any >>> LENGTH_SHIFT) {
        indexes.accept(index(exact));
        exact = links[up(exact)];
      } else {
        indexes.accept(index(any));
        any = links[up(any)];
      }
    }
  }

  /** The index of a link's binding; -1 for the link 0. */
  static int index(long link) {
    return ((int) link & POSITION_MASK) - 1;
  }

  /** A link's prefix length; -1 for the link 0. */
  private static int length(long link) {
    return (int) (link >>> LENGTH_SHIFT) - 1;
  }

  private static int up(long link) {
    return (int) (link >>> UP_SHIFT) & POSITION_MASK;
  }

  /** The bits behind the first {@code skip}; they lie in one half. */
  private static int slice(long high, long low, int skip, int bits) {
    return (int) ((skip < 64 ? high : low) << skip >>> -bits); // shifts count modulo 64
  }

  /** How many leading bits a prefix's address shares with this one; at least 32 if all of IPv4. */
  private int shared(int at, long high, long low) {
    long difference = highs[at] ^ high;
    return difference == 0 && wide
        ? 64 + Long.numberOfLeadingZeros(lows[at] ^ low)
        : Long.numberOfLeadingZeros(difference);
  }

  private boolean isAtMost(int at, long high, long low) {
    return highs[at] == high && wide
        ? Long.compareUnsigned(lows[at], low) <= 0
        : Long.compareUnsigned(highs[at], high) <= 0;
  }

  private long root(int port) {
    return roots[slot(port)];
  }

  /** Where a port is, or would be. */
  private int slot(int port) {
    int mask = rootPorts.length - 1;
    int slot = (port * 0x9e37_79b1) >>> 15 & mask;
    while (rootPorts[slot] != port && rootPorts[slot] != 0) {
      slot = slot + 1 & mask;
    }
    return slot;
  }

  private static int log2(int number) {
    return 31 - Integer.numberOfLeadingZeros(number);
  }

  /**
   * Writes where each binding is, by its index: the position, with {@code tag} in its free bits.
   */
  void fillPlaces(int[] places, int tag) {
    for (int at = 1; at < links.length; at++) {
      places[index(links[at])] = tag | at;
    }
  }

  IpPrefix prefix(int position) {
    long low = wide ? lows[position] : 0;
    return new IpPrefix(address(family, highs[position], low), length(links[position]));
  }

  int port(int position) {
    return ports[position];
  }

  /** An address's leading 64 bits; IPv4 has 32, and zeros behind them. */
  static long high(Family family, long high, long low) {
    return family == Family.IPV4 ? low << 32 : high;
  }

  /** An address's other 64 bits; 0 for IPv4. */
  static long low(Family family, long low) {
    return family == Family.IPV4 ? 0 : low;
  }

  static IpAddress address(Family family, long high, long low) {
    return family == Family.IPV4
        ? IpAddress.of(family, 0, high >>> 32)
        : IpAddress.of(family, high, low);
  }

  /** What the arrays hold. */
  long retainedBytes() {
    return 8L * (highs.length + lows.length + links.length + nodes.length + roots.length)
        + 2L * (ports.length + rootPorts.length);
  }
}
