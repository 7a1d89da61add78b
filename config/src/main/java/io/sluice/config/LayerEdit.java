package io.sluice.config;

import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import io.sluice.steering.binding.BindingTable;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Makes changes in a layer. What is wrong with one doesn't keep the others from being looked at, so
 * that all problems are named at once.
 */
final class LayerEdit {
  /** The label of a binding that the layer says nothing of any more. */
  private static final String UNSAID = "\0";

  private final Document document;
  private final Layer layer;
  private final Problems problems;
  private final Value.Surroundings surroundings;
  private final Item.Source source;
  private final Map<Item.Key, Item> items;
  private final Map<Binding, String> bindings = new LinkedHashMap<>(); // by binding without label
  private BindingTable table;
  private boolean hasOtherItems;

  private LayerEdit(Document document, String layer, Problems problems) {
    this.document = document;
    this.layer = document.layer(layer);
    this.problems = problems;
    this.surroundings = document.surroundings();
    this.source = new Item.Source(layer, layer, surroundings);
    this.items = new LinkedHashMap<>(this.layer.items());
    this.table = this.layer.bindings();
  }

  /** The layer with these changes; without those that have problems. */
  static Layer apply(Document document, String layer, List<Change> changes, Problems problems) {
    LayerEdit edit = new LayerEdit(document, layer, problems);
    changes.forEach(edit::apply);
    return edit.result();
  }

  private void apply(Change change) {
    switch (change) {
      case Change.Bind it -> bind(it);
      case Change.Unbind it -> unbind(it);
      case Change.LoadBindings it -> load(it);
      case Change.Register it -> register(it);
      case Change.Unregister it -> unregister(it);
      case Change.Set it -> set(it);
      case Change.Swap it -> swap(it);
      case Change.Put it -> put(it);
      case Change.Remove it -> remove(it.kind().section(), it.name());
      case Change.Move it -> move(it);
      case Change.Patch it -> patch(it);
    }
  }

  private Layer result() {
    List<Binding> put = new ArrayList<>();
    List<Binding> remove = new ArrayList<>();
    bindings.forEach((key, label) -> {
      if (label.equals(UNSAID)) {
        remove.add(key);
      } else {
        put.add(new Binding(label, key.protocol(), key.prefix(), key.port()));
      }
    });
    BindingTable next =
        bindings.isEmpty() ? table : table.with(new BindingTable.Difference(put, remove));
    return hasOtherItems
        ? new Layer(layer.name(), items, next, layer.places(), Set.of())
        : layer.with(next);
  }

  /** What a parser makes of words that somebody typed; null, after a problem, if it can't. */
  private <T> @Nullable T parsed(String what, Supplier<T> parser) {
    try {
      return parser.get();
    } catch (IllegalArgumentException wrong) {
      error(what, String.valueOf(wrong.getMessage()));
      return null;
    }
  }

  private void error(String what, String message) {
    problems.of(layer.name()).error(0, 0, what, message);
  }

  // Bindings

  private void bind(Change.Bind change) {
    String what = words("bind", change.label(), change.protocol(), change.prefix(), change.port());
    String label = parsed(what, () -> Labels.parse(change.label()));
    List<Binding> keys = keys(what, change.protocol(), change.prefix(), change.port());
    if (label != null) {
      keys.forEach(it -> bindings.put(it, label));
    }
  }

  private List<Binding> keys(String what, @Nullable String protocol, String prefix, String port) {
    List<Binding> keys = parsed(what, () -> BindingKeys.of(protocol, prefix, port));
    return keys == null ? List.of() : keys;
  }

  private static String words(String verb, @Nullable String... words) {
    StringBuilder line = new StringBuilder(verb);
    for (String word : words) {
      line.append(word == null ? "" : " " + word);
    }
    return line.toString();
  }

  private void unbind(Change.Unbind change) {
    String what =
        words("unbind", change.label(), change.protocol(), change.prefix(), change.port());
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
      error(
          what,
          other == null
              ? "nothing is bound there; bindings shows what is"
              : "it is bound to '" + other + "'; unbind that label");
    }
  }

  private void takeAway(Binding key) {
    bindings.put(key, MergedBindings.label(below(), key) == null ? UNSAID : Layer.AWAY);
  }

  private List<Layer> below() {
    List<Layer> layers = document.layers();
    for (int i = 0; i < layers.size(); i++) {
      if (layers.get(i).name().equals(layer.name())) {
        return layers.subList(0, i);
      }
    }
    return layers;
  }

  private @Nullable String boundTo(Binding key) {
    String said = bindings.get(key);
    if (said == null) {
      int index = table.find(key.protocol(), key.prefix(), key.port());
      said = index < 0 ? UNSAID : table.labels().get(table.labelId(index));
    }
    return said.equals(Layer.AWAY)
        ? null
        : said.equals(UNSAID) ? MergedBindings.label(below(), key) : said;
  }

  private void load(Change.LoadBindings change) {
    Problems own = problems.of(change.name());
    int errors = problems.errors();
    ConfigText.Utf8 text = new ConfigText.Utf8(change.text().getBytes(StandardCharsets.UTF_8));
    Value root = Value.root(new Node.Mapping(List.of(), 1, 1), own, surroundings);
    Bindings read = text.isUtf8(own) ? BindingFile.read(text, root, own, false) : null;
    if (read != null && problems.errors() == errors) {
      BindingTable loaded = read.rows().build(table);
      bindings.clear();
      table = loaded;
    }
  }

  // Targets

  private void register(Change.Register change) {
    String what = words("register", change.label(), change.protocol(), change.address());
    TargetAddress address = parsed(what, () -> TargetAddress.parse(change.address()));
    String label = parsed(what, () -> Labels.parse(change.label()));
    List<String> destinations = destinations(what, change.label(), change.protocol());
    String weight = change.weight();
    if (weight != null) { // it may be read only later, when something leads there
      checkWeight(what, weight);
    }
    if (address == null || label == null) {
      return;
    }
    for (String destination : destinations) {
      if (!(address instanceof TargetAddress.Unix) || destination.startsWith("tcp ")) {
        putTarget(destination, address.toString(), weight);
      }
    }
  }

  private void checkWeight(String what, String weight) {
    Integer _ = parsed(what, () -> Value.parseInteger(weight, 0, DestinationSection.MAX_WEIGHT));
  }

  private void putTarget(String destination, String address, @Nullable String weight) {
    int space = destination.indexOf(' ');
    List<Node.Entry> entries = new ArrayList<>();
    entries.add(entry("destination", destination.substring(space + 1)));
    entries.add(entry("protocol", destination.substring(0, space)));
    entries.add(entry("address", address));
    if (weight != null) {
      entries.add(entry("weight", weight));
    }
    put(ItemNames.TARGETS, destination + " " + address, Item.How.PUT, map(entries));
  }

  private static Node.Entry entry(String key, String value) {
    return TargetNodes.entry(key, TargetNodes.scalar(value));
  }

  private static Node.Mapping map(List<Node.Entry> entries) {
    return new Node.Mapping(List.copyOf(entries), 0, 0);
  }

  /** The destinations, as {@code tcp web}, that a label stands for, or may stand for. */
  private List<String> destinations(String what, String label, @Nullable String protocol) {
    if (protocol != null) {
      return destination(what, label, protocol);
    }
    List<String> all = List.of("tcp " + label, "udp " + label);
    MergedSections merged = merged();
    List<String> known =
        all.stream().filter(it -> merged.destination(it) != null || merged.isUsed(it)).toList();
    return known.isEmpty() ? all : known;
  }

  private List<String> destination(String what, String label, String protocol) {
    Protocol parsed = parsed(what, () -> Words.protocol(protocol));
    return parsed == null ? List.of() : List.of(parsed.word() + " " + label);
  }

  /** The document as it is with the changes so far. */
  private MergedSections merged() {
    Layer now = new Layer(layer.name(), items, table, layer.places(), Set.of());
    return new MergedSections(
        document.with(now), new Problems(layer.name()), Set.of(), this::isBound);
  }

  private boolean isBound(String label, Protocol protocol) {
    return bindings.entrySet().stream()
            .anyMatch(it -> it.getKey().protocol() == protocol && it.getValue().equals(label))
        || document.layers().stream().anyMatch(it -> isBoundIn(it.bindings(), label, protocol));
  }

  private static boolean isBoundIn(BindingTable table, String label, Protocol protocol) {
    int id = table.labels().indexOf(label);
    return id >= 0 && table.counts(protocol)[id] > 0;
  }

  /** The names of a destination's targets, with the changes so far. */
  private Set<String> targets(MergedSections merged, String destination) {
    Set<String> names = new TreeSet<>();
    Node node = merged.destination(destination);
    if (node != null) {
      TargetNodes.list(node)
          .forEach(it -> names.add(destination + " " + TargetNodes.address(it, surroundings)));
    }
    items.forEach((key, item) -> { // of a destination that isn't there yet, too
      if (key.section().equals(ItemNames.TARGETS)
          && item.how() != Item.How.AWAY
          && MergedSections.destinationOf(key.name()).equals(destination)) {
        names.add(key.name());
      }
    });
    return names;
  }

  /** The targets of this address, of each protocol of the label; none, after a problem. */
  private List<String> found(String what, String label, @Nullable String protocol, String address) {
    String canonical = ItemNames.address(address);
    MergedSections merged = merged();
    List<String> found = new ArrayList<>();
    Set<String> others = new LinkedHashSet<>();
    for (String destination : destinations(what, label, protocol)) {
      for (String target : targets(merged, destination)) {
        others.add(MergedSections.addressOf(target));
        if (MergedSections.addressOf(target).equals(canonical)) {
          found.add(target);
        }
      }
    }
    if (found.isEmpty()) {
      error(
          what,
          others.isEmpty()
              ? "'" + label + "' has no target"
              : "no target of '"
                  + label
                  + "' has that address; it has "
                  + String.join(", ", others));
    }
    return found;
  }

  private void unregister(Change.Unregister change) {
    String what = words("unregister", change.label(), change.protocol(), change.address());
    found(what, change.label(), change.protocol(), change.address()).forEach(this::removeTarget);
  }

  private void removeTarget(String target) {
    String destination = MergedSections.destinationOf(target);
    Item own = items.get(new Item.Key("destinations", destination));
    Node listing = own == null ? mergedBelow().destination(destination) : own.node();
    boolean isListed =
        listing != null
            && TargetNodes.list(listing).stream()
                .anyMatch(it ->
                    TargetNodes.address(it, surroundings).equals(MergedSections.addressOf(target)));
    remove(ItemNames.TARGETS, target, isListed);
  }

  private MergedSections mergedBelow() {
    return new MergedSections(
        new Document(below()), new Problems(layer.name()), Set.of(), this::isBound);
  }

  private void set(Change.Set change) {
    String what = words("set", change.label(), change.protocol(), change.address());
    for (String target : found(what, change.label(), change.protocol(), change.address())) {
      Item known = items.get(new Item.Key(ItemNames.TARGETS, target));
      String destination = MergedSections.destinationOf(target);
      int space = destination.indexOf(' ');
      List<Node.Entry> entries = new ArrayList<>();
      if (known != null && known.node() instanceof Node.Mapping mapping) {
        mapping.entries().stream()
            .filter(it -> !change.settings().containsKey(it.key().text()))
            .forEach(entries::add);
      } else {
        entries.add(entry("destination", destination.substring(space + 1)));
        entries.add(entry("protocol", destination.substring(0, space)));
        entries.add(entry("address", MergedSections.addressOf(target)));
      }
      change.settings().forEach((key, value) -> entries.add(entry(key, value)));
      Item.How how = known != null && known.how() == Item.How.PUT ? Item.How.PUT : Item.How.SET;
      put(ItemNames.TARGETS, target, how, map(entries));
    }
  }

  private void swap(Change.Swap change) {
    String what = words("swap", change.label(), change.protocol());
    Set<String> wanted = new LinkedHashSet<>();
    for (String text : change.addresses()) {
      TargetAddress address = parsed(what, () -> TargetAddress.parse(text));
      if (address != null) {
        wanted.add(address.toString());
      }
    }
    if (change.addresses().isEmpty()) {
      error(what, "no target is named; write --to ADDRESS,…");
    }
    if (wanted.size() < change.addresses().size()) {
      return;
    }
    MergedSections merged = merged();
    for (String destination : destinations(what, change.label(), change.protocol())) {
      Set<String> there = targets(merged, destination);
      for (String target : there) {
        if (!wanted.contains(MergedSections.addressOf(target))) {
          removeTarget(target);
        }
      }
      for (String address : wanted) {
        if (!there.contains(destination + " " + address)) {
          putTarget(destination, address, null);
        }
      }
    }
  }

  // Whole things

  private void put(Change.Put change) {
    String section = change.kind().section();
    Problems own = problems.of(layer.name());
    Node node = YamlTree.parse(new ConfigText.Characters(change.yaml()), own, null);
    if (node == null) {
      return;
    }
    if (!(node instanceof Node.Mapping mapping)) {
      own.error(1, 1, section, "expected one item, as {key: value, …}");
      return;
    }
    if (change.name() != null && ItemNames.field(node, "name") == null) {
      List<Node.Entry> entries = new ArrayList<>(mapping.entries());
      entries.add(entry("name", change.name()));
      mapping = new Node.Mapping(List.copyOf(entries), mapping.line(), mapping.column());
      node = mapping;
    }
    if (change.kind() == Change.Kind.LIMIT) {
      mapping.entries().forEach(it -> put(section, it.key().text(), Item.How.PUT, it.value()));
      return;
    }
    String name = ItemNames.of(section, node, surroundings);
    forgetTargets(section, name);
    put(section, name, Item.How.PUT, node);
  }

  private void put(String section, String name, Item.How how, Node node) {
    hasOtherItems = true;
    Item.Key key = new Item.Key(section, name);
    items.put(key, new Item(key, how, node, 0, source));
  }

  /** A destination that is replaced, or taken away, has none of what was changed of its targets. */
  private void forgetTargets(String section, String name) {
    if (section.equals("destinations")) {
      items
          .keySet()
          .removeIf(it ->
              it.section().equals(ItemNames.TARGETS)
                  && MergedSections.destinationOf(it.name()).equals(name));
    }
  }

  private void remove(String section, String name) {
    List<String> names =
        section.equals("destinations") && !name.startsWith("tcp ") && !name.startsWith("udp ")
            ? List.of("tcp " + name, "udp " + name)
            : List.of(name);
    boolean isFound = false;
    for (String one : names) {
      boolean isBelow = isBelow(new Item.Key(section, one));
      Item own = items.get(new Item.Key(section, one));
      boolean isThere = own == null ? isBelow : own.how() != Item.How.AWAY || !isBelow;
      boolean isImplied =
          section.equals("destinations") && !isThere && merged().destination(one) != null;
      if (isThere || isImplied) {
        isFound = true;
        forgetTargets(section, one);
        remove(section, one, isBelow);
      }
    }
    if (!isFound) {
      error(words("remove", section, name), "there is none; config shows what there is");
    }
  }

  private boolean isBelow(Item.Key key) {
    boolean isThere = false;
    for (Layer it : below()) {
      Item item = it.items().get(key);
      isThere = item == null ? isThere : item.how() != Item.How.AWAY;
    }
    return isThere;
  }

  private void remove(String section, String name, boolean isBelow) {
    hasOtherItems = true;
    if (isBelow) {
      put(section, name, Item.How.AWAY, TargetNodes.scalar(name));
    } else {
      items.remove(new Item.Key(section, name));
    }
  }

  private void move(Change.Move change) {
    List<String> names = new ArrayList<>(merged().programs());
    String what = words("move", change.program());
    for (String name :
        change.before() == null
            ? List.of(change.program())
            : List.of(change.program(), change.before())) {
      if (!names.contains(name)) {
        error(what, "no program has the name '" + name + "'; there are " + names);
        return;
      }
    }
    names.remove(change.program());
    String before = change.before();
    names.add(before == null ? names.size() : names.indexOf(before), change.program());
    put(
        "order",
        "programs",
        Item.How.PUT,
        new Node.Sequence(names.stream().map(it -> (Node) TargetNodes.scalar(it)).toList(), 0, 0));
  }

  private void patch(Change.Patch change) {
    Problems own = problems.of(change.name());
    Item.Source from = new Item.Source(layer.name(), change.name(), surroundings);
    int errors = problems.errors();
    LayerReader.Draft draft =
        LayerReader.patch(new ConfigText.Characters(change.yaml()), from, own);
    if (draft == null || problems.errors() > errors) {
      return;
    }
    draft
        .layer()
        .bindings()
        .forEach(it -> {
          Binding key = new Binding(Layer.AWAY, it.protocol(), it.prefix(), it.port());
          if (!it.label().equals(Layer.AWAY)) {
            bindings.put(key, it.label());
          } else if (boundTo(key) == null) {
            error(words("remove", BindingKeys.text(key)), "nothing is bound there");
          } else {
            takeAway(key);
          }
        });
    for (Item item : draft.layer().items().values()) {
      Item.Key key = item.key();
      if (item.how() == Item.How.AWAY && key.section().equals(ItemNames.TARGETS)) {
        Set<String> there = targets(merged(), MergedSections.destinationOf(key.name()));
        if (there.contains(key.name())) {
          removeTarget(key.name());
        } else {
          error(words("remove", "targets", key.name()), "there is none; there are " + there);
        }
      } else if (item.how() == Item.How.AWAY) {
        remove(key.section(), key.name());
      } else {
        hasOtherItems = true;
        forgetTargets(key.section(), key.name());
        items.put(key, item);
      }
    }
  }
}
