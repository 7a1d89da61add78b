package io.sluice.proxy.control;

import io.sluice.config.Document;
import io.sluice.proxy.change.Generation;
import io.sluice.proxy.change.Who;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The last generations, and what they were. The documents that are kept may hold so much that the
 * one in force doesn't: 50 tables of a million, none of which share anything, would be too much.
 * Any thread.
 */
final class History {
  private static final int GENERATIONS = 50;
  private static final long MOST_BYTES = 64L << 20;

  private final Deque<Generation> newestFirst = new ArrayDeque<>();

  synchronized void add(long number, Who who, List<String> diff, Document document) {
    newestFirst.addFirst(new Generation(number, Instant.now(), who, List.copyOf(diff), document));
    while (newestFirst.size() > GENERATIONS) {
      newestFirst.removeLast();
    }
    forgetLarge();
  }

  private void forgetLarge() {
    List<Generation> all = List.copyOf(newestFirst);
    newestFirst.clear();
    Document newer = null;
    long bytes = 0;
    for (Generation it : all) {
      Document document = it.document();
      if (document != null && newer != null) {
        bytes += document.bytesBeside(newer);
      }
      if (document != null && bytes > MOST_BYTES) {
        newestFirst.addLast(new Generation(it.number(), it.at(), it.who(), it.diff(), null));
      } else {
        newestFirst.addLast(it);
        newer = document == null ? newer : document;
      }
    }
  }

  synchronized List<Generation> list() {
    return List.copyOf(newestFirst);
  }

  /** The document of a generation; null if it isn't kept. */
  synchronized @Nullable Document document(long number) {
    for (Generation it : newestFirst) {
      if (it.number() == number) {
        return it.document();
      }
    }
    return null;
  }
}
