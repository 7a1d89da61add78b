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
   * The prefixes lie in "entries", sorted by port, address and length. So each trie's are one
   * stretch, and a prefix stands behind those that enclose it, of which "up" is the nearest:
   *
   *   at           0        2            4              6              8
   *   address      -        10.0.0.0     10.1.0.0       10.1.2.0       10.9.0.0
   *   link         0        /8  up 0     /16 up 2       /24 up 4       /16 up 2
   *
   *   entry │ address, 64 bits │ link │ IPv6: address, the other 64 bits │
   *
   *   link   63       56 55                28 27                 0
   *         ┌───────────┬────────────────────┬────────────────────┐
   *         │ length + 1│ up                 │ binding index + 1  │   0 is "no binding"
   *         └───────────┴────────────────────┴────────────────────┘
   *
   * Over the entries stand nodes, each an array of 2^bits words that is indexed by the address's
   * bits behind the first "skip" ones. Those are the same in all entries below the node.
   *
   *   word   63 62    56 55       48 47      32 31               0
   *         ┌──┬────────┬───────────┬──────────┬──────────────────┐
   *   node  │ 1│ skip   │ bits      │          │ place in "nodes" │
   *   leaf  │ 0│        │ last-first│          │ first entry      │   0 is "no trie"
   *         └──┴────────┴───────────┴──────────┴──────────────────┘
   *
   * A lookup goes down to a leaf and takes its last entry that isn't above the address, or its
   * first. From there it goes up to the first prefix that isn't longer than what its address shares
   * with the packet's. Skipped bits need no look: whatever contains the packet's address and isn't
   * below a node that was passed encloses everything below it. (So an index that no entry has may
   * lead to any entry below the node that isn't above it, or to the first.)
   *
   * Cost: a slot of a node stands for 4 entries on average if the addresses are spread evenly, so a
   * lookup passes one or two nodes, even with a million bindings. At worst each node uses one bit
   * and each step up shortens the prefix by one: 32 + 33 steps for IPv4, 128 + 129 for IPv6, however
   * many bindings there are.
   */
  private static final int LENGTH_SHIFT = 56;
  private static final int UP_SHIFT = 28;
  private static final int ENTRY_MASK = (1 << 28) - 1;
  private static final int SKIP_SHIFT = 56;
  private static final int BITS_SHIFT = 48;
  private static final int SPAN_SHIFT = 48;
  private static final long NODE = 1L << 63;

  private static final int LEAF_SIZE = 8;
  private static final int MAX_BITS = 20;

  /** How many bindings fit. */
  static final int MAX_SIZE = ENTRY_MASK / 3 - 1;

  private final Family family;
  private final boolean wide; // an entry has the other 64 bits too
  private final int stride; // of entries
  private final long[] entries;
  private final char[] ports; // by at / stride

  private long[] nodes = new long[0];
  private int nodesUsed;

  private long anyPortRoot;
  private final char[] rootPorts; // a hash table with linear probing; 0 is free
  private final long[] roots;

  BindingTrie(BindingColumns columns) {
    int[] order = columns.order();
    family = columns.family;
    wide = family == Family.IPV6;
    stride = wide ? 3 : 2;
    entries = new long[stride * (order.length + 1)];
    ports = new char[order.length + 1];
    int exactPorts = 0;
    for (int i = 1; i < ports.length; i++) {
      int row = order[i - 1];
      int at = i * stride;
      ports[i] = (char) columns.port(row);
      boolean newPort = ports[i] != ports[i - 1]; // entry 0 says "any"
      exactPorts += newPort ? 1 : 0;
      int up = newPort ? 0 : containing(at - stride, columns.high(row), columns.low(row));
      entries[at] = columns.high(row);
      entries[at + 1] =
          (columns.length(row) + 1L) << LENGTH_SHIFT
              | (long) up << UP_SHIFT
              | (columns.index(row) + 1);
      if (wide) {
        entries[at + 2] = columns.low(row);
      }
    }
    int slots = exactPorts == 0 ? 1 : Integer.highestOneBit(exactPorts) << 2;
    rootPorts = new char[slots];
    roots = new long[slots];
    buildRoots();
  }

  private void buildRoots() {
    for (int from = 1, to; from < ports.length; from = to) {
      char port = ports[from];
      to = from + 1;
      while (to < ports.length && ports[to] == port) {
        to++;
      }
      long root = build(from * stride, (to - 1) * stride);
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

  /** The word for the entries from {@code first} to {@code last}, both included. */
  private long build(int first, int last) {
    int count = (last - first) / stride + 1;
    int skip = shared(first, entries[last], low(last));
    if (skip >= family.bits()) {
      return leaf(last, last); // all have the same address: start from the longest
    }
    if (count <= LEAF_SIZE) {
      return leaf(first, last);
    }
    int bitsLeft = wide ? 64 - skip % 64 : 32 - skip; // a node's bits lie in one half
    int bits = Math.min(Math.min(log2(count) - 2, MAX_BITS), bitsLeft);
    int node = nodesUsed;
    nodesUsed += 1 << bits;
    if (nodesUsed > nodes.length) {
      nodes = Arrays.copyOf(nodes, Math.max(nodesUsed, nodes.length + (nodes.length >> 1)));
    }
    int at = first;
    for (int i = 0; i < 1 << bits; i++) {
      int from = at;
      while (at <= last && slice(entries[at], low(at), skip, bits) == i) {
        at += stride;
      }
      int before = Math.max(first, from - stride);
      long child = from < at ? build(from, at - stride) : leaf(before, before);
      nodes[node + i] = child; // not in one statement: build() may replace the array
    }
    return NODE | (long) skip << SKIP_SHIFT | (long) bits << BITS_SHIFT | node;
  }

  private static long leaf(int first, int last) {
    return (long) (last - first) << SPAN_SHIFT | first;
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
    if (root == 0) {
      return 0;
    }
    long word = root;
    while (word < 0) {
      int skip = (int) (word >>> SKIP_SHIFT) & 0x7f;
      int bits = (int) (word >>> BITS_SHIFT) & 0xff;
      word = nodes[(int) word + slice(high, low, skip, bits)];
    }
    int at = (int) word;
    int span = (int) (word >>> SPAN_SHIFT);
    if (span != 0) {
      at = atMost(at, at + span, high, low);
    }
    return entries[containing(at, high, low) + 1];
  }

  /** The last of some entries that isn't above the address, or else the first. */
  private int atMost(int first, int last, long high, long low) {
    int at = first;
    for (int step = LEAF_SIZE / 2; step > 0; step >>>= 1) {
      int probe = Math.min(at + step * stride, last);
      at = Long.compareUnsigned(entries[probe], high) <= 0 ? probe : at; // unpredictable: no branch
    }
    while (wide && at > first && entries[at] == high && Long.compareUnsigned(low(at), low) > 0) {
      at -= stride;
    }
    return at;
  }

  /** From an entry up to the first whose prefix contains the address; 0 if none does. */
  private int containing(int entry, long high, long low) {
    int shared = shared(entry, high, low);
    int at = entry;
    while (length(entries[at + 1]) > shared) {
      at = up(entries[at + 1]);
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
        exact = entries[up(exact) + 1];
      } else {
        indexes.accept(index(any));
        any = entries[up(any) + 1];
      }
    }
  }

  /** The index of a link's binding; -1 for the link 0. */
  static int index(long link) {
    return ((int) link & ENTRY_MASK) - 1;
  }

  /** A link's prefix length; -1 for the link 0. */
  private static int length(long link) {
    return (int) (link >>> LENGTH_SHIFT) - 1;
  }

  private static int up(long link) {
    return (int) (link >>> UP_SHIFT) & ENTRY_MASK;
  }

  /** The bits behind the first {@code skip}; they lie in one half. */
  private static int slice(long high, long low, int skip, int bits) {
    return (int) ((skip < 64 ? high : low) << skip >>> -bits); // shifts count modulo 64
  }

  private long low(int at) {
    return wide ? entries[at + 2] : 0;
  }

  /** How many leading bits an entry's address shares with this one; at least 32 if all of IPv4. */
  private int shared(int at, long high, long low) {
    long difference = entries[at] ^ high;
    return difference == 0 && wide
        ? 64 + Long.numberOfLeadingZeros(low(at) ^ low)
        : Long.numberOfLeadingZeros(difference);
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

  /** Writes where each binding is, by its index: the entry, with {@code tag} in the free bits. */
  void fillPlaces(int[] places, int tag) {
    for (int at = stride; at < entries.length; at += stride) {
      places[index(entries[at + 1])] = tag | at;
    }
  }

  IpPrefix prefix(int at) {
    return new IpPrefix(address(family, entries[at], low(at)), length(entries[at + 1]));
  }

  int port(int at) {
    return ports[at / stride];
  }

  /** An address's leading 64 bits; IPv4 has 32, and zeros behind them. */
  static long high(Family family, long high, long low) {
    return family == Family.IPV4 ? low << 32 : high;
  }

  /** An address's other 64 bits; 0 for IPv4. */
  static long low(Family family, long low) {
    return family == Family.IPV4 ? 0 : low;
  }

  /** From the leading 64 bits and the others, back to the address. */
  static IpAddress address(Family family, long high, long low) {
    return family == Family.IPV4
        ? IpAddress.of(family, 0, high >>> 32)
        : IpAddress.of(family, high, low);
  }

  /** What the arrays hold. */
  long retainedBytes() {
    return 8L * (entries.length + nodes.length + roots.length)
        + 2L * (ports.length + rootPorts.length);
  }
}
