package io.sluice.steering.map;

import io.sluice.steering.Errno;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * BPF_MAP_TYPE_ARRAY_OF_MAPS: maps by index (kernel/bpf/map_in_map.c).
 *
 * <p>An update exchanges one reference: a lookup gets the old map or the new. Updates and deletes
 * return only after all lookups have finished that had begun before, and might use the old one.
 * They are not to be called on an event loop.
 *
 * @param <M> the kind of the inner maps
 */
public final class ArrayOfMaps<M extends BpfMap> extends BpfMap {
  private static final int FLAGS = CreateFlags.NUMA_NODE | CreateFlags.RDONLY | CreateFlags.WRONLY;

  private final InnerMapRules template;
  private final GracePeriod grace;
  private final AtomicReferenceArray<@Nullable M> slots;

  /** A map without flags. */
  public ArrayOfMaps(int maxEntries, M template, GracePeriod grace) {
    this(Integer.BYTES, Integer.BYTES, maxEntries, 0, template, grace);
  }

  /**
   * A map as an object file declares it.
   *
   * @param keySize 4
   * @param valueSize 4
   * @param maxEntries at least 1
   * @param flags of {@link CreateFlags}: NUMA_NODE, RDONLY, WRONLY
   * @param template what the inner maps must be like; not kept
   * @param grace waits for lookups
   * @throws IllegalArgumentException EINVAL otherwise, or if the template holds maps itself
   */
  public ArrayOfMaps(
      int keySize, int valueSize, int maxEntries, int flags, M template, GracePeriod grace) {
    InnerMapRules.checkValueSize(valueSize);
    ArrayMap.checkSizes(keySize, valueSize, maxEntries);
    int checked = CreateFlags.check(flags, FLAGS);
    InnerMapRules rules = InnerMapRules.of(template);
    super(MapType.ARRAY_OF_MAPS, keySize, valueSize, maxEntries, checked);
    this.template = rules;
    this.grace = grace;
    this.slots = new AtomicReferenceArray<>(maxEntries);
  }

  /** What a program's lookup gives: the inner map, or null. To be used in the same lookup only. */
  public @Nullable M lookup(int index) {
    return has(index) ? slots.get(index) : null;
  }

  /**
   * What a lookup from outside of programs gives.
   *
   * @return the inner map's {@linkplain BpfMap#id id}, or -ENOENT
   */
  public int lookupId(int index) {
    M map = lookup(index);
    return map == null ? Errno.ENOENT.negative() : map.id();
  }

  /**
   * Puts a map into a slot, empty or not, and waits.
   *
   * @param flags {@link UpdateFlags#ANY}
   * @return 0, or negative, checked in this order: EINVAL (flags), E2BIG (index), EINVAL (null, or
   *     unlike the template)
   * @throws GraceTimeoutException if lookups don't finish; the map is in its slot then
   * @throws IllegalStateException on an event loop; nothing has changed then
   */
  public int update(int index, @Nullable M map, long flags) {
    if (flags != UpdateFlags.ANY) {
      return Errno.EINVAL.negative();
    }
    if (!has(index)) {
      return Errno.E2BIG.negative();
    }
    if (map == null || !template.admits(map)) {
      return Errno.EINVAL.negative();
    }
    grace.checkThread();
    slots.set(index, map);
    grace.await();
    return 0;
  }

  /**
   * Empties a slot, and waits as {@link #update}.
   *
   * @return 0, or negative: E2BIG (index), ENOENT
   */
  public int delete(int index) {
    if (!has(index)) {
      return Errno.E2BIG.negative();
    }
    grace.checkThread();
    if (slots.getAndSet(index, null) == null) {
      return Errno.ENOENT.negative();
    }
    grace.await();
    return 0;
  }

  /**
   * Iterates: every index, whether it holds a map or not.
   *
   * @param index where the caller is; one out of range, like -1, starts at the beginning
   * @return the next index, or -ENOENT after the last
   */
  public int nextKey(int index) {
    return indexAfter(index);
  }
}
