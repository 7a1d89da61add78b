package io.sluice.config;

import io.sluice.steering.binding.BindingTable;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A part of the document: named things that are added, replaced or taken away. It says nothing
 * about how it came about: by a file, by hand at run time, or by names and what they resolve to.
 * Immutable.
 */
public final class Layer {
  /** The name of the first layer. */
  public static final String FILE = "file";

  /** The name of the last layer: what is changed while the daemon runs. */
  public static final String RUNTIME = "runtime";

  /** The label of a binding that is taken away. */
  static final String AWAY = "";

  private final String name;
  private final Map<Item.Key, Item> items;
  private final BindingTable bindings;
  private final BindingPlaces places;
  private final Set<String> unreadable;
  private final Set<Item.Key> idle;

  /**
   * @param items in order
   * @param bindings those with the label {@link #AWAY} are taken away
   * @param unreadable sections that couldn't be read
   */
  Layer(
      String name,
      Map<Item.Key, Item> items,
      BindingTable bindings,
      BindingPlaces places,
      Set<String> unreadable) {
    this.name = name;
    this.items = Collections.unmodifiableMap(new LinkedHashMap<>(items));
    this.bindings = bindings;
    this.places = places;
    this.unreadable = Set.copyOf(unreadable);
    this.idle = Set.of();
  }

  private Layer(Layer of, BindingTable bindings, Set<Item.Key> idle) {
    this.name = of.name;
    this.items = of.items;
    this.bindings = bindings;
    this.places = of.places;
    this.unreadable = of.unreadable;
    this.idle = idle;
  }

  /** With other bindings. */
  Layer with(BindingTable other) {
    return new Layer(this, other, idle);
  }

  /** With what of it has no effect, as it doesn't fit the layers beside it. */
  Layer withIdle(Set<Item.Key> some) {
    return some.equals(idle) ? this : new Layer(this, bindings, Set.copyOf(some));
  }

  /** What of it has no effect, as it doesn't fit the layers beside it. */
  Set<Item.Key> idle() {
    return idle;
  }

  /** Whether it differs from another in its bindings at most. */
  boolean hasSameItems(Layer other) {
    return items.equals(other.items);
  }

  /** A layer that says nothing. */
  public static Layer empty(String name) {
    return new Layer(
        name, Map.of(), BindingTable.of(List.of()), BindingPlaces.none(name), Set.of());
  }

  /** {@link #FILE}, {@link #RUNTIME}, or another source's. */
  public String name() {
    return name;
  }

  Map<Item.Key, Item> items() {
    return items;
  }

  BindingTable bindings() {
    return bindings;
  }

  BindingPlaces places() {
    return places;
  }

  Set<String> unreadable() {
    return unreadable;
  }

  /** What it holds that another doesn't, in bytes; the things themselves don't count. */
  long bytesBeside(Layer other) {
    return (places == other.places ? 0 : places.retainedBytes())
        + (bindings.sharesWith(other.bindings) ? 0 : bindings.retainedBytes());
  }

  /** Whether it says nothing. */
  public boolean isEmpty() {
    return items.isEmpty() && bindings.size() == 0;
  }
}
