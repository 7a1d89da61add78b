package io.sluice.proxy.relay;

import io.sluice.proxy.handover.Movable;
import io.sluice.proxy.handover.Packer;
import io.sluice.proxy.loop.TimerWheel;
import io.sluice.proxy.observe.SessionFilter;
import io.sluice.proxy.observe.SessionState;
import io.sluice.proxy.observe.SessionWalk;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The accepted connections of one loop, from their first byte to their end: a list whose entries
 * are the sessions themselves. Called on its loop only.
 */
final class Sessions {
  private @Nullable Entry first;
  private final List<Walk> walks = new ArrayList<>(1);

  /** An accepted connection: in the list from when it is made until it is over. */
  abstract static class Entry extends TimerWheel.Entry implements Movable {
    private @Nullable Entry before;
    private @Nullable Entry after;
    private boolean isListed;

    /** Begins; from here on it closes its descriptor by itself, whatever fails. */
    abstract void begin();

    /** Ends it at once, because the daemon stops. */
    abstract void shutdown();

    /** Whether it is one of those. */
    abstract boolean matches(SessionFilter filter);

    /** How it is now. */
    abstract SessionState state();

    /** Ends it, because somebody wants it. */
    abstract void kill();

    /** Describes it to another daemon; false if it can't be handed over as it is now. */
    abstract boolean pack(Packer out);

    /** It is on its way to another daemon: nobody listens to it until it is back. */
    abstract void depart();
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
    for (int i = 0; i < walks.size(); i++) {
      walks.get(i).leave(entry);
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

  /** A walk that does something with each entry that matches; it may remove itself. */
  SessionWalk walk(SessionFilter filter, Consumer<Entry> action) {
    Walk walk = new Walk(filter, action);
    walks.add(walk);
    return walk;
  }

  private final class Walk implements SessionWalk {
    private final SessionFilter filter;
    private final Consumer<Entry> action;
    private @Nullable Entry next = first;

    Walk(SessionFilter filter, Consumer<Entry> action) {
      this.filter = filter;
      this.action = action;
    }

    /** An entry ends: then it isn't the next. */
    @SuppressWarnings("ReferenceEquality") // an entry is itself only
    void leave(Entry entry) {
      if (next == entry) {
        next = entry.after;
      }
    }

    @Override
    public boolean step(int most) {
      for (int i = 0; i < most && next != null; i++) {
        Entry entry = next;
        next = entry.after;
        if (entry.matches(filter)) {
          action.accept(entry);
        }
      }
      return next != null;
    }

    @Override
    public void close() {
      walks.remove(this);
    }
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
