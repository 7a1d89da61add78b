package io.sluice.steering.map;

import io.sluice.steering.Errno;
import org.jspecify.annotations.Nullable;

/**
 * BPF_MAP_TYPE_HASH_OF_MAPS: maps by keys of a fixed number of bytes.
 *
 * <p>An update exchanges one reference, and waits, as {@link ArrayOfMaps} does.
 *
 * @param <M> the kind of the inner maps
 */
public final class HashOfMaps<M extends BpfMap> extends BpfMap {
  private final InnerMapRules template;
  private final GracePeriod grace;
  private final KeyTable<M> table;

  /** A map without flags. */
  public HashOfMaps(int keySize, int maxEntries, M template, GracePeriod grace) {
    this(keySize, Integer.BYTES, maxEntries, 0, template, grace);
  }

  /**
   * A map as an object file declares it.
   *
   * @param keySize at least 1 byte
   * @param valueSize 4
   * @param maxEntries at least 1
   * @param flags as a {@link HashTable} takes them, but for RDONLY_PROG and WRONLY_PROG
   * @param template what the inner maps must be like; not kept
   * @param grace waits for lookups
   * @throws IllegalArgumentException as {@link HashTable} does; EINVAL if the template holds maps
   */
  public HashOfMaps(
      int keySize, int valueSize, int maxEntries, int flags, M template, GracePeriod grace) {
    InnerMapRules.checkValueSize(valueSize);
    int checked = CreateFlags.check(flags, ~(CreateFlags.RDONLY_PROG | CreateFlags.WRONLY_PROG));
    HashTable.checkCreate(false, keySize, valueSize, maxEntries, checked);
    InnerMapRules rules = InnerMapRules.of(template);
    super(MapType.HASH_OF_MAPS, keySize, valueSize, maxEntries, checked);
    this.template = rules;
    this.grace = grace;
    this.table = new KeyTable<>(keySize, maxEntries, false);
  }

  /** What a program's lookup gives: the inner map, or null. To be used in the same lookup only. */
  public @Nullable M lookup(byte[] key) {
    checkKey(key);
    return table.use(key, 0);
  }

  /** {@link #lookup(byte[])} with a key that starts at {@code offset}. */
  public @Nullable M lookup(byte[] bytes, int offset) {
    return table.use(bytes, offset);
  }

  /** {@link #lookup(byte[])} with a key of at most 8 bytes as a little-endian number. */
  public @Nullable M lookup(long key) {
    return table.use(key);
  }

  /**
   * What a lookup from outside of programs gives.
   *
   * @return the inner map's {@linkplain BpfMap#id id}, or -ENOENT
   */
  public int lookupId(byte[] key) {
    M map = lookup(key);
    return map == null ? Errno.ENOENT.negative() : map.id();
  }

  /**
   * Puts a map under a key, and waits.
   *
   * @param key copied
   * @param flags one of {@link UpdateFlags}
   * @return 0, or negative, checked in this order: EINVAL (null, or unlike the template), EINVAL
   *     (flags), EEXIST, ENOENT, E2BIG (a new key, and the map is full)
   * @throws GraceTimeoutException if lookups don't finish; the map is in its place then
   * @throws IllegalStateException on an event loop; nothing has changed then
   */
  public int update(byte[] key, @Nullable M map, long flags) {
    checkKey(key);
    if (map == null || !template.admits(map)) {
      return Errno.EINVAL.negative();
    }
    grace.checkThread();
    int result = table.update(key, map, flags);
    if (result == 0) {
      grace.await();
    }
    return result;
  }

  /**
   * Removes a key, and waits as {@link #update}.
   *
   * @return 0, or -ENOENT
   */
  public int delete(byte[] key) {
    checkKey(key);
    grace.checkThread();
    if (table.remove(key) == null) {
      return Errno.ENOENT.negative();
    }
    grace.await();
    return 0;
  }

  /** Iterates as {@link HashTable#nextKey}. */
  public int nextKey(byte @Nullable [] key, byte[] next) {
    return keyAfter(table, key, next);
  }

  /** How many maps there are. */
  public int size() {
    return table.size();
  }
}
