package io.sluice.config;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Changes of a layer's named things, each as a whole. */
final class ItemEdits {
  private final EditedLayer layer;
  private final BindingEdits bindings;

  ItemEdits(EditedLayer layer, BindingEdits bindings) {
    this.layer = layer;
    this.bindings = bindings;
  }

  void put(Change.Put change) {
    String section = change.kind().section();
    Problems own = layer.problems.of(layer.name());
    Node node = YamlTree.parse(new ConfigText.Characters(change.yaml()), own, null);
    if (node == null) {
      return;
    }
    if (!(node instanceof Node.Mapping written)) {
      own.error(1, 1, section, "expected one item, as {key: value, …}");
      return;
    }
    Node.Mapping mapping = named(written, change.name());
    if (change.kind() == Change.Kind.LIMIT) {
      mapping
          .entries()
          .forEach(it -> layer.put(section, it.key().text(), Item.How.PUT, it.value()));
      return;
    }
    String name = ItemNames.of(section, mapping, layer.surroundings);
    layer.forgetTargets(section, name);
    layer.put(section, name, Item.How.PUT, mapping);
  }

  /** With a name, unless it says one. */
  private static Node.Mapping named(Node.Mapping item, @Nullable String name) {
    if (name == null || ItemNames.field(item, "name") != null) {
      return item;
    }
    List<Node.Entry> entries = new ArrayList<>(item.entries());
    entries.add(TargetNodes.entry("name", TargetNodes.scalar(name)));
    return new Node.Mapping(List.copyOf(entries), item.line(), item.column());
  }

  void remove(String section, String name) {
    List<String> names =
        section.equals("destinations") && !name.startsWith("tcp ") && !name.startsWith("udp ")
            ? List.of("tcp " + name, "udp " + name)
            : List.of(name);
    boolean isFound = false;
    for (String one : names) {
      boolean isBelow = isBelow(new Item.Key(section, one));
      Item own = layer.item(section, one);
      boolean isThere = own == null ? isBelow : own.how() != Item.How.AWAY || !isBelow;
      boolean isImplied =
          section.equals("destinations") && !isThere && merged().destination(one) != null;
      if (isThere || isImplied) {
        isFound = true;
        layer.forgetTargets(section, one);
        layer.remove(section, one, isBelow);
      }
    }
    if (!isFound) {
      layer.error(
          EditedLayer.words("remove", section, name), "there is none; config shows what there is");
    }
  }

  private boolean isBelow(Item.Key key) {
    boolean isThere = false;
    for (Layer it : layer.below()) {
      Item item = it.items().get(key);
      isThere = item == null ? isThere : item.how() != Item.How.AWAY;
    }
    return isThere;
  }

  void move(Change.Move change) {
    List<String> names = new ArrayList<>(merged().programs());
    String what = EditedLayer.words("move", change.program());
    for (String name :
        change.before() == null
            ? List.of(change.program())
            : List.of(change.program(), change.before())) {
      if (!names.contains(name)) {
        layer.error(what, "no program has the name '" + name + "'; there are " + names);
        return;
      }
    }
    names.remove(change.program());
    String before = change.before();
    names.add(before == null ? names.size() : names.indexOf(before), change.program());
    layer.put(
        "order",
        "programs",
        Item.How.PUT,
        new Node.Sequence(names.stream().map(it -> (Node) TargetNodes.scalar(it)).toList(), 0, 0));
  }

  /** The document as it is with the changes so far. */
  MergedSections merged() {
    Layer now =
        new Layer(
            layer.name(), layer.items(), bindings.unedited(), layer.before.places(), Set.of());
    return merged(layer.document.with(now));
  }

  /** The document without this layer and those above. */
  MergedSections mergedBelow() {
    return merged(new Document(layer.below()));
  }

  private MergedSections merged(Document document) {
    return new MergedSections(document, new Problems(layer.name()), Set.of(), bindings::isBound);
  }
}
