package io.sluice.steering.map;

import io.sluice.steering.Errno;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * BPF_MAP_TYPE_LPM_TRIE: values by prefixes, of which a lookup finds the longest that matches
 * (kernel/bpf/lpm_trie.c).
 *
 * <pre>
 *   key    0               4                       4 + n
 *          | prefix length | data, 1–256 bytes     |
 *            little-endian   most significant first, as an address in network order
 * </pre>
 *
 * <p>The prefix length is in host byte order, which is little-endian wherever this runs. Data bits
 * behind it don't count, but are kept as they were given.
 */
public final class LpmTrie extends BpfMap {
  /*
   * A binary trie with compressed paths. A node's prefix is longer than its parent's; the first bit
   * behind the parent's prefix says on which side it is. A node without a value only branches: it
   * has two children, no data of its own worth showing, and doesn't count as an entry.
   *
   * Writers hold the monitor of this. Readers follow volatile links: a node that goes in or out is
   * linked by one write, and keeps its own links, so that a reader who stands on it goes on.
   */

  private static final int MAX_DATA_SIZE = 256;
  private static final int FLAGS =
      CreateFlags.NO_PREALLOC | CreateFlags.NUMA_NODE | CreateFlags.ACCESS;
  private static final byte[] NOTHING = {};

  private final int dataSize;
  private final int maxPrefixLength;
  private final Node top; // of no prefix; its child 0 is the root
  private int size; // guarded by this

  private static final class Node {
    final int prefixLength;
    final byte[] data;
    final long high; // the first 8 bytes of data, then the next: most prefixes have no more
    final long low;
    volatile @Nullable MapValue value;
    volatile @Nullable Node zero;
    volatile @Nullable Node one;

    Node(int prefixLength, byte[] data, @Nullable MapValue value) {
      this.prefixLength = prefixLength;
      this.data = data;
      this.high = word(data, 0, 0, data.length);
      this.low = word(data, 0, 8, data.length);
      this.value = value;
    }

    @Nullable Node child(int side) {
      return side == 0 ? zero : one;
    }

    void child(int side, @Nullable Node child) {
      if (side == 0) {
        zero = child;
      } else {
        one = child;
      }
    }
  }

  /** A trie with no other flag than NO_PREALLOC. */
  public LpmTrie(int keySize, int valueSize, int maxEntries) {
    this(keySize, valueSize, maxEntries, CreateFlags.NO_PREALLOC);
  }

  /**
   * A trie as an object file declares it.
   *
   * @param keySize 5–260: 4 bytes of prefix length, and the data
   * @param valueSize at least 1 byte
   * @param maxEntries at least 1
   * @param flags of {@link CreateFlags}: NO_PREALLOC, which is required; NUMA_NODE and those of
   *     access
   * @throws IllegalArgumentException EINVAL otherwise
   */
  public LpmTrie(int keySize, int valueSize, int maxEntries, int flags) {
    checkAtLeastOne("entries:", maxEntries);
    if ((flags & CreateFlags.NO_PREALLOC) == 0) {
      throw invalid("flags 0x%x; a trie is NO_PREALLOC".formatted(flags));
    }
    int checked = CreateFlags.check(flags, FLAGS);
    if (keySize <= Integer.BYTES || keySize > Integer.BYTES + MAX_DATA_SIZE) {
      throw invalid("key size " + keySize + "; a trie's is 5–260");
    }
    checkAtLeastOne("value size", valueSize);
    if ((long) keySize + valueSize >= HashTable.MAX_ENTRY_SIZE) {
      throw invalid("value size " + valueSize + "; key and value have less than 4 MiB");
    }
    super(MapType.LPM_TRIE, keySize, valueSize, maxEntries, checked);
    this.dataSize = keySize - Integer.BYTES;
    this.maxPrefixLength = dataSize * Byte.SIZE;
    this.top = new Node(0, NOTHING, null);
  }

  /** What a program's lookup gives: the live value of the longest matching prefix, or null. */
  public @Nullable MapValue lookup(byte[] key) {
    checkKey(key);
    return lookup(key, 0);
  }

  /**
   * {@link #lookup(byte[])} with a key that starts at {@code offset}. Prefixes longer than the
   * key's are not considered; a key that says more than there are bits finds nothing.
   */
  public @Nullable MapValue lookup(byte[] bytes, int offset) {
    int data = offset + Integer.BYTES;
    return find(
        prefixLength(bytes, offset),
        word(bytes, data, 0, dataSize),
        word(bytes, data, 8, dataSize),
        bytes,
        data);
  }

  /** Looks an IPv4 address up, as the context has it, in a trie of 8-byte keys. */
  public @Nullable MapValue lookupIpv4(int address) {
    checkDataSize(Integer.BYTES);
    return find(Integer.SIZE, (long) address << 32, 0, NOTHING, 0);
  }

  /** Looks an IPv6 address up, as the context has it, in a trie of 20-byte keys. */
  public @Nullable MapValue lookupIpv6(long high, long low) {
    checkDataSize(2 * Long.BYTES);
    return find(2 * Long.SIZE, high, low, NOTHING, 0);
  }

  private void checkDataSize(int expected) {
    if (dataSize != expected) {
      throw new IllegalArgumentException(
          "an address of " + expected + " bytes; keys have " + dataSize + " behind the length");
    }
  }

  private @Nullable MapValue find(int length, long high, long low, byte[] bytes, int data) {
    MapValue found = null;
    if (length < 0 || length > maxPrefixLength) {
      return found;
    }
    Node node = top.zero;
    while (node != null && matches(node, length, high, low, bytes, data)) {
      MapValue value = node.value;
      found = value == null ? found : value;
      if (node.prefixLength == length) {
        break;
      }
      int bit = node.prefixLength;
      // The first 16 bytes are in the words, which a program's address has only.
      node =
          node.child(
              bit < 64 ? side(high, bit) : bit < 128 ? side(low, bit) : side(bytes, data, bit));
    }
    return found;
  }

  private static boolean matches(
      Node node, int length, long high, long low, byte[] bytes, int data) {
    int bits = node.prefixLength;
    if (bits > length) {
      return false;
    }
    if (bits <= 64) {
      return bits == 0 || (node.high ^ high) >>> 64 - bits == 0;
    }
    if (node.high != high || (node.low ^ low) >>> Math.max(0, 128 - bits) != 0) {
      return false;
    }
    return bits <= 128 || matched(node.data, bytes, data, bits) == bits;
  }

  /** How many of the first {@code limit} bits are equal. */
  private static int matched(byte[] a, byte[] b, int offset, int limit) {
    for (int bit = 0; bit < limit; bit += Byte.SIZE) {
      int different = (a[bit >> 3] ^ b[offset + (bit >> 3)]) & 0xff;
      if (different != 0) {
        return Math.min(limit, bit + Integer.numberOfLeadingZeros(different) - 24);
      }
    }
    return limit;
  }

  private static int side(long word, int bit) {
    return (int) (word >>> (63 - (bit & 63))) & 1;
  }

  private static int side(byte[] data, int offset, int bit) {
    return data[offset + (bit >> 3)] >>> (7 - (bit & 7)) & 1;
  }

  /** 8 bytes from {@code from}, most significant first; what the data doesn't have is zeros. */
  private static long word(byte[] bytes, int data, int from, int dataSize) {
    long word = 0;
    for (int i = from; i < from + Long.BYTES; i++) {
      word = word << 8 | (i < dataSize ? bytes[data + i] & 0xff : 0);
    }
    return word;
  }

  private static byte[] data(byte[] key) {
    return Arrays.copyOfRange(key, Integer.BYTES, key.length);
  }

  private static int prefixLength(byte[] key, int offset) {
    return (key[offset] & 0xff)
        | (key[offset + 1] & 0xff) << 8
        | (key[offset + 2] & 0xff) << 16
        | key[offset + 3] << 24;
  }

  /**
   * What a lookup from outside of programs gives: a copy.
   *
   * @param value receives it; of {@link #valueSize} bytes
   * @return 0, or -ENOENT
   */
  public int lookupCopy(byte[] key, byte[] value) {
    checkValue(value, valueSize());
    MapValue found = lookup(key);
    if (found == null) {
      return Errno.ENOENT.negative();
    }
    found.copyTo(value, 0);
    return 0;
  }

  /**
   * Puts a value under a prefix, atomically. Both are copied.
   *
   * @param flags one of {@link UpdateFlags}
   * @return 0, or negative, checked in this order: EINVAL (flags, then the prefix length), EEXIST,
   *     ENOENT, ENOSPC (a new prefix, and the trie is full)
   */
  public int update(byte[] key, byte[] value, long flags) {
    checkKey(key);
    checkValue(value, valueSize());
    int length = prefixLength(key, 0);
    if (!UpdateFlags.areValid(flags) || length < 0 || length > maxPrefixLength) {
      return Errno.EINVAL.negative();
    }
    return insert(new Node(length, data(key), MapValue.of(value, 0, valueSize())), flags);
  }

  private synchronized int insert(Node fresh, long flags) {
    Deque<Node> path = path(fresh.prefixLength, fresh.data);
    Node node = path.pop();
    boolean isSame = node != top && node.prefixLength == fresh.prefixLength;
    boolean isThere = isSame && node.value != null;
    int error = SocketMapRules.checkExistence(isThere, flags);
    if (error != 0) {
      return error;
    }
    if (!isThere && size == maxEntries()) {
      return Errno.ENOSPC.negative();
    }
    size += isThere ? 0 : 1;
    if (isSame) {
      fresh.zero = node.zero;
      fresh.one = node.one;
      replace(path.element(), node, fresh);
      return 0;
    }
    int side = node == top ? 0 : side(fresh.data, 0, node.prefixLength);
    Node below = node.child(side);
    if (below == null) {
      node.child(side, fresh);
      return 0;
    }
    int common =
        matched(below.data, fresh.data, 0, Math.min(below.prefixLength, fresh.prefixLength));
    Node joint = fresh;
    if (common < fresh.prefixLength) { // neither is within the other
      joint = new Node(common, below.data, null);
      joint.child(side(fresh.data, 0, common), fresh);
    }
    joint.child(side(below.data, 0, common), below);
    node.child(side, joint);
    return 0;
  }

  /**
   * Removes exactly this prefix; those within it stay.
   *
   * @return 0, or negative: EINVAL (the prefix length), ENOENT
   */
  public synchronized int delete(byte[] key) {
    checkKey(key);
    int length = prefixLength(key, 0);
    if (length < 0 || length > maxPrefixLength) {
      return Errno.EINVAL.negative();
    }
    Deque<Node> path = path(length, data(key));
    Node node = path.pop();
    if (node == top || node.prefixLength != length || node.value == null) {
      return Errno.ENOENT.negative();
    }
    size--;
    Node zero = node.zero;
    Node one = node.one;
    if (zero != null && one != null) {
      node.value = null; // it goes on branching
      return 0;
    }
    Node parent = path.pop();
    Node rest = zero != null ? zero : one;
    replace(parent, node, rest);
    if (rest == null && parent != top && parent.value == null) { // nothing left to branch
      replace(path.element(), parent, parent.zero != null ? parent.zero : parent.one);
    }
    return 0;
  }

  /** Always -ENOTSUPP. */
  public int lookupAndDelete(byte[] key, byte[] value) {
    return Errno.ENOTSUPP.negative();
  }

  /**
   * Iterates over the prefixes: those within one come before it, those that go on with a 0 bit
   * before those with a 1.
   *
   * @param key where the caller is; null, or one that isn't there, starts at the beginning
   * @param next receives the next key, with the data bits behind the prefix as they were given
   * @return 0, or -ENOENT after the last
   */
  public synchronized int nextKey(byte @Nullable [] key, byte[] next) {
    checkKey(next);
    Node found = null;
    Node root = top.zero;
    if (key != null) {
      checkKey(key);
      int length = prefixLength(key, 0);
      Deque<Node> path = path(Math.min(length, maxPrefixLength), data(key));
      Node at = path.pop();
      if (at != top && at.prefixLength == length && at.value != null) {
        found = after(at, path);
        if (found == null) {
          return Errno.ENOENT.negative();
        }
      }
    }
    if (found == null) {
      if (root == null) {
        return Errno.ENOENT.negative();
      }
      found = deepest(root);
    }
    ByteBuffer.wrap(next).order(ByteOrder.LITTLE_ENDIAN).putInt(found.prefixLength).put(found.data);
    return 0;
  }

  /** The next node with a value in post-order; null after the last. */
  private @Nullable Node after(Node node, Deque<Node> above) {
    Node at = node;
    while (above.peek() != top) {
      Node parent = above.pop();
      Node other = parent.one;
      if (parent.zero == at && other != null) {
        return deepest(other);
      }
      if (parent.value != null) {
        return parent;
      }
      at = parent;
    }
    return null;
  }

  /** The first node of a subtree in post-order: a leaf, and so one with a value. */
  private static Node deepest(Node root) {
    Node node = root;
    while (true) {
      Node below = node.zero != null ? node.zero : node.one;
      if (below == null) {
        return node;
      }
      node = below;
    }
  }

  /** How many prefixes there are. */
  public synchronized int size() {
    return size;
  }

  /** The nodes whose prefixes are within one another, and this one within them; longest first. */
  private Deque<Node> path(int length, byte[] data) {
    Deque<Node> path = new ArrayDeque<>();
    path.push(top);
    Node node = top.zero;
    while (node != null
        && node.prefixLength <= length
        && matched(node.data, data, 0, node.prefixLength) == node.prefixLength) {
      path.push(node);
      node = node.prefixLength == length ? null : node.child(side(data, 0, node.prefixLength));
    }
    return path;
  }

  private static void replace(Node parent, Node child, @Nullable Node other) {
    parent.child(parent.zero == child ? 0 : 1, other);
  }
}
