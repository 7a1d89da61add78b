package io.sluice.proxy.control;

import io.sluice.config.Config;
import io.sluice.config.Document;
import io.sluice.proxy.change.Generation;
import io.sluice.proxy.change.Who;
import io.sluice.steering.binding.BindingTable;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The last generations, and what they were. A document is kept as long as its bindings share what
 * is compiled with a newer one's, or are few: 50 tables of a million would be too much. Any thread.
 */
final class History {
  private static final int GENERATIONS = 50;
  private static final long MOST_BYTES = 64L << 20;

  private final Deque<Kept> newestFirst = new ArrayDeque<>();

  private record Kept(Generation generation, @Nullable BindingTable bindings) {
    Kept withoutDocument() {
      Generation it = generation;
      return new Kept(
          new Generation(it.number(), it.at(), it.who(), it.diff(), null), null);
    }
  }

  synchronized void add(long number, Who who, List<String> diff, Config config) {
    Generation generation =
        new Generation(number, Instant.now(), who, List.copyOf(diff), config.document());
    newestFirst.addFirst(new Kept(generation, config.bindings()));
    while (newestFirst.size() > GENERATIONS) {
      newestFirst.removeLast();
    }
    forgetLarge();
  }

  private void forgetLarge() {
    List<Kept> all = new ArrayList<>(newestFirst);
    List<BindingTable> different = new ArrayList<>();
    long bytes = 0;
    for (int i = 0; i < all.size(); i++) {
      BindingTable bindings = all.get(i).bindings;
      if (bindings == null || different.stream().anyMatch(bindings::sharesWith)) {
        continue;
      }
      bytes += i == 0 ? 0 : bindings.retainedBytes(); // the one in force is there anyway
      if (bytes > MOST_BYTES) {
        all.set(i, all.get(i).withoutDocument());
      } else {
        different.add(bindings);
      }
    }
    newestFirst.clear();
    newestFirst.addAll(all);
  }

  synchronized List<Generation> list() {
    return newestFirst.stream().map(Kept::generation).toList();
  }

  /** The document of a generation; null if it isn't kept. */
  synchronized @Nullable Document document(long number) {
    return newestFirst.stream()
        .map(Kept::generation)
        .filter(it -> it.number() == number)
        .map(Generation::document)
        .findFirst()
        .orElse(null);
  }
}
