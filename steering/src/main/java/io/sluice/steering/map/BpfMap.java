package io.sluice.steering.map;

import io.sluice.steering.Errno;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * What all maps have: kind, sizes, flags and an id, which don't change.
 *
 * <p>Programs look up, which neither blocks nor allocates; any thread may write. Operations answer
 * 0 or a negative {@link Errno}. A constructor that is given what the kernel wouldn't create throws
 * an {@link IllegalArgumentException} whose message begins with the kernel's errno. A key or value
 * of a wrong length is a programmer's error, and throws too.
 */
public abstract sealed class BpfMap
    permits ArrayMap,
        ArrayOfMaps,
        HashOfMaps,
        HashTable,
        LpmTrie,
        PerLoopArray,
        PerLoopHash,
        ReuseportSockArray,
        SockHash,
        SockMap {
  private static final AtomicInteger LAST_ID = new AtomicInteger();

  private final MapType type;
  private final int keySize;
  private final int valueSize;
  private final int maxEntries;
  private final int flags;
  private final int id = LAST_ID.incrementAndGet();

  BpfMap(MapType type, int keySize, int valueSize, int maxEntries, int flags) {
    this.type = type;
    this.keySize = keySize;
    this.valueSize = valueSize;
    this.maxEntries = maxEntries;
    this.flags = flags;
  }

  public final MapType type() {
    return type;
  }

  /** In bytes. */
  public final int keySize() {
    return keySize;
  }

  /** In bytes. */
  public final int valueSize() {
    return valueSize;
  }

  public final int maxEntries() {
    return maxEntries;
  }

  /** The {@link CreateFlags} that it was created with. */
  public final int flags() {
    return flags;
  }

  /** A number that no other map of this process has; positive. */
  public final int id() {
    return id;
  }

  /** Whether an index is one of a map whose keys are indexes. */
  final boolean has(int index) {
    return index >= 0 && index < maxEntries;
  }

  /** The index after another, as all maps with indexes iterate: -ENOENT after the last. */
  final int indexAfter(int index) {
    if (!has(index)) {
      return 0;
    }
    return index == maxEntries - 1 ? Errno.ENOENT.negative() : index + 1;
  }

  /** Checks an update of a map that has all its indexes: EINVAL, E2BIG, EEXIST, or 0. */
  final int checkArrayUpdate(int index, long flags) {
    if (!UpdateFlags.areValid(flags)) {
      return Errno.EINVAL.negative();
    }
    if (!has(index)) {
      return Errno.E2BIG.negative();
    }
    return flags == UpdateFlags.NOEXIST ? Errno.EEXIST.negative() : 0;
  }

  final void checkKey(byte[] key) {
    if (key.length != keySize) {
      throw new IllegalArgumentException("a key of " + key.length + " bytes; " + keySize + " fit");
    }
  }

  /** As {@link HashTable#nextKey}. */
  final int keyAfter(KeyTable<?> table, byte @Nullable [] key, byte[] next) {
    checkKey(next);
    if (key != null) {
      checkKey(key);
    }
    return table.nextKey(key, next);
  }

  static void checkValue(byte[] value, int size) {
    if (value.length != size) {
      throw new IllegalArgumentException("a value of " + value.length + " bytes; " + size + " fit");
    }
  }

  static IllegalArgumentException invalid(String what) {
    return new IllegalArgumentException("EINVAL: " + what);
  }

  static IllegalArgumentException tooBig(String what) {
    return new IllegalArgumentException("E2BIG: " + what);
  }

  /** Throws unless keys are indexes. */
  static void checkIndexKey(int keySize) {
    if (keySize != Integer.BYTES) {
      throw invalid("key size " + keySize + "; an index has 4");
    }
  }

  /** Throws unless there is something of it. */
  static void checkAtLeastOne(String what, int count) {
    if (count < 1) {
      throw invalid(what + " " + count + "; at least 1");
    }
  }

  @Override
  public final String toString() {
    return "%s id %d, key %d, value %d, max %d, flags 0x%x"
        .formatted(type, id, keySize, valueSize, maxEntries, flags);
  }
}
