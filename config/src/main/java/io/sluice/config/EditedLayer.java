package io.sluice.config;

import io.sluice.steering.binding.BindingTable;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A layer while it is changed: what it is a layer of, its items, and where problems go. */
final class EditedLayer {
  final Document document;
  final Layer before;
  final Problems problems;
  final Value.Surroundings surroundings;
  private final Item.Source source;
  private final Map<Item.Key, Item> items;
  private boolean hasOtherItems;

  EditedLayer(Document document, String layer, Problems problems) {
    this.document = document;
    this.before = document.layer(layer);
    this.problems = problems;
    this.surroundings = document.surroundings();
    this.source = new Item.Source(layer, layer, surroundings);
    this.items = new LinkedHashMap<>(before.items());
  }

  String name() {
    return before.name();
  }

  // What somebody typed

  /** What a parser makes of words that somebody typed; null, after a problem, if it can't. */
  <T> @Nullable T parsed(String what, Supplier<T> parser) {
    try {
      return parser.get();
    } catch (IllegalArgumentException wrong) {
      error(what, String.valueOf(wrong.getMessage()));
      return null;
    }
  }

  void error(String what, String message) {
    problems.of(name()).error(0, 0, what, message);
  }

  /** The change as somebody would type it: what problems call it. */
  static String words(String verb, @Nullable String... words) {
    StringBuilder line = new StringBuilder(verb);
    for (String word : words) {
      line.append(word == null ? "" : " " + word);
    }
    return line.toString();
  }

  // Items

  /** The layers that this one changes. */
  List<Layer> below() {
    List<Layer> layers = document.layers();
    for (int i = 0; i < layers.size(); i++) {
      if (layers.get(i).name().equals(name())) {
        return layers.subList(0, i);
      }
    }
    return layers;
  }

  @Nullable Item item(String section, String name) {
    return items.get(new Item.Key(section, name));
  }

  Map<Item.Key, Item> items() {
    return items;
  }

  void put(Item item) {
    hasOtherItems = true;
    items.put(item.key(), item);
  }

  void put(String section, String name, Item.How how, Node node) {
    put(new Item(new Item.Key(section, name), how, node, 0, source));
  }

  /**
   * Takes an item away.
   *
   * @param isBelow whether a layer below has it: then this one must say that it is gone
   */
  void remove(String section, String name, boolean isBelow) {
    hasOtherItems = true;
    if (isBelow) {
      put(section, name, Item.How.AWAY, TargetNodes.scalar(name));
    } else {
      items.remove(new Item.Key(section, name));
    }
  }

  /** A destination that is replaced, or taken away, has none of what was changed of its targets. */
  void forgetTargets(String section, String name) {
    if (section.equals("destinations")) {
      items
          .keySet()
          .removeIf(it ->
              it.section().equals(ItemNames.TARGETS)
                  && MergedSections.destinationOf(it.name()).equals(name));
    }
  }

  /** The layer with the items as they are now. */
  Layer with(BindingTable bindings) {
    return hasOtherItems
        ? new Layer(name(), items, bindings, before.places(), Set.of())
        : before.with(bindings);
  }
}
