package io.sluice.config;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A destination's targets as pieces of YAML, before they are read. */
final class TargetNodes {
  /** What names the target among all, and isn't a part of it. */
  private static final Set<String> NAMES = Set.of("destination", "protocol");

  private TargetNodes() {}

  static Node bare(Node node) {
    return node instanceof Node.Placed placed ? placed.node() : node;
  }

  /** The targets that a destination lists. */
  static List<Node> list(Node destination) {
    Node targets = ItemNames.field(destination, "targets");
    return targets == null
        ? List.of()
        : targets instanceof Node.Sequence sequence ? sequence.items() : List.of(targets);
  }

  /** What a target is known by within its destination. */
  static String address(Node target, Value.Surroundings surroundings) {
    Node bare = bare(target);
    String text =
        bare instanceof Node.Scalar scalar
            ? ItemNames.text(scalar, surroundings)
            : ItemNames.word(bare, "address", surroundings);
    return text == null ? "at " + bare.line() + ":" + bare.column() : ItemNames.address(text);
  }

  /**
   * A target as a destination has it.
   *
   * @param item an item of {@code targets}
   * @param before what it changes some keys of; null if it is the whole
   */
  static Node target(Node item, @Nullable Node before) {
    if (!(item instanceof Node.Mapping mapping)) {
      return item;
    }
    List<Node.Entry> own =
        mapping.entries().stream().filter(it -> !NAMES.contains(it.key().text())).toList();
    List<Node.Entry> entries = new ArrayList<>();
    Node old = before == null ? null : bare(before);
    if (old instanceof Node.Mapping map) {
      map.entries().stream()
          .filter(it -> own.stream().noneMatch(o -> o.key().text().equals(it.key().text())))
          .forEach(entries::add);
    }
    entries.addAll(own);
    return new Node.Mapping(entries, item.line(), item.column());
  }

  /** A destination with other targets. */
  static Node with(Node destination, Collection<Node> targets) {
    if (!(bare(destination) instanceof Node.Mapping mapping)) {
      return destination;
    }
    List<Node.Entry> entries = new ArrayList<>();
    for (Node.Entry entry : mapping.entries()) {
      Node value = entry.value();
      entries.add(
          entry.key().text().equals("targets")
              ? new Node.Entry(
                  entry.key(),
                  new Node.Sequence(List.copyOf(targets), value.line(), value.column()))
              : entry);
    }
    Node changed = new Node.Mapping(entries, mapping.line(), mapping.column());
    return destination instanceof Node.Placed placed
        ? new Node.Placed(changed, placed.index(), placed.problems(), placed.surroundings())
        : changed;
  }

  /** The destination of a label that has targets, but that nobody has written down. */
  static Node implied(String name, Collection<Node> targets) {
    int space = name.indexOf(' ');
    return new Node.Mapping(
        List.of(
            entry("label", scalar(name.substring(space + 1))),
            entry("protocol", scalar(name.substring(0, space))),
            entry("targets", new Node.Sequence(List.copyOf(targets), 0, 0))),
        0,
        0);
  }

  static Node.Scalar scalar(String text) {
    return new Node.Scalar(text, false, 0, 0);
  }

  static Node.Entry entry(String key, Node value) {
    return new Node.Entry(new Node.Scalar(key, true, 0, 0), value);
  }

  /** Whether an item's key names a label. */
  static boolean leadsTo(Node item, String key, String label) {
    return ItemNames.field(item, key) instanceof Node.Scalar scalar && scalar.text().equals(label);
  }

  static List<Node> rules(Node program) {
    return ItemNames.field(program, "rules") instanceof Node.Sequence rules
        ? rules.items()
        : List.of();
  }
}
