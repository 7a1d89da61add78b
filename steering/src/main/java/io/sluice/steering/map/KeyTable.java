package io.sluice.steering.map;

import io.sluice.steering.Errno;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * What the hash maps have in common: values under keys of a fixed number of bytes, with the
 * kernel's answers (kernel/bpf/hashtab.c).
 *
 * <p>Readers neither block nor allocate. A replaced value goes from the old to the new at once.
 */
final class KeyTable<V> {
  /*
   * Buckets of singly linked entries. Writers hold the monitor of this; readers follow volatile
   * links. An entry that is taken out keeps its own link, so that a reader who stands on it finds
   * the rest of its bucket.
   *
   * With eviction, the entries are also in a ring, oldest first, that only writers see. Who needs
   * room goes along it: an entry that was used since it was last passed gets a second chance at the
   * end of the ring, and the first that wasn't goes.
   */

  private static final int MAX_BUCKETS = 1 << 20; // beyond that, chains grow instead

  private final int keySize;
  private final int maxEntries;
  private final AtomicReferenceArray<@Nullable Entry<V>> buckets;
  private final @Nullable Entry<V> ring; // its head; null without eviction
  private int size; // guarded by this

  static final class Entry<V> {
    final byte[] key;
    volatile @Nullable V value; // null in the head of the ring only
    volatile @Nullable Entry<V> next;
    volatile boolean used;
    Entry<V> older = this; // both guarded by the table
    Entry<V> newer = this;

    Entry(byte[] key, @Nullable V value, @Nullable Entry<V> next) {
      this.key = key;
      this.value = value;
      this.next = next;
    }
  }

  /**
   * @param evicts whether a full table makes room, instead of refusing
   */
  KeyTable(int keySize, int maxEntries, boolean evicts) {
    this.keySize = keySize;
    this.maxEntries = maxEntries;
    int powerOfTwo = maxEntries == 1 ? 1 : Integer.highestOneBit(maxEntries - 1) << 1;
    // Above 2^30 the shift overflows to something negative.
    this.buckets =
        new AtomicReferenceArray<>(
            powerOfTwo < 1 || powerOfTwo > MAX_BUCKETS ? MAX_BUCKETS : powerOfTwo);
    this.ring = evicts ? new Entry<>(new byte[0], null, null) : null;
  }

  /** A program's lookup, which counts as use. */
  @Nullable V use(byte[] key, int offset) {
    return used(find(key, offset));
  }

  /** {@link #use(byte[], int)} with a key of at most 8 bytes as a little-endian number. */
  @Nullable V use(long key) {
    if (keySize > Long.BYTES) {
      throw new IllegalArgumentException("a key of 8 bytes; " + keySize + " fit");
    }
    Entry<V> entry = buckets.get(bucket(hash(key)));
    while (entry != null && !isKey(entry.key, key)) {
      entry = entry.next;
    }
    return used(entry);
  }

  private @Nullable V used(@Nullable Entry<V> entry) {
    if (entry == null) {
      return null;
    }
    if (ring != null && !entry.used) { // asked first: a cache line that is only read stays shared
      entry.used = true;
    }
    return entry.value;
  }

  /** A lookup from outside of programs. */
  @Nullable V get(byte[] key) {
    Entry<V> entry = find(key, 0);
    return entry == null ? null : entry.value;
  }

  /**
   * Puts a value under a key, which is copied.
   *
   * @return 0, or negative, in this order: EINVAL (flags), EEXIST, ENOENT, E2BIG (full)
   */
  synchronized int update(byte[] key, V value, long flags) {
    if (!UpdateFlags.areValid(flags)) {
      return Errno.EINVAL.negative();
    }
    Entry<V> entry = find(key, 0);
    int error = SocketMapRules.checkExistence(entry != null, flags);
    if (error != 0) {
      return error;
    }
    if (entry != null) {
      entry.value = value;
      entry.used = true;
      return 0;
    }
    if (size == maxEntries) {
      if (ring == null) {
        return Errno.E2BIG.negative();
      }
      evict(ring);
    }
    int bucket = bucket(hash(key, 0));
    entry = new Entry<>(key.clone(), value, buckets.get(bucket));
    if (ring != null) {
      append(ring, entry);
    }
    buckets.set(bucket, entry);
    size++;
    return 0;
  }

  /** Removes a key, and gives what it led to; null if it wasn't there. */
  synchronized @Nullable V remove(byte[] key) {
    Entry<V> entry = find(key, 0);
    if (entry == null) {
      return null;
    }
    unlink(entry);
    return entry.value;
  }

  /** The key after another, in the order of the buckets; the first after one that isn't there. */
  int nextKey(byte @Nullable [] key, byte[] next) {
    Entry<V> from = key == null ? null : find(key, 0);
    Entry<V> found = from == null ? null : from.next;
    int bucket = from == null ? 0 : bucket(hash(from.key, 0)) + 1;
    while (found == null && bucket < buckets.length()) {
      found = buckets.get(bucket++);
    }
    if (found == null) {
      return Errno.ENOENT.negative();
    }
    System.arraycopy(found.key, 0, next, 0, keySize);
    return 0;
  }

  synchronized int size() {
    return size;
  }

  private void evict(Entry<V> head) {
    Entry<V> oldest = head.newer;
    for (int chances = size; chances > 0 && oldest.used; chances--) { // readers go on using them
      oldest.used = false;
      detach(oldest);
      append(head, oldest);
      oldest = head.newer;
    }
    unlink(oldest);
  }

  private static <V> void append(Entry<V> head, Entry<V> entry) {
    entry.older = head.older;
    entry.newer = head;
    head.older.newer = entry;
    head.older = entry;
  }

  private static <V> void detach(Entry<V> entry) {
    entry.older.newer = entry.newer;
    entry.newer.older = entry.older;
  }

  private void unlink(Entry<V> entry) {
    int bucket = bucket(hash(entry.key, 0));
    Entry<V> before = null;
    for (Entry<V> at = buckets.get(bucket); at != null && at != entry; at = at.next) {
      before = at;
    }
    if (before == null) {
      buckets.set(bucket, entry.next);
    } else {
      before.next = entry.next;
    }
    detach(entry);
    size--;
  }

  private @Nullable Entry<V> find(byte[] bytes, int offset) {
    Entry<V> entry = buckets.get(bucket(hash(bytes, offset)));
    while (entry != null
        && !Arrays.equals(entry.key, 0, keySize, bytes, offset, offset + keySize)) {
      entry = entry.next;
    }
    return entry;
  }

  private boolean isKey(byte[] bytes, long key) {
    for (int i = 0; i < keySize; i++) {
      if (bytes[i] != (byte) (key >>> (i << 3))) {
        return false;
      }
    }
    return true;
  }

  private int hash(byte[] bytes, int offset) {
    int hash = 0;
    for (int i = offset; i < offset + keySize; i++) {
      hash = step(hash, bytes[i]);
    }
    return hash;
  }

  private int hash(long key) {
    int hash = 0;
    for (int i = 0; i < keySize; i++) {
      hash = step(hash, (byte) (key >>> (i << 3)));
    }
    return hash;
  }

  private static int step(int hash, byte next) {
    return (hash ^ (next & 0xff)) * 0x0100_0193; // FNV-1
  }

  private int bucket(int hash) {
    int mixed = hash ^ hash >>> 15;
    return (mixed * 0x2c1b_3c6d >>> 12) & (buckets.length() - 1);
  }
}
