package io.sluice.config;

import io.sluice.steering.binding.Binding;
import io.sluice.steering.binding.BindingTable;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Takes a text apart into named things, and reads its bindings. What the other things say is read
 * when the layers have been merged, by {@link Merge}.
 */
final class LayerReader {
  private static final int VERSION = 1;
  private static final List<String> LISTS =
      List.of("capture", "destinations", "programs", "shadows", "listeners");
  private static final List<String> SINGLE = List.of("expect", "loops", "admin");
  private static final List<String> FILE_KEYS =
      List.of(
          "requireEnd",
          "version",
          "capture",
          "bindings",
          "destinations",
          "programs",
          "shadows",
          "listeners",
          "expect",
          "loops",
          "limits",
          "admin",
          "end");
  private static final List<String> PATCH_KEYS =
      List.of(
          "version",
          "capture",
          "bindings",
          "destinations",
          "targets",
          "programs",
          "shadows",
          "order",
          "listeners",
          "limits",
          "set",
          "remove");
  static final List<String> REMOVABLE =
      List.of(
          "bindings",
          "capture",
          "destinations",
          "targets",
          "programs",
          "shadows",
          "listeners",
          "limits");

  private final Item.Source source;
  private final Problems problems;
  private final Map<Item.Key, Item> items = new LinkedHashMap<>();
  private final Set<String> unreadable = new HashSet<>();

  private LayerReader(Item.Source source, Problems problems) {
    this.source = source;
    this.problems = problems;
  }

  /** A layer that has just been read, with what is known of its bindings only then. */
  record Draft(Layer layer, Bindings bindings) {}

  /**
   * The layer that is the file; null after a problem with the text as a whole.
   *
   * @param before what it was until now: bindings that are the same are shared
   */
  static @Nullable Draft file(
      ConfigText text, Value.Surroundings surroundings, Problems problems, @Nullable Layer before) {
    Item.Source source = new Item.Source(Layer.FILE, problems.file(), surroundings);
    return new LayerReader(source, problems).read(text, true, before);
  }

  /** Another layer, or changes of one; null after a problem with the text as a whole. */
  static @Nullable Draft patch(ConfigText text, Item.Source source, Problems problems) {
    return new LayerReader(source, problems).read(text, false, null);
  }

  private @Nullable Draft read(ConfigText text, boolean isFile, @Nullable Layer before) {
    List<String> keys = isFile ? FILE_KEYS : PATCH_KEYS;
    Node.Mapping place = new Node.Mapping(List.of(), 1, 1);
    BindingSection section =
        new BindingSection(
            Value.root(place, problems, source.surroundings()).at(BindingSection.KEY, place));
    Node root =
        YamlTree.parse(text, problems, new YamlTree.Streamed(BindingSection.KEY, section::item));
    Fields fields =
        root == null ? null : Fields.of(Value.root(root, problems, source.surroundings()), keys);
    if (fields == null) {
      return null;
    }
    if (isFile) {
      fields.required("version", "1", LayerReader::version);
      EndMarker.check(fields);
    } else {
      fields.optional("version", VERSION, LayerReader::version);
    }
    LISTS.forEach(it -> list(fields, it, isFile));
    if (isFile && !fields.has("programs") && !fields.isExcused("programs")) {
      impliedProgram();
    }
    limits(fields);
    for (String key : SINGLE) {
      Value value = fields.optional(key);
      if (value != null) {
        add(key, key, Item.How.PUT, value.node(), 0);
      }
    }
    Bindings bindings = section.read(fields.optional(BindingSection.KEY));
    if (isUnreadable(fields, BindingSection.KEY)) {
      unreadable.add(BindingSection.KEY);
    }
    BindingTable table = bindings.rows().build(before == null ? null : before.bindings());
    if (!isFile) {
      table = patchOnly(fields, table);
    }
    BindingPlaces places =
        isFile ? bindings.rows().places(table) : BindingPlaces.none(source.layer());
    if (before != null && before.places().isSame(places)) {
      places = before.places(); // a history of them takes no more than one
    }
    return new Draft(new Layer(source.layer(), items, table, places, unreadable), bindings);
  }

  private static boolean isUnreadable(Fields fields, String key) {
    Value section = fields.optional(key);
    return section == null ? fields.isExcused(key) : !section.isList() && !section.isMap();
  }

  private void list(Fields fields, String section, boolean isFile) {
    Value list = fields.optional(section);
    if (list == null || !list.isList()) {
      if (list != null) {
        list.items(); // says that it is no list
      }
      if (list != null || fields.isExcused(section)) {
        unreadable.add(section);
      }
      return;
    }
    if (isFile) {
      Node.Sequence empty = new Node.Sequence(List.of(), list.line(), list.column());
      add(section, "", Item.How.PUT, empty, 0); // it is there, though it may have no items
    }
    items(list, section, Item.How.PUT);
  }

  private void items(Value list, String section, Item.How how) {
    List<Value> values = list.items();
    for (int i = 0; i < values.size(); i++) {
      Node node = values.get(i).node();
      String name = ItemNames.of(section, node, source.surroundings());
      if (items.containsKey(new Item.Key(section, name))) {
        name += " at " + node.line() + ":" + node.column(); // both complain when they are read
      }
      add(section, name, how, node, i);
    }
  }

  private void add(String section, String name, Item.How how, Node node, int index) {
    Item.Key key = new Item.Key(section, name);
    items.put(key, new Item(key, how, node, index, source));
  }

  /** The program that a file without {@code programs} has. */
  private void impliedProgram() {
    Node.Scalar bindings = new Node.Scalar("bindings", true, 0, 0);
    List<Node.Entry> entries = new ArrayList<>();
    for (String key : List.of("name", "builtin")) {
      entries.add(new Node.Entry(new Node.Scalar(key, true, 0, 0), bindings));
    }
    add("programs", "bindings", Item.How.PUT, new Node.Mapping(entries, 0, 0), 0);
  }

  private void limits(Fields fields) {
    Value section = fields.optional("limits");
    Fields limits = section == null ? null : Fields.of(section, ProcessSections.LIMIT_KEYS);
    if (limits != null) {
      for (String key : ProcessSections.LIMIT_KEYS) {
        Value value = limits.optional(key);
        if (value != null) {
          add("limits", key, Item.How.PUT, value.node(), 0);
        }
      }
    }
  }

  /** What a file doesn't have: targets by themselves, and what is taken away. */
  private BindingTable patchOnly(Fields fields, BindingTable put) {
    Value targets = fields.optional(ItemNames.TARGETS);
    if (targets != null) {
      items(targets, ItemNames.TARGETS, Item.How.PUT);
    }
    Value set = fields.optional("set");
    Fields settings = set == null ? null : Fields.of(set, List.of(ItemNames.TARGETS));
    Value setTargets = settings == null ? null : settings.optional(ItemNames.TARGETS);
    if (setTargets != null) {
      items(setTargets, ItemNames.TARGETS, Item.How.SET);
    }
    Value order = fields.optional("order");
    if (order != null) {
      add("order", "programs", Item.How.PUT, order.node(), 0);
    }
    Value remove = fields.optional("remove");
    Fields removals = remove == null ? null : Fields.of(remove, REMOVABLE);
    if (removals == null) {
      return put;
    }
    List<Binding> away = new ArrayList<>();
    for (String section : REMOVABLE) {
      Value list = removals.optional(section);
      List<Value> names = list == null ? List.of() : list.oneOrMore();
      for (Value value : names) {
        if (section.equals(BindingSection.KEY)) {
          List<Binding> keys = value.parse(BindingKeys::parse);
          away.addAll(keys == null ? List.of() : keys);
        } else {
          String name = value.parse(Labels::parse);
          if (name != null) {
            add(section, name, Item.How.AWAY, value.node(), 0);
          }
        }
      }
    }
    return put.with(new BindingTable.Difference(away, List.of()));
  }

  private static @Nullable Integer version(Value value) {
    String text = value.text();
    if (text != null && !text.equals(String.valueOf(VERSION))) {
      value.error("version \"" + text + "\" isn't known; this release reads version " + VERSION);
    }
    return VERSION;
  }
}
