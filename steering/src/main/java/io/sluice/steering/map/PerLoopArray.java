package io.sluice.steering.map;

import io.sluice.steering.Errno;
import org.jspecify.annotations.Nullable;

/**
 * BPF_MAP_TYPE_PERCPU_ARRAY: values by index, of which each event loop has its own, so that loops
 * count without taking cache lines from each other.
 *
 * <p>From outside, a value is those of all loops, in their order, each rounded up to 8 bytes.
 */
public final class PerLoopArray extends BpfMap {
  /** The largest value of a per-loop map, rounded up to 8 bytes. */
  public static final int MAX_VALUE_SIZE = 32 << 10;

  private static final int FLAGS = CreateFlags.NUMA_NODE | CreateFlags.ACCESS;

  private final EventLoops loops;
  private final MapValue[][] values; // of each loop

  /** A map without flags. */
  public PerLoopArray(int valueSize, int maxEntries, EventLoops loops) {
    this(Integer.BYTES, valueSize, maxEntries, 0, loops);
  }

  /**
   * A map as an object file declares it.
   *
   * @param keySize 4
   * @param valueSize 1–{@value #MAX_VALUE_SIZE} bytes
   * @param maxEntries at least 1
   * @param flags of {@link CreateFlags}: NUMA_NODE and those of access
   * @throws IllegalArgumentException EINVAL otherwise; E2BIG if the value is too large; ENOMEM if
   *     all values of a loop have 16 GiB
   */
  public PerLoopArray(int keySize, int valueSize, int maxEntries, int flags, EventLoops loops) {
    ArrayMap.checkSizes(keySize, valueSize, maxEntries);
    int checked = CreateFlags.check(flags, FLAGS);
    checkValueSize(valueSize);
    super(MapType.PERCPU_ARRAY, keySize, valueSize, maxEntries, checked);
    this.loops = loops;
    this.values = new MapValue[loops.count()][];
    for (int loop = 0; loop < values.length; loop++) {
      values[loop] = ArrayMap.values(valueSize, maxEntries);
    }
  }

  static void checkValueSize(int valueSize) {
    if (valueSize > MAX_VALUE_SIZE) {
      throw tooBig("value size " + valueSize + "; per loop it is at most " + MAX_VALUE_SIZE);
    }
  }

  /**
   * What a program's lookup gives: the live value of the loop that it runs on, or null if the index
   * is out of range.
   *
   * @throws IllegalStateException if this is no loop's thread
   */
  public @Nullable MapValue lookup(int index) {
    return lookup(index, current(loops));
  }

  /** The live value of a loop; null if there is no such index or loop (map_lookup_percpu_elem). */
  public @Nullable MapValue lookup(int index, int loop) {
    return has(index) && loop >= 0 && loop < values.length ? values[loop][index] : null;
  }

  /** How many bytes a value has from outside: those of all loops. */
  public int totalValueSize() {
    return values.length * MapValue.words(valueSize()) * Long.BYTES;
  }

  /**
   * What a lookup from outside of programs gives: a copy of all loops' values.
   *
   * @param value receives it; of {@link #totalValueSize} bytes
   * @return 0, or -ENOENT if the index is out of range
   */
  public int lookupCopy(int index, byte[] value) {
    checkValue(value, totalValueSize());
    if (!has(index)) {
      return Errno.ENOENT.negative();
    }
    for (int loop = 0; loop < values.length; loop++) {
      values[loop][index].copyWordsTo(value, loop * (value.length / values.length));
    }
    return 0;
  }

  /**
   * A program's update: overwrites the value of the loop that it runs on.
   *
   * @param value of {@link #valueSize} bytes
   * @param flags one of {@link UpdateFlags}
   * @return 0, or negative, as {@link ArrayMap#update}
   * @throws IllegalStateException if this is no loop's thread
   */
  public int update(int index, byte[] value, long flags) {
    return update(index, current(loops), value, flags);
  }

  /** {@link #update(int, byte[], long)} of the value of a loop, from any thread. */
  public int update(int index, int loop, byte[] value, long flags) {
    checkValue(value, valueSize());
    int error = checkArrayUpdate(index, flags);
    if (error == 0) {
      values[loop][index].copyFrom(value, 0);
    }
    return error;
  }

  /**
   * An update from outside of programs: overwrites the values of all loops.
   *
   * @param value of {@link #totalValueSize} bytes
   * @param flags one of {@link UpdateFlags}
   * @return 0, or negative, as {@link ArrayMap#update}
   */
  public int updateAll(int index, byte[] value, long flags) {
    checkValue(value, totalValueSize());
    int error = checkArrayUpdate(index, flags);
    for (int loop = 0; error == 0 && loop < values.length; loop++) {
      values[loop][index].copyWordsFrom(value, loop * (value.length / values.length));
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

  /** Iterates as {@link ArrayMap#nextKey}. */
  public int nextKey(int index) {
    return indexAfter(index);
  }

  static int current(EventLoops loops) {
    int loop = loops.current();
    if (loop < 0) {
      throw new IllegalStateException(Thread.currentThread() + " is not an event loop's thread");
    }
    return loop;
  }
}
