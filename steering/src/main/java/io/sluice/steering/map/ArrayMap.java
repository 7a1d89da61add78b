package io.sluice.steering.map;

import io.sluice.steering.Errno;
import org.jspecify.annotations.Nullable;

/**
 * BPF_MAP_TYPE_ARRAY: values by index, all there from the beginning, as zeros, and never deleted
 * (kernel/bpf/arraymap.c).
 *
 * <p>Updates write into the live value, a word of 8 bytes at a time.
 */
public final class ArrayMap extends BpfMap {
  private static final int FLAGS =
      CreateFlags.NUMA_NODE | CreateFlags.MMAPABLE | CreateFlags.INNER_MAP | CreateFlags.ACCESS;

  private final MapValue[] values;

  /** A map without flags. */
  public ArrayMap(int valueSize, int maxEntries) {
    this(Integer.BYTES, valueSize, maxEntries, 0);
  }

  /**
   * A map as an object file declares it.
   *
   * @param keySize 4
   * @param valueSize at least 1 byte
   * @param maxEntries at least 1
   * @param flags of {@link CreateFlags}: all but NO_PREALLOC, NO_COMMON_LRU and ZERO_SEED
   * @throws IllegalArgumentException EINVAL otherwise; ENOMEM if all values together have 16 GiB
   */
  public ArrayMap(int keySize, int valueSize, int maxEntries, int flags) {
    checkSizes(keySize, valueSize, maxEntries);
    super(MapType.ARRAY, keySize, valueSize, maxEntries, CreateFlags.check(flags, FLAGS));
    this.values = values(valueSize, maxEntries);
  }

  static void checkSizes(int keySize, int valueSize, int maxEntries) {
    checkAtLeastOne("entries:", maxEntries);
    checkIndexKey(keySize);
    checkAtLeastOne("value size", valueSize);
  }

  /** Zeros for each index. */
  static MapValue[] values(int valueSize, int maxEntries) {
    int words = MapValue.words(valueSize);
    if ((long) words * maxEntries > Integer.MAX_VALUE - Long.BYTES) {
      throw new IllegalArgumentException(
          "ENOMEM: %d values of %d bytes".formatted(maxEntries, valueSize));
    }
    long[] all = new long[words * maxEntries];
    MapValue[] values = new MapValue[maxEntries];
    for (int index = 0; index < maxEntries; index++) {
      values[index] = new MapValue(all, index * words, valueSize);
    }
    return values;
  }

  /** What a program's lookup gives: the live value, or null if the index is out of range. */
  public @Nullable MapValue lookup(int index) {
    return has(index) ? values[index] : null;
  }

  /**
   * What a lookup from outside of programs gives: a copy.
   *
   * @param value receives it; of {@link #valueSize} bytes
   * @return 0, or -ENOENT if the index is out of range
   */
  public int lookupCopy(int index, byte[] value) {
    checkValue(value, valueSize());
    if (!has(index)) {
      return Errno.ENOENT.negative();
    }
    values[index].copyTo(value, 0);
    return 0;
  }

  /**
   * Overwrites a value.
   *
   * @param flags one of {@link UpdateFlags}
   * @return 0, or negative, checked in this order: EINVAL (flags), E2BIG (index), EEXIST (NOEXIST:
   *     every index exists)
   */
  public int update(int index, byte[] value, long flags) {
    checkValue(value, valueSize());
    int error = checkArrayUpdate(index, flags);
    if (error == 0) {
      values[index].copyFrom(value, 0);
    }
    return error;
  }

  /** Always -EINVAL: an array's entries can't be deleted. */
  public int delete(int index) {
    return Errno.EINVAL.negative();
  }

  /** Always -ENOTSUPP. */
  public int lookupAndDelete(int index, byte[] value) {
    return Errno.ENOTSUPP.negative();
  }

  /**
   * Iterates: every index.
   *
   * @param index where the caller is; one out of range, like -1, starts at the beginning
   * @return the next index, or -ENOENT after the last
   */
  public int nextKey(int index) {
    return indexAfter(index);
  }
}
