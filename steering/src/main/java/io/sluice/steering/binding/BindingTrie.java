package io.sluice.steering.binding;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import java.util.Arrays;

/**
 * The bindings of one family and protocol, compiled for lookup: one trie over their prefixes, of
 * which each knows the ports that it is bound with. Immutable.
 */
final class BindingTrie {
  /*
   * A level- and path-compressed trie: S. Nilsson, G. Karlsson, "IP-Address Lookup Using LC-Tries",
   * IEEE JSAC 17(6), 1999. Linux's FIB (net/ipv4/fib_trie.c) is one too.
   *
   * The prefixes lie in "entries", sorted by address and length. So a prefix stands behind those
   * that enclose it, of which "up" is the nearest:
   *
   *   entry        0 (none)    1              2              3              4
   *   prefix       any         10.0.0.0/8     10.1.0.0/16    10.1.2.0/24    10.9.0.0/16
   *   up           0           0              1              2              1
   *
   *   IPv4 │ address, 32 bits; up │ link │
   *   IPv6 │ address, 64 bits     │ link │ the other 64 bits │ up │
   *
   *   link   63 62    56 55       48 47       32 31             0
   *         ┌──┬────────┬───────────┬───────────┬────────────────┐
   *   one   │ 0│        │ length    │ port or 0 │ binding + 1    │   the prefix has one binding
   *   many  │ 1│        │ length    │           │ place in ports │   or several
   *         └──┴────────┴───────────┴───────────┴────────────────┘
   *
   * Over the entries stand nodes, each an array of 2^bits words that is indexed by the address's
   * bits behind the first "skip" ones. Those are the same in all entries below the node.
   *
   *   word   63 62    56 55       48 47      32 31               0
   *         ┌──┬────────┬───────────┬──────────┬──────────────────┐
   *   node  │ 1│ skip   │ bits      │          │ place in "nodes" │
   *   leaf  │ 0│        │ last-first│          │ first entry      │
   *         └──┴────────┴───────────┴──────────┴──────────────────┘
   *
   * A lookup goes down to a leaf and takes its last entry that isn't above the address, or its
   * first. From there it goes up to the first prefix that contains the address and takes the port.
   * Skipped bits need no look: whatever contains the packet's address and isn't below a node that
   * was passed encloses everything below it. (So an index that no entry has may lead to any entry
   * below the node that isn't above it, or to the first.)
   *
   * Cost: what a lookup waits for is memory, and branches that can't be foreseen. A slot of a node
   * stands for one or two entries if the addresses are spread evenly, so most lookups wait twice,
   * for a slot and for the entries beside each other that it leads to, even with a million bindings;
   * and in the leaf nothing branches. At worst each node uses one bit and each step up shortens the
   * prefix by one: 32 + 33 steps for IPv4, 128 + 129 for IPv6, however many bindings there are.
   */
  private static final long MANY = 1L << 63;
  private static final int LENGTH_SHIFT = 48;
  private static final int PORT_SHIFT = 32;

  private static final long NODE = 1L << 63;
  private static final int SKIP_SHIFT = 56;
  private static final int BITS_SHIFT = 48;
  private static final int SPAN_SHIFT = 48;

  private static final int LEAF_SIZE = 4;
  private static final int MAX_BITS = 20;

  /** How many bindings fit. */
  static final int MAX_SIZE = (1 << 28) - 1;

  private final Family family;
  private final boolean wide; // an entry has the other 64 bits too
  private final int stride; // of entries
  private final long[] entries;
  private final PortTables ports = new PortTables();
  private long[] nodes = new long[0];
  private int nodesUsed;
  private final long root;

  /**
   * Compiles the bindings of one space.
   *
   * @param places receives by binding index: {@code tag}, and in the free bits the entry
   */
  BindingTrie(BindingColumns columns, int[] places, int tag) {
    int[] order = columns.distinctOrder();
    family = columns.family;
    wide = family == Family.IPV6;
    stride = wide ? 4 : 2;
    entries = new long[stride * (columns.prefixes(order) + 1)]; // 0: contains all, has no binding
    int at = 0;
    for (int from = 0, to; from < order.length; from = to) {
      int row = order[from];
      for (to = from; to < order.length && columns.samePrefix(row, order[to]); to++) {
        places[columns.index(order[to])] = tag | at / stride + 1;
      }
      long high = columns.high(row);
      long low = columns.low(row);
      int up = containing(at, high, low) / stride;
      at += stride;
      entries[at] = wide ? high : high | up; // an IPv4 address leaves half of it free
      entries[at + 1] =
          (long) columns.length(row) << LENGTH_SHIFT | ports(columns, order, from, to);
      if (wide) {
        entries[at + 2] = low;
        entries[at + 3] = up;
      }
    }
    root = at == 0 ? leaf(0, 0) : build(stride, at);
    nodes = Arrays.copyOf(nodes, nodesUsed);
    ports.trim();
  }

  /** A link without its length, for the bindings of one prefix. */
  private long ports(BindingColumns columns, int[] order, int from, int to) {
    int row = order[from];
    return to - from == 1
        ? (long) columns.port(row) << PORT_SHIFT | columns.index(row) + 1
        : MANY | ports.add(columns, order, from, to);
  }

  /** The word for the entries from {@code first} to {@code last}, both included. */
  private long build(int first, int last) {
    int count = (last - first) / stride + 1;
    int skip = shared(first, high(last), low(last));
    if (skip >= family.bits()) {
      return leaf(last, last); // all have the same address: start from the longest
    }
    if (count <= LEAF_SIZE) {
      return leaf(first, last);
    }
    int bitsLeft = wide ? 64 - skip % 64 : 32 - skip; // a node's bits lie in one half
    int bits = Math.min(Math.min(log2(count), MAX_BITS), bitsLeft);
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
   * The index of the binding that wins, or -1: the longest prefix, and at equal length the exact
   * port before any. Allocates nothing.
   *
   * @param high an IPv4 address has its bits here, leading
   */
  int match(long high, long low, int port) {
    int at = deepest(high, low);
    int shared = shared(at, high, low);
    while (true) {
      long link = entries[at + 1];
      if (length(link) <= shared) {
        int index = index(link, port);
        if (index >= 0 || at == 0) {
          return index;
        }
      }
      at = up(at);
    }
  }

  /**
   * The best match of a lower rank. A rank is {@code length << 1}, and one more for the exact port:
   * the better match has the higher one. Allocates nothing.
   *
   * @return {@code rank << 32 | index}, or -1
   */
  long best(long high, long low, int port, int belowRank) {
    for (int at = containing(deepest(high, low), high, low); at != 0; at = up(at)) {
      long link = entries[at + 1];
      int rank = length(link) << 1;
      if (rank < belowRank) {
        int any = index(link, Binding.ANY_PORT);
        int index = index(link, port);
        if (index >= 0 && index != any && rank + 1 < belowRank) {
          return (long) (rank + 1) << 32 | index;
        }
        if (any >= 0) {
          return (long) rank << 32 | any;
        }
      }
    }
    return -1;
  }

  /** The index of the binding of exactly this prefix and port, or -1. */
  int find(long high, long low, int length, int port) {
    int at = containing(deepest(high, low), high, low);
    while (length(entries[at + 1]) > length) {
      at = up(at);
    }
    long link = entries[at + 1];
    if (at == 0 || length(link) != length) {
      return -1;
    }
    int any = index(link, Binding.ANY_PORT);
    int index = index(link, port);
    return port == Binding.ANY_PORT || index != any ? index : -1;
  }

  /** The last entry that isn't above the address, or one that the same prefixes enclose. */
  private int deepest(long high, long low) {
    long word = root;
    while (word < 0) {
      int skip = (int) (word >>> SKIP_SHIFT) & 0x7f;
      int bits = (int) (word >>> BITS_SHIFT);
      word = nodes[(int) word + slice(high, low, skip, bits)];
    }
    int first = (int) word;
    int last = first + (int) (word >>> SPAN_SHIFT);
    return wide ? atMostWide(first, last, high, low) : atMost(first, last, high);
  }

  // Which entry it is can't be foreseen, so there is no branch: all are compared.

  private int atMost(int first, int last, long high) {
    long address = high | 0xffff_ffffL; // no "up" makes an entry greater
    int above =
        above(entries[Math.min(first + 2, last)], address)
            + above(entries[Math.min(first + 4, last)], address)
            + above(entries[Math.min(first + 6, last)], address);
    return Math.min(first + 2 * (LEAF_SIZE - 1 - above), last);
  }

  private int atMostWide(int first, int last, long high, long low) {
    int above =
        above(Math.min(first + 4, last), high, low)
            + above(Math.min(first + 8, last), high, low)
            + above(Math.min(first + 12, last), high, low);
    return Math.min(first + 4 * (LEAF_SIZE - 1 - above), last);
  }

  private int above(int at, long high, long low) {
    long entry = entries[at];
    return above(entry, high) | above(entries[at + 2], low) & ifZero(entry ^ high);
  }

  /** 1 if the entry is greater, else 0; the compiler makes no branch of it. */
  private static int above(long entry, long address) {
    return Long.compareUnsigned(entry, address) > 0 ? 1 : 0;
  }

  /** From an entry up to the first whose prefix contains the address; 0 if none does. */
  private int containing(int entry, long high, long low) {
    int shared = shared(entry, high, low);
    int at = entry;
    while (length(entries[at + 1]) > shared) {
      at = up(at);
    }
    return at;
  }

  private int up(int at) {
    return (wide ? (int) entries[at + 3] : (int) entries[at]) * stride;
  }

  /** The index of the binding that takes a port, or -1. */
  private int index(long link, int port) {
    if (link < 0) {
      return ports.index((int) link, port);
    }
    int bound = (int) (link >>> PORT_SHIFT) & 0xffff;
    return bound * (bound ^ port) == 0 ? (int) link - 1 : -1; // any or this: one branch for both
  }

  private static int length(long link) {
    return (int) (link >>> LENGTH_SHIFT) & 0xff;
  }

  /** The bits behind the first {@code skip}; they lie in one half. */
  private static int slice(long high, long low, int skip, int bits) {
    return (int) ((skip < 64 ? high : low) << skip >>> -bits); // shifts count modulo 64
  }

  private long high(int at) {
    return wide ? entries[at] : entries[at] & -1L << 32;
  }

  private long low(int at) {
    return wide ? entries[at + 2] : 0;
  }

  /** How many leading bits an entry's address shares with this one; at least 32 if all of IPv4. */
  private int shared(int at, long high, long low) {
    long difference = high(at) ^ high;
    int shared = Long.numberOfLeadingZeros(difference);
    return wide ? shared + (Long.numberOfLeadingZeros(low(at) ^ low) & ifZero(difference)) : shared;
  }

  /** All bits if it is 0, else none. */
  private static int ifZero(long number) {
    return (int) ((number | -number) >>> 63) - 1;
  }

  private static int log2(int number) {
    return 31 - Integer.numberOfLeadingZeros(number);
  }

  IpPrefix prefix(int entry) {
    int at = entry * stride;
    return new IpPrefix(address(family, high(at), low(at)), length(entries[at + 1]));
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
    return 8L * (entries.length + nodes.length) + ports.retainedBytes();
  }
}
