package io.sluice.steering.binding;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Bindings, compiled for lookup. Immutable; any thread may read it.
 *
 * <p>A binding's index is its place in the order in which the bindings were given. {@link Binding}
 * objects aren't kept, but made on demand: a million bindings take less than 64 MB.
 */
public final class BindingTable {
  private static final int PROTOCOLS = Protocol.values().length;
  private static final int SPACES = Family.values().length * PROTOCOLS;
  private static final int SPACE_SHIFT = 28;

  private final BindingTrie[] spaces; // by family and protocol: they never see each other
  private final int[] places; // by binding index: space << 28 | entry in its trie
  private final char[] ports; // by binding index
  private final int[] labelIds; // by binding index
  private final List<String> labels;

  private BindingTable(Builder builder) {
    spaces = new BindingTrie[SPACES];
    places = new int[builder.size];
    for (int space = 0; space < SPACES; space++) {
      spaces[space] = new BindingTrie(builder.spaces[space], places, space << SPACE_SHIFT);
    }
    ports = Arrays.copyOf(builder.ports, builder.size);
    labelIds = Arrays.copyOf(builder.labelIds, builder.size);
    labels = List.copyOf(builder.labels.keySet());
  }

  /**
   * A table of these bindings.
   *
   * @throws IllegalArgumentException if two bindings have the same protocol, prefix and port
   */
  public static BindingTable of(List<Binding> bindings) {
    Builder builder = new Builder();
    for (Binding binding : bindings) {
      builder.add(binding);
    }
    return builder.build();
  }

  /** Takes bindings one by one and keeps none of the objects: for big tables. */
  public static final class Builder {
    private final BindingColumns[] spaces = new BindingColumns[SPACES];
    private final Map<String, Integer> labels = new LinkedHashMap<>();
    private int[] labelIds = new int[4];
    private char[] ports = new char[4];
    private int size;

    public Builder() {
      for (Family family : Family.values()) {
        for (Protocol protocol : Protocol.values()) {
          spaces[space(family, protocol)] = new BindingColumns(family, protocol);
        }
      }
    }

    /**
     * Adds a binding.
     *
     * @throws IllegalStateException if there are too many: 268 million fit
     */
    public Builder add(Binding binding) {
      IpPrefix prefix = binding.prefix();
      IpAddress address = prefix.address();
      int label = labelId(binding.label());
      add(
          label,
          binding.protocol(),
          prefix.family(),
          address.high(),
          address.low(),
          prefix.length(),
          binding.port());
      return this;
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
      spaces[space(family, protocol)].add(size, high, low, length, port);
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
      String label = labels().get(labelIds[index]);
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
      return new BindingTable(this);
    }
  }

  private static int space(Family family, Protocol protocol) {
    return family.ordinal() * PROTOCOLS + protocol.ordinal();
  }

  private static Protocol protocol(int space) {
    return space % PROTOCOLS == Protocol.TCP.ordinal() ? Protocol.TCP : Protocol.UDP;
  }

  /** How many bindings. */
  public int size() {
    return places.length;
  }

  /** All bindings in order, each made when it is asked for. */
  public List<Binding> asList() {
    return new AbstractList<>() {
      @Override
      public Binding get(int index) {
        return binding(Objects.checkIndex(index, size()));
      }

      @Override
      public int size() {
        return BindingTable.this.size();
      }
    };
  }

  /** The distinct labels, in the order in which they first came. */
  public List<String> labels() {
    return labels;
  }

  /** The index in {@link #labels()} of a binding's label. */
  public int labelId(int bindingIndex) {
    return labelIds[bindingIndex];
  }

  /** How many bindings of a protocol each label has, by label id. */
  public int[] counts(Protocol protocol) {
    int[] counts = new int[labels.size()];
    for (int i = 0; i < places.length; i++) {
      counts[labelIds[i]] += protocol(places[i] >>> SPACE_SHIFT) == protocol ? 1 : 0;
    }
    return counts;
  }

  /** The binding at an index, as a new object. */
  public Binding binding(int index) {
    int space = places[index] >>> SPACE_SHIFT;
    int entry = places[index] & (1 << SPACE_SHIFT) - 1;
    return new Binding(
        labels.get(labelIds[index]), protocol(space), spaces[space].prefix(entry), ports[index]);
  }

  /**
   * The binding that wins for a packet: the one with the longest prefix, even over an exact port;
   * at equal length the exact port. Allocates nothing.
   *
   * @return its index, or -1 if none matches
   */
  public int match(LookupContext context) {
    return match(
        context.protocol(),
        context.family(),
        context.localHigh(),
        context.localLow(),
        context.localPort());
  }

  /** The same without a context: {@code high} is an address's upper 64 bits, 0 for IPv4. */
  public int match(Protocol protocol, Family family, long high, long low, int port) {
    return spaces[space(family, protocol)].match(
        BindingTrie.high(family, high, low), BindingTrie.low(family, low), port);
  }

  /** All bindings that match a packet, best first: the first is that of {@link #match}. */
  public List<Binding> matches(LookupContext context) {
    Family family = context.family();
    List<Binding> matches = new ArrayList<>();
    spaces[space(family, context.protocol())].forEachMatch(
        BindingTrie.high(family, context.localHigh(), context.localLow()),
        BindingTrie.low(family, context.localLow()),
        context.localPort(),
        index -> matches.add(binding(index)));
    return List.copyOf(matches);
  }

  /** How many bytes the table's arrays have: all that it holds but the text of its labels. */
  public long retainedBytes() {
    long bytes = 4L * (places.length + labelIds.length) + 2L * ports.length;
    for (BindingTrie space : spaces) {
      bytes += space.retainedBytes();
    }
    return bytes;
  }

  /** Whether another table has the same bindings, in the same order. */
  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof BindingTable it
        && Arrays.equals(ports, it.ports)
        && Arrays.equals(labelIds, it.labelIds)
        && asList().equals(it.asList());
  }

  @Override
  public int hashCode() {
    return 31 * Arrays.hashCode(labelIds) + Arrays.hashCode(ports);
  }
}
