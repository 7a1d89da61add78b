package io.sluice.proxy.loop;

import org.jspecify.annotations.Nullable;

/**
 * Timeouts of one event loop: a hashed wheel (Varghese and Lauck, SOSP 1987, scheme 6) whose
 * entries are the timed objects themselves.
 *
 * <p>Being active costs nothing: an entry only answers, when its slot comes round, until when it
 * has time, and is put into a later slot if that lies ahead. So a timeout fires up to one tick
 * late, never early. Called on the owning event loop only.
 */
public final class TimerWheel {
  /** How long a tick is. */
  public static final long TICK_MILLIS = 100;

  private static final int SLOTS = 1024;

  private final @Nullable Entry[] slots = new @Nullable Entry[SLOTS];
  private long tick;
  private int size;

  /** Something with a timeout; in the wheel at most once. */
  public abstract static class Entry {
    private @Nullable Entry previous;
    private @Nullable Entry next;
    private int slot = -1;

    /** Until when it has time, on the loop's clock; read again each time its slot comes round. */
    protected abstract long deadlineMillis();

    /** Its time is up, and it is out of the wheel. */
    protected abstract void expired();

    final boolean isScheduled() {
      return slot >= 0;
    }
  }

  /** A wheel that starts at the given time. */
  TimerWheel(long nowMillis) {
    this.tick = nowMillis / TICK_MILLIS;
  }

  int size() {
    return size;
  }

  /** Puts an entry in by its deadline, or moves it: needed when the deadline came nearer. */
  void schedule(Entry entry) {
    cancel(entry);
    insert(entry);
  }

  /** Takes an entry out; one that isn't in stays out. */
  void cancel(Entry entry) {
    if (!entry.isScheduled()) {
      return;
    }
    if (entry.previous == null) {
      slots[entry.slot] = entry.next;
    } else {
      entry.previous.next = entry.next;
    }
    if (entry.next != null) {
      entry.next.previous = entry.previous;
    }
    entry.previous = null;
    entry.next = null;
    entry.slot = -1;
    size--;
  }

  /** Expires whatever is due. */
  void advance(long nowMillis) {
    long now = nowMillis / TICK_MILLIS;
    long from = Math.max(tick + 1, now - SLOTS + 1);
    tick = Math.max(tick, now);
    for (long at = from; at <= now; at++) {
      expireSlot((int) (at % SLOTS), nowMillis);
    }
  }

  private void expireSlot(int slot, long nowMillis) {
    Entry entry = slots[slot];
    while (entry != null) {
      Entry following = entry.next;
      cancel(entry);
      if (entry.deadlineMillis() <= nowMillis) {
        entry.expired();
      } else {
        insert(entry);
      }
      // What expired may have moved its neighbour: then the slot is begun again.
      entry = following != null && following.slot != slot ? slots[slot] : following;
    }
  }

  private void insert(Entry entry) {
    long due = Math.max(tick + 1, (entry.deadlineMillis() + TICK_MILLIS - 1) / TICK_MILLIS);
    int slot = (int) (due % SLOTS);
    Entry head = slots[slot];
    entry.slot = slot;
    entry.next = head;
    if (head != null) {
      head.previous = entry;
    }
    slots[slot] = entry;
    size++;
  }
}
