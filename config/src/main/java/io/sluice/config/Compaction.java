package io.sluice.config;

import io.sluice.steering.binding.BindingTable;
import java.util.IdentityHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Tables of bindings that were changed many times, compiled anew while what is in force goes on and
 * changes: so no change has to wait for it.
 *
 * <p>Used by one thread at a time: {@link #run} by any, the rest by who makes the changes.
 */
public final class Compaction {
  private final IdentityHashMap<BindingTable, BindingTable> compacted = new IdentityHashMap<>();

  private Compaction() {}

  /** What a configuration needs; null if it needs none. */
  public static @Nullable Compaction of(Config config) {
    Compaction compaction = new Compaction();
    compaction.consider(config.bindings());
    for (Layer layer : config.document().layers()) {
      // The file's bindings have their places by index; it is compiled when it is read.
      if (!layer.name().equals(Layer.FILE)) {
        compaction.consider(layer.bindings());
      }
    }
    return compaction.compacted.isEmpty() ? null : compaction;
  }

  private void consider(BindingTable table) {
    if (table.isWorthCompacting()) {
      compacted.put(table, table);
    }
  }

  /** Compiles: takes about a second for a million bindings. */
  public void run() {
    compacted.replaceAll((table, _) -> table.compact());
  }

  /**
   * A configuration that is equal to this one, with what was compiled; tables that something else
   * has replaced meanwhile stay as they are.
   */
  public Config applied(Config now) {
    Document document = now.document();
    for (Layer layer : document.layers()) {
      BindingTable table = onto(layer.bindings());
      if (!layer.name().equals(Layer.FILE) && !table.sharesWith(layer.bindings())) {
        document = document.with(layer.with(table));
      }
    }
    return now.with(document, onto(now.bindings()));
  }

  private BindingTable onto(BindingTable table) {
    for (Map.Entry<BindingTable, BindingTable> entry : compacted.entrySet()) {
      if (table.sharesWith(entry.getKey())) {
        return table.onto(entry.getValue(), entry.getKey());
      }
    }
    return table;
  }
}
