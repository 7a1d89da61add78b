package io.sluice.proxy.relay;

import io.sluice.proxy.loop.TimerWheel;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The accepted connections of one loop, from their first byte to their end: a list whose entries
 * are the sessions themselves. Called on its loop only.
 */
final class Sessions {
  private @Nullable Entry first;

  /** An accepted connection: in the list from when it is made until it is over. */
  abstract static class Entry extends TimerWheel.Entry {
    private @Nullable Entry before;
    private @Nullable Entry after;
    private boolean isListed;

    /** Begins; from here on it closes its descriptor by itself, whatever fails. */
    abstract void begin();

    /** Ends it at once, because the daemon stops. */
    abstract void shutdown();
  }

  void add(Entry entry) {
    entry.isListed = true;
    entry.after = first;
    if (first != null) {
      first.before = entry;
    }
    first = entry;
  }

  void remove(Entry entry) {
    if (!entry.isListed) {
      return;
    }
    if (entry.before != null) {
      entry.before.after = entry.after;
    } else {
      first = entry.after;
    }
    if (entry.after != null) {
      entry.after.before = entry.before;
    }
    entry.before = null;
    entry.after = null;
    entry.isListed = false;
  }

  /** Shows every entry; it may remove itself, and itself only. */
  void forEach(Consumer<Entry> action) {
    Entry entry = first;
    while (entry != null) {
      Entry following = entry.after;
      action.accept(entry);
      entry = following;
    }
  }
}
