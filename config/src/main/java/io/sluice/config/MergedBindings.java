package io.sluice.config;

import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import io.sluice.steering.binding.BindingTable;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The bindings of all layers as one table: of the same protocol, prefix and port, the last layer's.
 * What few bindings differ in from the table in force takes the time of these few.
 *
 * @param difference from the table in force; null if nothing is in force, or too much differs
 */
record MergedBindings(BindingTable table, BindingTable.@Nullable Difference difference) {
  /** More of them are merged anew in no more time. */
  private static final int MOST_CHANGES = 4096;

  static MergedBindings of(Document document, @Nullable Config before) {
    BindingTable.Difference difference = before == null ? null : difference(document, before);
    return before == null || difference == null
        ? new MergedBindings(whole(document.layers()), null)
        : new MergedBindings(before.bindings().with(difference), difference);
  }

  /** What changes for who looks at all layers; null if that isn't known. */
  private static BindingTable.@Nullable Difference difference(Document document, Config before) {
    Set<Binding> touched = new HashSet<>();
    for (Layer layer : document.layers()) {
      BindingTable old = before.document().layer(layer.name()).bindings();
      BindingTable.Difference own = layer.bindings().differenceFrom(old, MOST_CHANGES);
      if (own == null) {
        return null;
      }
      own.put().forEach(it -> touched.add(labelled(it, Layer.AWAY)));
      own.remove().forEach(it -> touched.add(labelled(it, Layer.AWAY)));
    }
    List<Binding> put = new ArrayList<>();
    List<Binding> remove = new ArrayList<>();
    BindingTable table = before.bindings();
    for (Binding key : touched) {
      String now = label(document.layers(), key);
      int index = table.find(key.protocol(), key.prefix(), key.port());
      if (now == null && index >= 0) {
        remove.add(table.binding(index));
      } else if (now != null && (index < 0 || !table.binding(index).label().equals(now))) {
        put.add(labelled(key, now));
      }
    }
    put.sort(Comparator.comparing(BindingKeys::text));
    remove.sort(Comparator.comparing(BindingKeys::text));
    return new BindingTable.Difference(put, remove);
  }

  private static Binding labelled(Binding key, String label) {
    return new Binding(label, key.protocol(), key.prefix(), key.port());
  }

  /** What the last layer that knows a binding says; null if it isn't bound. */
  static @Nullable String label(List<Layer> layers, Binding key) {
    for (Layer layer : layers.reversed()) {
      BindingTable table = layer.bindings();
      int index = table.find(key.protocol(), key.prefix(), key.port());
      if (index >= 0) {
        String label = table.labels().get(table.labelId(index));
        return label.equals(Layer.AWAY) ? null : label;
      }
    }
    return null;
  }

  /** The largest layer's table, with what the others change of it. */
  private static BindingTable whole(List<Layer> layers) {
    int most = 0;
    for (int i = 1; i < layers.size(); i++) {
      boolean isLarger = layers.get(i).bindings().size() > layers.get(most).bindings().size();
      most = isLarger ? i : most;
    }
    BindingTable largest = layers.get(most).bindings();
    Set<Binding> touched = new HashSet<>();
    for (int i = 0; i < layers.size(); i++) {
      if (i != most) {
        layers.get(i).bindings().forEach(it -> touched.add(labelled(it, Layer.AWAY)));
      } else if (isTakingAway(largest)) {
        largest.forEach(it -> {
          if (it.label().equals(Layer.AWAY)) {
            touched.add(it);
          }
        });
      }
    }
    List<Binding> put = new ArrayList<>();
    List<Binding> remove = new ArrayList<>();
    for (Binding key : touched) {
      String label = label(layers, key);
      if (label == null) {
        remove.add(key);
      } else {
        put.add(labelled(key, label));
      }
    }
    return touched.isEmpty() ? largest : largest.with(new BindingTable.Difference(put, remove));
  }

  private static boolean isTakingAway(BindingTable table) {
    return table.labels().contains(Layer.AWAY);
  }

  /** Tells each label and protocol that some binding has. */
  void forEachUsed(BiConsumer<String, Protocol> used) {
    for (Protocol protocol : Protocol.values()) {
      int[] counts = table.counts(protocol);
      for (int label = 0; label < counts.length; label++) {
        if (counts[label] > 0) {
          used.accept(table.labels().get(label), protocol);
        }
      }
    }
  }

  boolean isBound(String label, Protocol protocol) {
    int id = table.labels().indexOf(label);
    return id >= 0 && table.counts(protocol)[id] > 0;
  }

  /** Whether the same labels are bound as in the table in force, which this one was made from. */
  boolean leadsToTheSame(BindingTable before) {
    for (Protocol protocol : Protocol.values()) {
      int[] old = before.counts(protocol);
      int[] now = table.counts(protocol);
      for (int label = 0; label < Math.max(old.length, now.length); label++) {
        boolean wasBound = label < old.length && old[label] > 0;
        if (wasBound != (label < now.length && now[label] > 0)) {
          return false;
        }
      }
    }
    return table.sharesWith(before) || table.labels().equals(before.labels());
  }

  /** A binding of a layer that leads to a label; null if there is none. */
  static @Nullable Binding firstOf(Layer layer, String label, Protocol protocol) {
    BindingTable table = layer.bindings();
    int id = table.labels().indexOf(label);
    if (id < 0 || table.counts(protocol)[id] == 0) {
      return null;
    }
    List<Binding> found = new ArrayList<>();
    table.forEach(it -> {
      if (found.isEmpty() && it.protocol() == protocol && it.label().equals(label)) {
        found.add(it);
      }
    });
    return found.isEmpty() ? null : found.getFirst();
  }

  /** The bindings of all layers but the file. */
  static List<Binding> ofOthers(Document document) {
    List<Binding> others = new ArrayList<>();
    for (Layer layer : document.layers()) {
      if (!layer.name().equals(Layer.FILE)) {
        layer
            .bindings()
            .forEach(it -> {
              if (!it.label().equals(Layer.AWAY)) {
                others.add(it);
              }
            });
      }
    }
    return others;
  }
}
