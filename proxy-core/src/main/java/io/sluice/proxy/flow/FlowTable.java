package io.sluice.proxy.flow;

import io.sluice.proxy.linux.Syscalls;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Flows by their key: open addressing with linear probing (Knuth, TAOCP 6.4, algorithms L and R).
 *
 * <p>A probe runs along an array of hashes and touches a flow only where the hash is equal, so a
 * lookup costs one line of the array and the flow itself. Deleting moves later entries of the probe
 * sequence back, so that no tombstones are left. The table is at most half full, and never shrinks.
 * Belongs to one thread; a lookup allocates nothing.
 */
final class FlowTable<V extends FlowTable.Keyed> {
  private static final int INITIAL_SLOTS = 64;
  private static final int OCCUPIED = 1 << 31;

  private final long secret;
  private final long otherSecret;
  private int[] hashes = new int[INITIAL_SLOTS]; // 0 is a free slot
  private @Nullable Keyed[] entries = new @Nullable Keyed[INITIAL_SLOTS];
  private int size;

  /** Something that is found by a key, which must not change. */
  interface Keyed {
    FlowKey key();
  }

  /** An empty table with secrets of its own. */
  FlowTable(Syscalls syscalls) {
    this(syscalls.random(), syscalls.random());
  }

  FlowTable(long secret, long otherSecret) {
    this.secret = secret;
    this.otherSecret = otherSecret;
  }

  int size() {
    return size;
  }

  /** What has this key, or null. */
  @SuppressWarnings("unchecked") // only put fills the entries
  @Nullable V get(FlowKey key) {
    int slot = find(key);
    return slot < 0 ? null : (V) entries[slot];
  }

  private int find(FlowKey key) {
    int hash = hash(key);
    int mask = hashes.length - 1;
    for (int slot = hash & mask; hashes[slot] != 0; slot = (slot + 1) & mask) {
      Keyed entry = entries[slot];
      if (hashes[slot] == hash && entry != null && entry.key().same(key)) {
        return slot;
      }
    }
    return -1;
  }

  /** Adds something whose key the table doesn't have yet. */
  void put(V entry) {
    if (size >= hashes.length / 2) {
      grow();
    }
    insert(hash(entry.key()), entry);
    size++;
  }

  /** Removes what has this key; false if nothing has. */
  boolean remove(FlowKey key) {
    int slot = find(key);
    if (slot < 0) {
      return false;
    }
    closeGap(slot);
    size--;
    return true;
  }

  /** Moves back what had to go past the freed slot, and only that far. */
  private void closeGap(int freed) {
    int mask = hashes.length - 1;
    int gap = freed;
    for (int slot = (gap + 1) & mask; hashes[slot] != 0; slot = (slot + 1) & mask) {
      int fromHome = (slot - hashes[slot]) & mask;
      int fromGap = (slot - gap) & mask;
      if (fromHome >= fromGap) {
        hashes[gap] = hashes[slot];
        entries[gap] = entries[slot];
        gap = slot;
      }
    }
    hashes[gap] = 0;
    entries[gap] = null;
  }

  /** All of them, in no order; allocates. */
  @SuppressWarnings("unchecked") // only put fills the entries
  List<V> entries() {
    List<V> all = new ArrayList<>(size);
    for (Keyed entry : entries) {
      if (entry != null) {
        all.add((V) entry);
      }
    }
    return all;
  }

  private int hash(FlowKey key) {
    return (int) key.hash(secret, otherSecret) | OCCUPIED;
  }

  private void insert(int hash, Keyed entry) {
    int mask = hashes.length - 1;
    int slot = hash & mask;
    while (hashes[slot] != 0) {
      slot = (slot + 1) & mask;
    }
    hashes[slot] = hash;
    entries[slot] = entry;
  }

  private void grow() {
    int[] oldHashes = hashes;
    @Nullable Keyed[] oldEntries = entries;
    hashes = new int[oldHashes.length * 2];
    entries = new @Nullable Keyed[oldHashes.length * 2];
    for (int slot = 0; slot < oldEntries.length; slot++) {
      Keyed entry = oldEntries[slot];
      if (entry != null) {
        insert(oldHashes[slot], entry);
      }
    }
  }
}
