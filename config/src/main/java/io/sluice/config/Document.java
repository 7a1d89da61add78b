package io.sluice.config;

import io.sluice.steering.binding.Binding;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * What is wanted, in layers: what a later one says of a thing counts. Immutable.
 *
 * @param layers the file first, what was changed at run time last
 */
public record Document(List<Layer> layers) {
  public Document {
    layers = List.copyOf(layers);
  }

  /** A file, and nothing that was changed at run time. */
  static Document of(Layer file) {
    return new Document(List.of(file, Layer.empty(Layer.RUNTIME)));
  }

  /** A layer; an empty one if there is none of that name. */
  public Layer layer(String name) {
    for (Layer layer : layers) {
      if (layer.name().equals(name)) {
        return layer;
      }
    }
    return Layer.empty(name);
  }

  /** With another layer in the place of the one of the same name, or else before the last. */
  public Document with(Layer layer) {
    List<Layer> next = new ArrayList<>(layers);
    for (int i = 0; i < next.size(); i++) {
      if (next.get(i).name().equals(layer.name())) {
        next.set(i, layer);
        return new Document(next);
      }
    }
    next.add(Math.max(0, next.size() - 1), layer);
    return new Document(next);
  }

  /**
   * A thing as it is in force, or would be if it fitted.
   *
   * @param section the key of the file's section; {@code targets} for those of a destination
   * @param place {@code sluice.yaml:12:5}, or the layer's name
   * @param yaml as it is written there, on one line
   * @param isAway whether the layer takes it away; then {@code yaml} says so
   * @param isIdle whether it has no effect, as it doesn't fit what is beside it
   */
  public record Thing(
      String section,
      String name,
      String layer,
      String place,
      String yaml,
      boolean isAway,
      boolean isIdle) {}

  /** The layer and place of a binding; null if there is none. */
  public @Nullable String placeOf(Binding binding) {
    for (Layer layer : layers.reversed()) {
      int index = layer.bindings().find(binding.protocol(), binding.prefix(), binding.port());
      if (index >= 0) {
        return layer.places().at(index);
      }
    }
    return null;
  }

  /** The layer and place of a thing: {@code destinations} and {@code tcp web}; null if none. */
  public @Nullable String placeOf(String section, String name) {
    Item item = item(new Item.Key(section, name));
    return item == null ? null : item.place();
  }

  /** What the last layer that says something about a thing says. */
  @Nullable Item item(Item.Key key) {
    for (Layer layer : layers.reversed()) {
      Item item = layer.items().get(key);
      if (item != null) {
        return item;
      }
    }
    return null;
  }

  /** What the file refers to outside of itself, and changes of it do, too. */
  Value.Surroundings surroundings() {
    Item first = firstOfFile();
    return first == null ? Value.Surroundings.NONE : first.source().surroundings();
  }

  /** What problems call the file. */
  String file(String otherwise) {
    Item first = firstOfFile();
    return first == null ? otherwise : first.source().file();
  }

  private @Nullable Item firstOfFile() {
    Iterator<Item> items = layer(Layer.FILE).items().values().iterator();
    return items.hasNext() ? items.next() : null;
  }

  /** With what has no effect. */
  Document withIdle(Collection<Item> idle) {
    return new Document(
        layers.stream()
            .map(layer ->
                layer.withIdle(
                    idle.stream()
                        .filter(it -> it.source().layer().equals(layer.name()))
                        .map(Item::key)
                        .collect(Collectors.toSet())))
            .toList());
  }

  /** What it holds that another doesn't, in bytes; what is small doesn't count. */
  public long bytesBeside(Document other) {
    return layers.stream().mapToLong(it -> it.bytesBeside(other.layer(it.name()))).sum();
  }

  /** All that layers say of things other than bindings, layer by layer. */
  public List<Thing> things() {
    List<Thing> things = new ArrayList<>();
    for (Layer layer : layers) {
      for (Item item : layer.items().values()) {
        if (item.key().name().isEmpty()) {
          continue; // says that the section is there
        }
        boolean isAway = item.how() == Item.How.AWAY;
        things.add(
            new Thing(
                item.key().section(),
                item.key().name(),
                layer.name(),
                item.place(),
                (isAway ? "remove: " : "") + FlowYaml.of(item.node()),
                isAway,
                layer.idle().contains(item.key())));
      }
    }
    return things;
  }
}
