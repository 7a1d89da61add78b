package io.sluice.steering.map;

import io.sluice.steering.Errno;
import org.jspecify.annotations.Nullable;

/**
 * BPF_MAP_TYPE_PERCPU_HASH and BPF_MAP_TYPE_LRU_PERCPU_HASH: values by key, of which each event
 * loop has its own. Keys, limits and eviction are those of {@link HashTable}.
 *
 * <p>Updates write into the live values, a word of 8 bytes at a time. From outside, a value is
 * those of all loops, in their order, each rounded up to 8 bytes.
 */
public final class PerLoopHash extends BpfMap {
  private final EventLoops loops;
  private final KeyTable<MapValue[]> table; // under each key, a value of each loop

  /** A PERCPU_HASH without flags. */
  public PerLoopHash(int keySize, int valueSize, int maxEntries, EventLoops loops) {
    this(MapType.PERCPU_HASH, keySize, valueSize, maxEntries, 0, loops);
  }

  /**
   * A map as an object file declares it.
   *
   * @param type PERCPU_HASH or LRU_PERCPU_HASH
   * @param valueSize 1–{@link PerLoopArray#MAX_VALUE_SIZE} bytes
   * @param flags as a {@link HashTable} takes them
   * @throws IllegalArgumentException as {@link HashTable} does; E2BIG if the value is too large
   */
  public PerLoopHash(
      MapType type, int keySize, int valueSize, int maxEntries, int flags, EventLoops loops) {
    if (type != MapType.PERCPU_HASH && type != MapType.LRU_PERCPU_HASH) {
      throw invalid("type " + type + "; PERCPU_HASH and LRU_PERCPU_HASH are tables of this kind");
    }
    boolean evicts = type == MapType.LRU_PERCPU_HASH;
    HashTable.checkCreate(evicts, keySize, valueSize, maxEntries, flags);
    PerLoopArray.checkValueSize(valueSize);
    super(type, keySize, valueSize, maxEntries, flags);
    this.loops = loops;
    this.table = new KeyTable<>(keySize, maxEntries, evicts);
  }

  /**
   * What a program's lookup gives: the live value of the loop that it runs on, or null.
   *
   * @throws IllegalStateException if this is no loop's thread
   */
  public @Nullable MapValue lookup(byte[] key) {
    return lookup(key, PerLoopArray.current(loops));
  }

  /** The live value of a loop; null if there is no such key or loop (map_lookup_percpu_elem). */
  public @Nullable MapValue lookup(byte[] key, int loop) {
    checkKey(key);
    return of(table.use(key, 0), loop);
  }

  /** {@link #lookup(byte[])} with a key of at most 8 bytes as a little-endian number. */
  public @Nullable MapValue lookup(long key) {
    return of(table.use(key), PerLoopArray.current(loops));
  }

  private static @Nullable MapValue of(MapValue @Nullable [] values, int loop) {
    return values != null && loop >= 0 && loop < values.length ? values[loop] : null;
  }

  /** How many bytes a value has from outside: those of all loops. */
  public int totalValueSize() {
    return loops.count() * MapValue.words(valueSize()) * Long.BYTES;
  }

  /**
   * What a lookup from outside of programs gives: a copy of all loops' values.
   *
   * @param value receives it; of {@link #totalValueSize} bytes
   * @return 0, or -ENOENT
   */
  public int lookupCopy(byte[] key, byte[] value) {
    checkKey(key);
    checkValue(value, totalValueSize());
    return copy(table.get(key), value);
  }

  /**
   * A program's update: sets the value of the loop that it runs on. Under a new key, the other
   * loops' values are zeros.
   *
   * @param value of {@link #valueSize} bytes
   * @param flags one of {@link UpdateFlags}
   * @return 0, or negative, as {@link HashTable#update}
   * @throws IllegalStateException if this is no loop's thread
   */
  public int update(byte[] key, byte[] value, long flags) {
    return update(key, PerLoopArray.current(loops), value, flags);
  }

  /** {@link #update(byte[], byte[], long)} of the value of a loop, from any thread. */
  public int update(byte[] key, int loop, byte[] value, long flags) {
    checkKey(key);
    checkValue(value, valueSize());
    return update(key, flags, values -> values[loop].copyFrom(value, 0));
  }

  /**
   * An update from outside of programs: sets the values of all loops.
   *
   * @param value of {@link #totalValueSize} bytes
   * @param flags one of {@link UpdateFlags}
   * @return 0, or negative, as {@link HashTable#update}
   */
  public int updateAll(byte[] key, byte[] value, long flags) {
    checkKey(key);
    checkValue(value, totalValueSize());
    int length = value.length / loops.count();
    return update(
        key,
        flags,
        values -> {
          for (int loop = 0; loop < values.length; loop++) {
            values[loop].copyWordsFrom(value, loop * length);
          }
        });
  }

  private int update(byte[] key, long flags, Writing writing) {
    synchronized (table) {
      MapValue[] values = table.get(key);
      if (values == null) {
        values = new MapValue[loops.count()];
        for (int loop = 0; loop < values.length; loop++) {
          values[loop] = new MapValue(valueSize());
        }
        writing.into(values); // before anyone sees it
        return table.update(key, values, flags);
      }
      int error = table.update(key, values, flags);
      if (error == 0) {
        writing.into(values);
      }
      return error;
    }
  }

  private interface Writing {
    void into(MapValue[] values);
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
    checkValue(value, totalValueSize());
    return copy(table.remove(key), value);
  }

  private static int copy(MapValue @Nullable [] found, byte[] value) {
    if (found == null) {
      return Errno.ENOENT.negative();
    }
    for (int loop = 0; loop < found.length; loop++) {
      found[loop].copyWordsTo(value, loop * (value.length / found.length));
    }
    return 0;
  }

  /** Iterates as {@link HashTable#nextKey}. */
  public int nextKey(byte @Nullable [] key, byte[] next) {
    return keyAfter(table, key, next);
  }

  /** How many keys there are. */
  public int size() {
    return table.size();
  }
}
