package io.sluice.config;

import io.sluice.steering.Protocol;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/** Changes of the targets of destinations. */
final class TargetEdits {
  private final EditedLayer layer;
  private final ItemEdits items;

  TargetEdits(EditedLayer layer, ItemEdits items) {
    this.layer = layer;
    this.items = items;
  }

  void register(Change.Register change) {
    String what =
        EditedLayer.words("register", change.label(), change.protocol(), change.address());
    TargetAddress address = layer.parsed(what, () -> TargetAddress.parse(change.address()));
    String label = layer.parsed(what, () -> Labels.parse(change.label()));
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
    Integer _ =
        layer.parsed(what, () -> Value.parseInteger(weight, 0, DestinationSection.MAX_WEIGHT));
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
    layer.put(ItemNames.TARGETS, destination + " " + address, Item.How.PUT, map(entries));
  }

  private static Node.Entry entry(String key, String value) {
    return TargetNodes.entry(key, TargetNodes.scalar(value));
  }

  private static Node.Mapping map(List<Node.Entry> entries) {
    return new Node.Mapping(List.copyOf(entries), 0, 0);
  }

  void unregister(Change.Unregister change) {
    String what =
        EditedLayer.words("unregister", change.label(), change.protocol(), change.address());
    found(what, change.label(), change.protocol(), change.address()).forEach(this::removeTarget);
  }

  private void removeTarget(String target) {
    String destination = MergedSections.destinationOf(target);
    Item own = layer.item("destinations", destination);
    Node listing = own == null ? items.mergedBelow().destination(destination) : own.node();
    boolean isListed =
        listing != null
            && TargetNodes.list(listing).stream()
                .anyMatch(it ->
                    TargetNodes.address(it, layer.surroundings)
                        .equals(MergedSections.addressOf(target)));
    layer.remove(ItemNames.TARGETS, target, isListed);
  }

  void set(Change.Set change) {
    String what = EditedLayer.words("set", change.label(), change.protocol(), change.address());
    for (String target : found(what, change.label(), change.protocol(), change.address())) {
      Item known = layer.item(ItemNames.TARGETS, target);
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
      layer.put(ItemNames.TARGETS, target, how, map(entries));
    }
  }

  void swap(Change.Swap change) {
    String what = EditedLayer.words("swap", change.label(), change.protocol());
    Set<String> wanted = new LinkedHashSet<>();
    for (String text : change.addresses()) {
      TargetAddress address = layer.parsed(what, () -> TargetAddress.parse(text));
      if (address != null) {
        wanted.add(address.toString());
      }
    }
    if (change.addresses().isEmpty()) {
      layer.error(what, "no target is named; write --to ADDRESS,…");
    }
    if (wanted.size() < change.addresses().size()) {
      return;
    }
    MergedSections merged = items.merged();
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

  /** A patch takes a target away. */
  void patchAway(String target) {
    Set<String> there = targets(items.merged(), MergedSections.destinationOf(target));
    if (there.contains(target)) {
      removeTarget(target);
    } else {
      layer.error(
          EditedLayer.words("remove", "targets", target), "there is none; there are " + there);
    }
  }

  // Which ones are meant

  /** The destinations, as {@code tcp web}, that a label stands for, or may stand for. */
  private List<String> destinations(String what, String label, @Nullable String protocol) {
    if (protocol != null) {
      return destination(what, label, protocol);
    }
    List<String> all = List.of("tcp " + label, "udp " + label);
    MergedSections merged = items.merged();
    List<String> known =
        all.stream().filter(it -> merged.destination(it) != null || merged.isUsed(it)).toList();
    return known.isEmpty() ? all : known;
  }

  private List<String> destination(String what, String label, String protocol) {
    Protocol parsed = layer.parsed(what, () -> Words.protocol(protocol));
    return parsed == null ? List.of() : List.of(parsed.word() + " " + label);
  }

  /** The names of a destination's targets, with the changes so far. */
  private Set<String> targets(MergedSections merged, String destination) {
    Set<String> names = new TreeSet<>();
    Node node = merged.destination(destination);
    if (node != null) {
      TargetNodes.list(node)
          .forEach(
              it -> names.add(destination + " " + TargetNodes.address(it, layer.surroundings)));
    }
    layer
        .items()
        .forEach((key, item) -> { // of a destination that isn't there yet, too
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
    MergedSections merged = items.merged();
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
      layer.error(
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
}
