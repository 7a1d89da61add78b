package io.sluice.steering.binding;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Makes a {@link BindingTable}: takes bindings one by one and keeps none of the objects, for big
 * tables.
 */
public final class BindingTableBuilder {
  private final BindingColumns[] spaces = new BindingColumns[CompiledBindings.SPACES];
  private final Map<String, Integer> labels = new LinkedHashMap<>();
  private int[] labelIds = new int[4];
  private char[] ports = new char[4];
  private int size;
  private @Nullable BindingTable built; // the last

  public BindingTableBuilder() {
    for (Family family : Family.values()) {
      for (Protocol protocol : Protocol.values()) {
        spaces[CompiledBindings.space(family, protocol)] = new BindingColumns(family, protocol);
      }
    }
  }

  /**
   * Adds a binding.
   *
   * @throws IllegalStateException if there are too many: 268 million fit
   */
  public BindingTableBuilder add(Binding binding) {
    add(labelId(binding.label()), binding);
    return this;
  }

  /** Adds a binding with a label of this number, whatever it says itself. */
  void add(int labelId, Binding binding) {
    IpPrefix prefix = binding.prefix();
    IpAddress address = prefix.address();
    add(
        labelId,
        binding.protocol(),
        prefix.family(),
        address.high(),
        address.low(),
        prefix.length(),
        binding.port());
  }

  /** The number of a label, for {@link #add(int, Protocol, Family, long, long, int, int)}. */
  public int labelId(String label) {
    Integer known = labels.putIfAbsent(label, labels.size());
    return known == null ? labels.size() - 1 : known;
  }

  /**
   * Adds a binding without needing an object for it.
   *
   * @param labelId of {@link #labelId}
   * @param high the address's upper 64 bits, 0 for IPv4; no bits behind the prefix are set
   * @param length the prefix's, in bits
   * @param port 1–65535, or {@link Binding#ANY_PORT}
   * @throws IllegalStateException if there are too many: 268 million fit
   */
  public void add(
      int labelId, Protocol protocol, Family family, long high, long low, int length, int port) {
    if (size == BindingTrie.MAX_SIZE) {
      throw new IllegalStateException("a table takes " + size + " bindings");
    }
    if (size == labelIds.length) {
      labelIds = Arrays.copyOf(labelIds, size + (size >> 1));
      ports = Arrays.copyOf(ports, labelIds.length);
    }
    labelIds[size] = labelId;
    ports[size] = (char) port;
    spaces[CompiledBindings.space(family, protocol)].add(size, high, low, length, port);
    size++;
  }

  /** How many bindings there are so far. */
  public int size() {
    return size;
  }

  /** The distinct labels, in the order in which they first came: by their numbers. */
  public List<String> labels() {
    return List.copyOf(labels.keySet());
  }

  /** Told of bindings that are the same but for their labels. */
  @FunctionalInterface
  public interface Duplicates {
    /**
     * A binding has the protocol, prefix and port of another.
     *
     * @param index the binding's
     * @param earlier the index of the first binding that is the same
     */
    void found(int index, int earlier);
  }

  /** Tells all bindings that are the same as an earlier one; a table with one isn't built. */
  public void forEachDuplicate(Duplicates duplicates) {
    for (BindingColumns space : spaces) {
      space.forEachDuplicate(duplicates);
    }
  }

  /** A binding that was added, as a new object; slow. */
  public Binding binding(int index) {
    return binding(labels().get(labelIds[index]), index);
  }

  /** The same without its label. */
  public Binding key(int index) {
    return binding("", index);
  }

  private Binding binding(String label, int index) {
    for (BindingColumns space : spaces) {
      IpPrefix prefix = space.prefixOf(index);
      if (prefix != null) {
        return new Binding(label, space.protocol, prefix, ports[index]);
      }
    }
    throw new IndexOutOfBoundsException(index);
  }

  /**
   * Compiles the table.
   *
   * @throws IllegalArgumentException if two bindings have the same protocol, prefix and port; the
   *     message has both indexes
   */
  public BindingTable build() {
    CompiledBindings compiled = compile();
    int[][] counts = new int[CompiledBindings.PROTOCOLS][labels.size()];
    for (int i = 0; i < size; i++) {
      counts[compiled.protocol(i).ordinal()][labelIds[i]]++;
    }
    built = new BindingTable(compiled, null, Map.of(), labels(), counts, size);
    return built;
  }

  /** Compiles the bindings without their labels' names. */
  CompiledBindings compile() {
    return new CompiledBindings(spaces, Arrays.copyOf(ports, size), Arrays.copyOf(labelIds, size));
  }

  /** The indexes, in a table with the same bindings and perhaps more, of those added here. */
  @SuppressWarnings("ReferenceEquality") // an equal one may have other indexes
  public int[] indexesIn(BindingTable table) {
    int[] indexes = new int[size];
    if (table == built) {
      Arrays.setAll(indexes, i -> i);
      return indexes;
    }
    for (BindingColumns space : spaces) {
      for (int row = 0; row < space.size(); row++) {
        indexes[space.index(row)] = table.find(space, row);
      }
    }
    return indexes;
  }

  /**
   * What it takes to get from another table to these bindings; null if that is more than so many
   * changes.
   */
  public BindingTable.@Nullable Difference differenceFrom(BindingTable other, int most) {
    BindingTable.Difference difference =
        new BindingTable.Difference(new ArrayList<>(), new ArrayList<>());
    BitSet kept = new BitSet();
    List<String> names = labels();
    for (BindingColumns space : spaces) {
      for (int row = 0; row < space.size(); row++) {
        int index = other.find(space, row);
        String label = names.get(labelIds[space.index(row)]);
        if (index >= 0) {
          kept.set(index);
        }
        if (index < 0 || !other.label(index).equals(label)) {
          difference.put().add(binding(label, space.index(row)));
        }
        if (difference.put().size() > most) {
          return null;
        }
      }
    }
    if (other.size() - kept.cardinality() > most - difference.put().size()) {
      return null;
    }
    if (kept.cardinality() < other.size()) {
      other.forEachIndex(index -> {
        if (!kept.get(index)) {
          difference.remove().add(other.binding(index));
        }
      });
    }
    return difference;
  }
}
