package io.sluice.config;

import io.sluice.steering.Protocol;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.BiPredicate;
import org.jspecify.annotations.Nullable;

/**
 * The layers as one document, as if somebody had written it so: of each thing, what the last layer
 * says. Everything in it still knows the layer that it comes from.
 */
final class MergedSections {
  private final Problems problems;
  private final Set<Item> idle;
  private final BiPredicate<String, Protocol> isBound;
  private final Map<String, Map<String, Node>> sections = new LinkedHashMap<>();
  private final Map<String, Node> presence = new HashMap<>();
  private final Map<String, Map<String, Item>> targets = new LinkedHashMap<>(); // by destination
  private final Map<Item, Problems> reports = new LinkedHashMap<>();
  private final List<Item> unfit = new ArrayList<>();
  private List<String> order = List.of();

  /**
   * Merges.
   *
   * @param problems the file's
   * @param idle what is left out
   * @param isBound whether bindings lead to a label
   */
  MergedSections(
      Document document, Problems problems, Set<Item> idle, BiPredicate<String, Protocol> isBound) {
    this.problems = problems;
    this.idle = idle;
    this.isBound = isBound;
    document.layers().forEach(this::add);
    targets.forEach(this::addTargets);
    sort();
  }

  private void add(Layer layer) {
    for (Item item : layer.items().values()) {
      if (idle.contains(item)) {
        continue;
      }
      String section = item.key().section();
      String name = item.key().name();
      if (section.equals(ItemNames.TARGETS)) {
        targets.computeIfAbsent(destinationOf(name), _ -> new LinkedHashMap<>()).put(name, item);
      } else if (section.equals("order")) {
        order = names(item);
      } else if (name.isEmpty()) {
        presence.put(section, item.node());
      } else if (item.how() == Item.How.AWAY) {
        if (section(section).remove(name) == null) {
          unfit.add(item);
        }
      } else {
        section(section).put(name, placed(item, item.node()));
      }
    }
  }

  private static List<String> names(Item item) {
    return item.node() instanceof Node.Sequence list
        ? list.items().stream()
            .map(it -> it instanceof Node.Scalar scalar ? scalar.text() : "")
            .toList()
        : List.of();
  }

  private Map<String, Node> section(String section) {
    return sections.computeIfAbsent(section, _ -> new LinkedHashMap<>());
  }

  private Node.Placed placed(Item item, Node node) {
    boolean isOfFile = item.source().layer().equals(Layer.FILE);
    Problems to =
        isOfFile ? problems : reports.computeIfAbsent(item, it -> problems.of(it.source().file()));
    return new Node.Placed(node, item.index(), to, item.source().surroundings());
  }

  /** {@code tcp web} of {@code tcp web 127.0.0.1:80}. */
  static String destinationOf(String target) {
    return target.substring(0, Math.max(0, target.lastIndexOf(' ')));
  }

  static String addressOf(String target) {
    return target.substring(target.lastIndexOf(' ') + 1);
  }

  /** Puts a destination's own targets and those of other layers together. */
  private void addTargets(String destination, Map<String, Item> changes) {
    Node known = section("destinations").get(destination);
    Map<String, Node> left = known == null ? new LinkedHashMap<>() : targetsOf(known);
    changes.forEach((name, item) -> {
      String address = addressOf(name);
      switch (item.how()) {
        case PUT -> left.put(address, placed(item, TargetNodes.target(item.node(), null)));
        case SET -> {
          Node before = left.get(address);
          if (before == null) {
            unfit.add(item);
          } else {
            left.put(address, placed(item, TargetNodes.target(item.node(), before)));
          }
        }
        case AWAY -> {
          if (left.remove(address) == null) {
            unfit.add(item);
          }
        }
      }
    });
    if (known == null) {
      if (!left.isEmpty() && isUsed(destination)) {
        Item first = changes.values().iterator().next();
        section("destinations")
            .put(destination, placed(first, TargetNodes.implied(destination, left.values())));
      } else {
        changes.values().stream().filter(it -> it.how() == Item.How.PUT).forEach(unfit::add);
      }
    } else {
      section("destinations").put(destination, TargetNodes.with(known, left.values()));
    }
  }

  private static Map<String, Node> targetsOf(Node destination) {
    Map<String, Node> targets = new LinkedHashMap<>();
    Value.Surroundings surroundings =
        destination instanceof Node.Placed placed ? placed.surroundings() : Value.Surroundings.NONE;
    for (Node target : TargetNodes.list(destination)) {
      targets.put(TargetNodes.address(target, surroundings), target);
    }
    return targets;
  }

  /** Whether traffic leads to a destination that nobody has written down. */
  boolean isUsed(String destination) {
    Protocol protocol = destination.startsWith("udp ") ? Protocol.UDP : Protocol.TCP;
    String label = destination.substring(destination.indexOf(' ') + 1);
    return isBound.test(label, protocol)
        || sections.getOrDefault("listeners", Map.of()).values().stream()
            .anyMatch(it -> TargetNodes.leadsTo(it, "destination", label))
        || sections.getOrDefault("programs", Map.of()).values().stream()
            .flatMap(it -> TargetNodes.rules(it).stream())
            .anyMatch(it -> TargetNodes.leadsTo(it, "assign", label));
  }

  private void sort() {
    Map<String, Node> programs = sections.get("programs");
    if (programs != null && !order.isEmpty()) {
      Map<String, Node> sorted = new LinkedHashMap<>();
      programs.entrySet().stream()
          .sorted(
              Comparator.comparingInt(it -> {
                int at = order.indexOf(it.getKey());
                return at < 0 ? Integer.MAX_VALUE : at;
              }))
          .forEach(it -> sorted.put(it.getKey(), it.getValue()));
      sections.put("programs", sorted);
    }
  }

  /** The document's root. */
  Node.Mapping root() {
    List<Node.Entry> entries = new ArrayList<>();
    Set<String> keys = new LinkedHashSet<>(presence.keySet());
    keys.addAll(sections.keySet());
    for (String key : keys) {
      Map<String, Node> named = sections.getOrDefault(key, Map.of());
      Node at = presence.get(key);
      int line = at == null ? 0 : at.line();
      int column = at == null ? 0 : at.column();
      Node section =
          switch (key) {
            case "expect", "loops", "admin" -> named.values().iterator().next();
            case "limits" -> map(named);
            default -> new Node.Sequence(List.copyOf(named.values()), line, column);
          };
      if (at != null || !named.isEmpty()) {
        entries.add(new Node.Entry(new Node.Scalar(key, true, line, column), section));
      }
    }
    return new Node.Mapping(entries, 1, 1);
  }

  private static Node map(Map<String, Node> named) {
    List<Node.Entry> entries = new ArrayList<>();
    named.forEach((key, value) ->
        entries.add(
            new Node.Entry(new Node.Scalar(key, true, value.line(), value.column()), value)));
    return new Node.Mapping(entries, 0, 0);
  }

  /** What changes nothing, as what it would change isn't there. */
  List<Item> unfit() {
    return unfit;
  }

  /** The things, of layers other than the file, that have errors. */
  List<Item> faulty() {
    return reports.entrySet().stream()
        .filter(it -> it.getValue().ownErrors() > 0)
        .map(Map.Entry::getKey)
        .toList();
  }

  /** The programs' names, in attach order. */
  Set<String> programs() {
    return section("programs").keySet();
  }

  /** A destination, as {@code tcp web}, with its targets; null if there is none. */
  @Nullable Node destination(String name) {
    return section("destinations").get(name);
  }
}
