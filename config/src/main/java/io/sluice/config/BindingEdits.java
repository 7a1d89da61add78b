package io.sluice.config;

import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import io.sluice.steering.binding.BindingTable;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Changes of a layer's bindings. */
final class BindingEdits {
  /** The label of a binding that the layer says nothing of any more. */
  private static final String UNSAID = "\0";

  private final EditedLayer layer;
  private final Map<Binding, String> bindings = new LinkedHashMap<>(); // by binding without label
  private BindingTable table;

  BindingEdits(EditedLayer layer) {
    this.layer = layer;
    this.table = layer.before.bindings();
  }

  void bind(Change.Bind change) {
    String what =
        EditedLayer.words(
            "bind", change.label(), change.protocol(), change.prefix(), change.port());
    String label = layer.parsed(what, () -> Labels.parse(change.label()));
    List<Binding> keys = keys(what, change.protocol(), change.prefix(), change.port());
    if (label != null) {
      keys.forEach(it -> bindings.put(it, label));
    }
  }

  private List<Binding> keys(String what, @Nullable String protocol, String prefix, String port) {
    List<Binding> keys = layer.parsed(what, () -> BindingKeys.of(protocol, prefix, port));
    return keys == null ? List.of() : keys;
  }

  void unbind(Change.Unbind change) {
    String what =
        EditedLayer.words(
            "unbind", change.label(), change.protocol(), change.prefix(), change.port());
    List<Binding> keys = keys(what, change.protocol(), change.prefix(), change.port());
    boolean isFound = keys.isEmpty();
    String other = null;
    for (Binding key : keys) {
      String bound = boundTo(key);
      if (change.label().equals(bound)) {
        isFound = true;
        takeAway(key);
      } else if (bound != null) {
        other = bound;
      }
    }
    if (!isFound) {
      layer.error(
          what,
          other == null
              ? "nothing is bound there; bindings shows what is"
              : "it is bound to '" + other + "'; unbind that label");
    }
  }

  private void takeAway(Binding key) {
    bindings.put(key, MergedBindings.label(layer.below(), key) == null ? UNSAID : Layer.AWAY);
  }

  private @Nullable String boundTo(Binding key) {
    String said = bindings.get(key);
    if (said == null) {
      int index = table.find(key.protocol(), key.prefix(), key.port());
      said = index < 0 ? UNSAID : table.labels().get(table.labelId(index));
    }
    return said.equals(Layer.AWAY)
        ? null
        : said.equals(UNSAID) ? MergedBindings.label(layer.below(), key) : said;
  }

  void load(Change.LoadBindings change) {
    Problems own = layer.problems.of(change.name());
    int errors = layer.problems.errors();
    ConfigText.Utf8 text = new ConfigText.Utf8(change.text().getBytes(StandardCharsets.UTF_8));
    Value root = Value.root(new Node.Mapping(List.of(), 1, 1), own, layer.surroundings);
    Bindings read = text.isUtf8(own) ? BindingFile.read(text, root, own, false) : null;
    if (read != null && layer.problems.errors() == errors) {
      BindingTable loaded = read.rows().build(table);
      bindings.clear();
      table = loaded;
    }
  }

  /** A binding of a patch: one to add, or to take away. */
  void patch(Binding wanted) {
    Binding key = new Binding(Layer.AWAY, wanted.protocol(), wanted.prefix(), wanted.port());
    if (!wanted.label().equals(Layer.AWAY)) {
      bindings.put(key, wanted.label());
    } else if (boundTo(key) == null) {
      layer.error(EditedLayer.words("remove", BindingKeys.text(key)), "nothing is bound there");
    } else {
      takeAway(key);
    }
  }

  /** Whether traffic of the protocol has this label, in any layer. */
  boolean isBound(String label, Protocol protocol) {
    return bindings.entrySet().stream()
            .anyMatch(it -> it.getKey().protocol() == protocol && it.getValue().equals(label))
        || layer.document.layers().stream()
            .anyMatch(it -> isBoundIn(it.bindings(), label, protocol));
  }

  private static boolean isBoundIn(BindingTable table, String label, Protocol protocol) {
    int id = table.labels().indexOf(label);
    return id >= 0 && table.counts(protocol)[id] > 0;
  }

  /** The table before the changes, or the one that was loaded. */
  BindingTable unedited() {
    return table;
  }

  /** The table with the changes. */
  BindingTable result() {
    if (bindings.isEmpty()) {
      return table;
    }
    List<Binding> put = new ArrayList<>();
    List<Binding> remove = new ArrayList<>();
    bindings.forEach((key, label) -> {
      if (label.equals(UNSAID)) {
        remove.add(key);
      } else {
        put.add(new Binding(label, key.protocol(), key.prefix(), key.port()));
      }
    });
    return table.with(new BindingTable.Difference(put, remove));
  }
}
