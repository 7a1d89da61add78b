package io.sluice.steering.map;

import io.sluice.steering.Errno;
import org.jspecify.annotations.Nullable;

/**
 * BPF_MAP_TYPE_HASH and BPF_MAP_TYPE_LRU_HASH: values by keys of a fixed number of bytes
 * (kernel/bpf/hashtab.c).
 *
 * <p>An update puts a new value in the place of the old: who looks up gets either whole. Who holds
 * the old one keeps it, and what is written into it is lost.
 *
 * <p>A full HASH refuses new keys. A full LRU_HASH evicts: of its keys, in the order in which they
 * came, the first that has not been used since it came or was last spared; one that has been used
 * is spared and goes to the end. Use is a program's lookup, and an update of what is there. (The
 * kernel is as approximate, and evicts some keys ahead of need; here it is one for one.)
 */
public final class HashTable extends BpfMap {
  /** Key and value together have fewer bytes: the kernel's allocator ends there. */
  public static final int MAX_ENTRY_SIZE = 4 << 20;

  private final KeyTable<MapValue> table;

  /** A HASH without flags. */
  public HashTable(int keySize, int valueSize, int maxEntries) {
    this(MapType.HASH, keySize, valueSize, maxEntries, 0);
  }

  /**
   * A map as an object file declares it.
   *
   * @param type HASH or LRU_HASH
   * @param keySize at least 1 byte
   * @param valueSize at least 1 byte
   * @param maxEntries at least 1
   * @param flags of {@link CreateFlags}: ZERO_SEED, NUMA_NODE, those of access; NO_PREALLOC (HASH),
   *     NO_COMMON_LRU (LRU_HASH)
   * @throws IllegalArgumentException EINVAL otherwise; ENOTSUPP for an LRU_HASH with NO_PREALLOC;
   *     E2BIG if key and value have {@link #MAX_ENTRY_SIZE} bytes
   */
  public HashTable(MapType type, int keySize, int valueSize, int maxEntries, int flags) {
    if (type != MapType.HASH && type != MapType.LRU_HASH) {
      throw invalid("type " + type + "; HASH and LRU_HASH are tables of this kind");
    }
    boolean evicts = type == MapType.LRU_HASH;
    checkCreate(evicts, keySize, valueSize, maxEntries, flags);
    super(type, keySize, valueSize, maxEntries, flags);
    this.table = new KeyTable<>(keySize, maxEntries, evicts);
  }

  /** The checks of all hash maps, in the kernel's order. */
  static void checkCreate(boolean evicts, int keySize, int valueSize, int maxEntries, int flags) {
    int special =
        evicts ? CreateFlags.NO_COMMON_LRU | CreateFlags.NO_PREALLOC : CreateFlags.NO_PREALLOC;
    int _ =
        CreateFlags.check(
            flags, CreateFlags.ZERO_SEED | CreateFlags.NUMA_NODE | CreateFlags.ACCESS | special);
    if (evicts && (flags & CreateFlags.NO_PREALLOC) != 0) {
      throw new IllegalArgumentException("ENOTSUPP: an LRU hash can't be NO_PREALLOC");
    }
    checkAtLeastOne("entries:", maxEntries);
    checkAtLeastOne("key size", keySize);
    checkAtLeastOne("value size", valueSize);
    if ((long) keySize + valueSize >= MAX_ENTRY_SIZE) {
      throw tooBig("key and value of %d + %d bytes".formatted(keySize, valueSize));
    }
  }

  /** What a program's lookup gives: the live value, or null. */
  public @Nullable MapValue lookup(byte[] key) {
    checkKey(key);
    return table.use(key, 0);
  }

  /** {@link #lookup(byte[])} with a key that starts at {@code offset}. */
  public @Nullable MapValue lookup(byte[] bytes, int offset) {
    return table.use(bytes, offset);
  }

  /**
   * {@link #lookup(byte[])} with a key of at most 8 bytes as a number, whose lowest byte comes
   * first: programs need no array for it.
   */
  public @Nullable MapValue lookup(long key) {
    return table.use(key);
  }

  /**
   * What a lookup from outside of programs gives: a copy.
   *
   * @param value receives it; of {@link #valueSize} bytes
   * @return 0, or -ENOENT
   */
  public int lookupCopy(byte[] key, byte[] value) {
    checkKey(key);
    checkValue(value, valueSize());
    return copy(table.get(key), value);
  }

  /**
   * Puts a value under a key, atomically. Both are copied.
   *
   * @param flags one of {@link UpdateFlags}
   * @return 0, or negative, checked in this order: EINVAL (flags), EEXIST, ENOENT, E2BIG (a new
   *     key, and a HASH is full)
   */
  public int update(byte[] key, byte[] value, long flags) {
    checkKey(key);
    checkValue(value, valueSize());
    return table.update(key, MapValue.of(value, 0, valueSize()), flags);
  }

  /**
   * Removes a key.
   *
   * @return 0, or -ENOENT
   */
  public int delete(byte[] key) {
    checkKey(key);
    return table.remove(key) == null ? Errno.ENOENT.negative() : 0;
  }

  /** Removes a key and copies what it led to; one that is missing is -ENOENT. */
  public int lookupAndDelete(byte[] key, byte[] value) {
    checkKey(key);
    checkValue(value, valueSize());
    return copy(table.remove(key), value);
  }

  private static int copy(@Nullable MapValue found, byte[] value) {
    if (found == null) {
      return Errno.ENOENT.negative();
    }
    found.copyTo(value, 0);
    return 0;
  }

  /**
   * Iterates over the keys, in the order of the buckets.
   *
   * @param key where the caller is; null, or one that isn't there, starts at the beginning
   * @param next receives the next key
   * @return 0, or -ENOENT after the last
   */
  public int nextKey(byte @Nullable [] key, byte[] next) {
    return keyAfter(table, key, next);
  }

  /** How many entries there are. */
  public int size() {
    return table.size();
  }
}
