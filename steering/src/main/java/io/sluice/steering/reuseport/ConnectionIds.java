package io.sluice.steering.reuseport;

import io.sluice.steering.Payload;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The connection IDs that QUIC servers have chosen, and whose they are. Shared by all event loops
 * and, through reloads, by a destination's groups: a client that changes its address may come back
 * on any of them.
 *
 * <p>A set-associative table: an ID's hash names {@value #WAYS} neighbouring slots, and it is in
 * one of them. Slots hold immutable keys and are swapped whole, so a reader sees an entry or not,
 * and takes no lock; of two writers at one slot, the later wins. A new ID takes a free slot, one
 * that has expired, or the one that was not seen for longest. So the table is bounded, and a flood
 * of handshakes pushes out the IDs that are quiet, not those in use.
 *
 * <p>Safe on any thread. Only {@link #learn} of a new ID allocates.
 */
public final class ConnectionIds {
  /** The longest ID of QUIC version 1 (RFC 9000 §17.2); longer ones are not learned. */
  public static final int MAX_ID_BYTES = 20;

  private static final int WAYS = 8;
  private final AtomicReferenceArray<@Nullable Entry> slots;
  private final int bucketMask;
  private final long expiryMillis;
  private final LongSupplier clockMillis;
  private final int secret = new SecureRandom().nextInt(); // so that nobody can aim at a bucket
  private final List<String> owners = new ArrayList<>(); // guarded by itself

  /** One ID; the table forgets it some time after {@link #seen} was last called. */
  public static final class Entry {
    private final long first;
    private final long second;
    private final int third;
    private final int length;
    private final int owner;

    private final AtomicLong seenMillis = new AtomicLong();

    private Entry(Payload payload, int offset, int length, int owner) {
      this.first = word(payload, offset, length, 0);
      this.second = word(payload, offset, length, 8);
      this.third = (int) word(payload, offset, length, 16);
      this.length = length;
      this.owner = owner;
    }

    private boolean is(Payload payload, int offset, int length) {
      return this.length == length
          && first == word(payload, offset, length, 0)
          && second == word(payload, offset, length, 8)
          && third == (int) word(payload, offset, length, 16);
    }

    /** Up to eight bytes from an index of the ID on. */
    private static long word(Payload payload, int offset, int length, int from) {
      long word = 0;
      for (int i = from; i < Math.min(from + 8, length); i++) {
        word = word << 8 | payload.at(offset + i);
      }
      return word;
    }

    int owner() {
      return owner;
    }

    /** How many bytes the ID has. */
    public int length() {
      return length;
    }

    /** Keeps the ID from being forgotten: its connection is in use. A plain store. */
    public void seen(long nowMillis) {
      seenMillis.setOpaque(nowMillis);
    }

    private long seenMillis() {
      return seenMillis.getOpaque();
    }
  }

  /**
   * An empty table.
   *
   * @param capacity rounded up to a power of two
   * @param expiryMillis how long an ID that isn't seen is remembered
   * @param clockMillis never goes back; read by any thread
   */
  public ConnectionIds(int capacity, long expiryMillis, LongSupplier clockMillis) {
    int buckets = Integer.highestOneBit(Math.max(1, (capacity - 1) / WAYS)) << 1;
    this.slots = new AtomicReferenceArray<>(buckets * WAYS);
    this.bucketMask = buckets - 1;
    this.expiryMillis = expiryMillis;
    this.clockMillis = clockMillis;
  }

  /** The number that stands for a name, always the same. Not for the hot path. */
  int owner(String name) {
    synchronized (owners) {
      int known = owners.indexOf(name);
      if (known < 0) {
        owners.add(name);
      }
      return known < 0 ? owners.size() - 1 : known;
    }
  }

  /** The entry of an ID that stands in a payload; null if it is not known, or no longer. */
  @Nullable Entry find(Payload payload, int offset, int length) {
    long now = clockMillis.getAsLong();
    int bucket = bucket(payload, offset, length);
    for (int slot = bucket; slot < bucket + WAYS; slot++) {
      Entry entry = slots.get(slot);
      if (entry != null && entry.is(payload, offset, length)) {
        return isExpired(entry, now) ? null : entry;
      }
    }
    return null;
  }

  /**
   * Notes whose an ID is; one of another length than 1–20 bytes isn't noted.
   *
   * @return its entry, or null
   */
  @Nullable Entry learn(Payload payload, int offset, int length, int owner) {
    if (length < 1 || length > MAX_ID_BYTES) {
      return null;
    }
    long now = clockMillis.getAsLong();
    int bucket = bucket(payload, offset, length);
    int best = bucket;
    long bestSeen = Long.MAX_VALUE;
    for (int slot = bucket; slot < bucket + WAYS; slot++) {
      Entry entry = slots.get(slot);
      if (entry != null && entry.is(payload, offset, length)) {
        if (entry.owner == owner) {
          entry.seen(now);
          return entry;
        }
        best = slot;
        break;
      }
      long seen = entry == null || isExpired(entry, now) ? Long.MIN_VALUE : entry.seenMillis();
      if (seen < bestSeen) {
        best = slot;
        bestSeen = seen;
      }
    }
    Entry made = new Entry(payload, offset, length, owner);
    made.seen(now);
    slots.set(best, made);
    return made;
  }

  private boolean isExpired(Entry entry, long now) {
    return now - entry.seenMillis() > expiryMillis;
  }

  private int bucket(Payload payload, int offset, int length) {
    return (TupleHash.ofBytes(payload, offset, length, secret) & bucketMask) * WAYS;
  }
}
