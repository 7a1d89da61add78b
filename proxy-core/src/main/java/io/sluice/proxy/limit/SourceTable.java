package io.sluice.proxy.limit;

import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * What each source has at the moment: a table of a fixed size, shared by all loops without locks.
 *
 * <p>A source is a number of 64 bits, made of its prefix and a secret, so that nobody can choose
 * what falls together. Two sets of eight places are looked at; of that with more to spare, the
 * source takes a place that is empty, else that of one which has nothing open and whose rates have
 * recovered longest. Who has something open keeps the place. If all sixteen have, the source isn't
 * counted: it goes on unlimited.
 *
 * <pre>
 *   a place:  counts   0 | waiting 15 | flows 24 | connections 24     CLAIMED while it changes hands
 *             new      when its connections would have been due ({@link Rate})
 *             flows    when its flows would have been
 *             bytes    when its bytes would have been
 * </pre>
 *
 * <p>Two loops that meet a source for the first time at the same moment may, rarely, give it two
 * places; then one more session than configured may begin, until the second place is empty.
 */
public final class SourceTable {
  /** There is no place for it. */
  static final int FULL = -1;

  static final long CONNECTION = 1;
  static final long FLOW = 1L << 24;
  static final long WAITING = 1L << 48;

  static final int NEW_CONNECTIONS = 1;
  static final int NEW_FLOWS = 2;
  static final int BYTES = 3;

  private static final int MOST_PLACES = 1 << 20;
  private static final int LEAST_PLACES = 1 << 12;
  private static final int PLACE_BYTES = 40;
  private static final int WAYS = 8;
  private static final int CELLS = 4; // of each place
  private static final long COUNT = 0xff_ffff;
  private static final long CLAIMED = -1;

  private final AtomicLongArray keys;
  private final AtomicLongArray cells;
  private final long secret = ThreadLocalRandom.current().nextLong();
  private final long otherSecret = ThreadLocalRandom.current().nextLong();
  private final int setMask;

  /**
   * An empty table.
   *
   * @param sources how many should find a place; it takes 40 to 80 bytes for each
   */
  public SourceTable(long sources) {
    int places = LEAST_PLACES;
    while (places < sources && places < MOST_PLACES) {
      places <<= 1;
    }
    this.keys = new AtomicLongArray(places);
    this.cells = new AtomicLongArray(places * CELLS);
    this.setMask = places / WAYS - 1;
  }

  /** A size for so many sessions: half of the table stays free, within a share of the heap. */
  public static long sourcesFor(long sessions) {
    return Math.min(2 * sessions, Runtime.getRuntime().maxMemory() / 16 / PLACE_BYTES / 2);
  }

  /** How many there may be. */
  public int places() {
    return keys.length();
  }

  /** How many places somebody has, with something open or not; looks at all of them. */
  public int used() {
    int used = 0;
    for (int i = 0; i < keys.length(); i++) {
      used += keys.getPlain(i) == 0 ? 0 : 1;
    }
    return used;
  }

  /** The number of a source, never 0. */
  long key(long scope, long high, long low) {
    long hash = mix(mix(mix(scope ^ secret) ^ high) ^ low ^ otherSecret);
    return hash == 0 ? 1 : hash;
  }

  /** Stafford's variant 13 of MurmurHash3's finalizer. */
  private static long mix(long value) {
    long mixed = (value ^ value >>> 30) * 0xbf58476d1ce4e5b9L;
    mixed = (mixed ^ mixed >>> 27) * 0x94d049bb133111ebL;
    return mixed ^ mixed >>> 31;
  }

  /**
   * Counts one in, limited or not.
   *
   * @param unit CONNECTION, FLOW or WAITING
   * @return its place, for {@link #leave}; FULL if it has none
   */
  int enter(long key, long unit) {
    while (true) {
      int place = find(key);
      if (place == FULL) {
        place = idle(key);
        if (place == FULL) {
          return FULL;
        }
        if (claim(place, key, unit)) {
          return place;
        }
      } else if (add(place, key, unit)) {
        return place;
      }
    }
  }

  /** Takes back {@link #enter}. */
  void leave(int place, long unit) {
    long _ = cells.addAndGet(place * CELLS, -unit);
  }

  int connections(int place) {
    return (int) (cells.get(place * CELLS) & COUNT);
  }

  int flows(int place) {
    return (int) (cells.get(place * CELLS) / FLOW & COUNT);
  }

  int waiting(int place) {
    return (int) (cells.get(place * CELLS) / WAITING);
  }

  AtomicLongArray cells() {
    return cells;
  }

  /** Where a place keeps one of its rates. */
  int cell(int place, int rate) {
    return place * CELLS + rate;
  }

  private int firstSet(long key) {
    return ((int) key & setMask) * WAYS;
  }

  private int secondSet(long key) {
    return ((int) (key >>> 32) & setMask) * WAYS;
  }

  private int find(long key) {
    int place = find(key, firstSet(key));
    return place == FULL ? find(key, secondSet(key)) : place;
  }

  private int find(long key, int set) {
    for (int place = set; place < set + WAYS; place++) {
      if (keys.get(place) == key) {
        return place;
      }
    }
    return FULL;
  }

  /** Counts into a place that is the source's; false if it no longer is. */
  private boolean add(int place, long key, long unit) {
    int counts = place * CELLS;
    while (true) {
      long before = cells.get(counts);
      if (before == CLAIMED) {
        Thread.onSpinWait(); // for some nanoseconds: it changes hands
        return false;
      }
      if (cells.compareAndSet(counts, before, before + unit)) {
        if (keys.get(place) == key) {
          return true;
        }
        leave(place, unit); // it has changed hands in between
        return false;
      }
    }
  }

  /** A place that may be taken, in the set that has more of them; FULL if neither has any. */
  private int idle(long key) {
    int first = firstSet(key);
    int second = secondSet(key);
    return idleIn(idles(first) >= idles(second) ? first : second);
  }

  private int idles(int set) {
    int idles = 0;
    for (int place = set; place < set + WAYS; place++) {
      idles += cells.get(place * CELLS) == 0 ? 1 : 0;
    }
    return idles;
  }

  /** An empty place of a set, or of those with nothing open the longest idle. */
  private int idleIn(int set) {
    int best = FULL;
    long bestDue = Long.MAX_VALUE;
    for (int place = set; place < set + WAYS; place++) {
      if (cells.get(place * CELLS) == 0) {
        long due = keys.get(place) == 0 ? -1 : due(place);
        if (due < bestDue) {
          best = place;
          bestDue = due;
        }
      }
    }
    return best;
  }

  private long due(int place) {
    long due = 0;
    for (int rate = NEW_CONNECTIONS; rate <= BYTES; rate++) {
      due = Math.max(due, cells.get(cell(place, rate)));
    }
    return due;
  }

  /** Takes a place over; false if somebody was faster, or the source has another one. */
  private boolean claim(int place, long key, long unit) {
    int counts = place * CELLS;
    if (!cells.compareAndSet(counts, 0, CLAIMED)) {
      return false;
    }
    keys.set(place, key);
    for (int rate = NEW_CONNECTIONS; rate <= BYTES; rate++) {
      cells.set(cell(place, rate), 0);
    }
    if (find(key) == place) {
      cells.set(counts, unit);
      return true;
    }
    keys.set(place, 0);
    cells.set(counts, 0);
    return false;
  }
}
