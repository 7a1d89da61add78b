package io.sluice.steering.binding;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import org.jspecify.annotations.Nullable;

/**
 * Bindings, compiled for lookup. Immutable; any thread may read it. {@link Binding} objects aren't
 * kept, but made on demand: a million bindings take less than 64 MB.
 *
 * <p>{@link #with} makes a table that differs in a few bindings, in the time that these few take:
 * the new one shares what is compiled, and has what differs in a small table of its own. What was
 * changed often can be {@linkplain #compact compiled anew} aside; who doesn't gets that at once
 * when too much differs.
 *
 * <p>A binding has an index. In a table that a {@link BindingTableBuilder} made, it is the
 * binding's place in the order in which they were given; in others, any number.
 */
public final class BindingTable {
  /*
   *   base     compiled once, and shared by all tables that were made from it
   *   delta    what differs: a binding more, another label, or a hole, which is a binding less
   *
   * What is in both is as the delta says. A lookup asks both. If the base's answer is the better
   * one, the delta doesn't have it: it would match the same packet. If the delta's is, or is as
   * good, it wins, unless it is a hole: then the next best is looked for.
   *
   * Indexes of the delta's bindings come behind the base's.
   */
  private static final int HOLE = -1;

  private static final int SMALL = 1024; // compiled in a millisecond
  private static final int MOST_CHANGES = 8192; // compiled in ten
  private static final int MANY_CHANGES = 2048; // each change still takes little
  private static final int SCANNED = 16_384; // compared one by one in ten

  private final CompiledBindings base;
  private final @Nullable CompiledBindings delta; // null if nothing differs
  private final Map<Binding, Integer> changes; // what delta is made of: label ids, by key
  private final List<String> labels;
  private final int[][] counts; // by protocol, by label
  private final int size;

  BindingTable(
      CompiledBindings base,
      @Nullable CompiledBindings delta,
      Map<Binding, Integer> changes,
      List<String> labels,
      int[][] counts,
      int size) {
    this.base = base;
    this.delta = delta;
    this.changes = changes;
    this.labels = labels;
    this.counts = counts;
    this.size = size;
  }

  /**
   * A table of these bindings.
   *
   * @throws IllegalArgumentException if two bindings have the same protocol, prefix and port
   */
  public static BindingTable of(Collection<Binding> bindings) {
    BindingTableBuilder builder = new BindingTableBuilder();
    bindings.forEach(builder::add);
    return builder.build();
  }

  /**
   * Some changes of a table.
   *
   * @param put bindings that are added, or get another label
   * @param remove bindings that are taken away; their labels don't count
   */
  public record Difference(List<Binding> put, List<Binding> remove) {}

  /**
   * A table that differs from this one. What is taken away needn't be there; of what is named
   * twice, the last put counts.
   */
  public BindingTable with(Difference difference) {
    if (difference.put.isEmpty() && difference.remove.isEmpty()) {
      return this;
    }
    List<String> names = new ArrayList<>(labels);
    Map<String, Integer> ids = new HashMap<>(); // of labels that are put
    Map<Binding, Integer> wanted = new LinkedHashMap<>();
    difference.remove.forEach(it -> wanted.put(key(it), HOLE));
    for (Binding binding : difference.put) {
      Integer known = ids.get(binding.label());
      if (known == null) {
        int at = labels.indexOf(binding.label());
        known = at < 0 ? names.size() : at;
        if (at < 0) {
          names.add(binding.label());
        }
        ids.put(binding.label(), known);
      }
      wanted.put(key(binding), known);
    }
    int[][] nextCounts = new int[counts.length][];
    Arrays.setAll(nextCounts, i -> Arrays.copyOf(counts[i], names.size()));
    Map<Binding, Integer> next = new HashMap<>(changes);
    int nextSize = size;
    for (Map.Entry<Binding, Integer> entry : wanted.entrySet()) {
      Binding key = entry.getKey();
      int label = entry.getValue();
      int before = find(key.protocol(), key.prefix(), key.port());
      int[] ofProtocol = nextCounts[key.protocol().ordinal()];
      if (before >= 0) {
        ofProtocol[labelId(before)]--;
        nextSize--;
      }
      if (label != HOLE) {
        ofProtocol[label]++;
        nextSize++;
      }
      int inBase = find(base, key);
      if (label == (inBase < 0 ? HOLE : base.labelId(inBase))) {
        next.remove(key);
      } else {
        next.put(key, label);
      }
    }
    BindingTable table =
        new BindingTable(base, delta(next), next, List.copyOf(names), nextCounts, nextSize);
    boolean isWorthIt = base.size() <= SMALL || next.size() > MOST_CHANGES;
    return isWorthIt && !next.isEmpty() ? table.compact() : table;
  }

  /**
   * What it takes to get from another table to this one; null if that is more than so many changes,
   * or can't be told in little time.
   */
  @SuppressWarnings("ReferenceEquality") // the same is known to be equal in no time
  public @Nullable Difference differenceFrom(BindingTable other, int most) {
    Difference difference = new Difference(new ArrayList<>(), new ArrayList<>());
    if (this == other) {
      return difference;
    }
    if (base == other.base) {
      Set<Binding> keys = new HashSet<>(changes.keySet());
      keys.addAll(other.changes.keySet());
      keys.forEach(key -> compare(key, other, difference));
    } else if (size <= SCANNED && other.size <= SCANNED) {
      forEach(it -> compare(key(it), other, difference));
      other.forEach(it -> {
        if (find(it.protocol(), it.prefix(), it.port()) < 0) {
          difference.remove.add(it);
        }
      });
    } else {
      return null;
    }
    return difference.put.size() + difference.remove.size() > most ? null : difference;
  }

  /**
   * The same bindings as this table's, sharing what another one has compiled.
   *
   * @param compacted what became of the origin
   * @param origin shares what is compiled with this table
   */
  public BindingTable onto(BindingTable compacted, BindingTable origin) {
    return compacted.with(Objects.requireNonNull(differenceFrom(origin, Integer.MAX_VALUE)));
  }

  private void compare(Binding key, BindingTable other, Difference difference) {
    int index = find(key.protocol(), key.prefix(), key.port());
    int before = other.find(key.protocol(), key.prefix(), key.port());
    if (index < 0) {
      if (before >= 0) {
        difference.remove.add(other.binding(before));
      }
    } else if (before < 0 || !label(index).equals(other.label(before))) {
      difference.put.add(binding(index));
    }
  }

  private static Binding key(Binding binding) {
    return new Binding("", binding.protocol(), binding.prefix(), binding.port());
  }

  private static @Nullable CompiledBindings delta(Map<Binding, Integer> changes) {
    if (changes.isEmpty()) {
      return null;
    }
    BindingTableBuilder builder = new BindingTableBuilder();
    changes.forEach((key, label) -> builder.add(label, key));
    return builder.compile();
  }

  /** Whether so much differs from what was compiled as one that it should be {@link #compact}ed. */
  public boolean isWorthCompacting() {
    return changes.size() > MANY_CHANGES;
  }

  /** The same bindings, compiled as one: about a second for a million. */
  public BindingTable compact() {
    BindingTableBuilder builder = new BindingTableBuilder();
    forEach(builder::add);
    return builder.build();
  }

  /** How many bindings. */
  public int size() {
    return size;
  }

  /** All bindings: in order, if a builder made the table. */
  public List<Binding> asList() {
    if (delta != null) {
      List<Binding> all = new ArrayList<>(size);
      forEach(all::add);
      return all;
    }
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

  /** Tells all bindings, each as a new object. */
  public void forEach(Consumer<Binding> bindings) {
    forEachIndex(index -> bindings.accept(binding(index)));
  }

  void forEachIndex(IntConsumer indexes) {
    for (int i = 0; i < base.size(); i++) {
      if (delta == null || !changes.containsKey(base.key(i))) {
        indexes.accept(i);
      }
    }
    for (int i = 0; delta != null && i < delta.size(); i++) {
      if (delta.labelId(i) != HOLE) {
        indexes.accept(base.size() + i);
      }
    }
  }

  /** The distinct labels, by their ids; some may have no binding any more. */
  public List<String> labels() {
    return labels;
  }

  /** The index in {@link #labels()} of a binding's label. */
  public int labelId(int bindingIndex) {
    return delta == null || bindingIndex < base.size()
        ? base.labelId(bindingIndex)
        : delta.labelId(bindingIndex - base.size());
  }

  /** The label of the binding at an index. */
  String label(int index) {
    return labels.get(labelId(index));
  }

  /** How many bindings of a protocol each label has, by label id. */
  public int[] counts(Protocol protocol) {
    return counts[protocol.ordinal()].clone();
  }

  /** The binding at an index, as a new object. */
  public Binding binding(int index) {
    Binding key =
        delta == null || index < base.size() ? base.key(index) : delta.key(index - base.size());
    return new Binding(label(index), key.protocol(), key.prefix(), key.port());
  }

  /** The index of the binding of exactly this protocol, prefix and port; -1 if there is none. */
  public int find(Protocol protocol, IpPrefix prefix, int port) {
    Binding key = new Binding("", protocol, prefix, port);
    int changed = delta == null ? -1 : find(delta, key);
    return delta == null || changed < 0 ? find(base, key) : indexOf(delta, changed);
  }

  private static int find(CompiledBindings in, Binding key) {
    IpAddress address = key.prefix().address();
    Family family = key.prefix().family();
    return in.find(
        CompiledBindings.space(family, key.protocol()),
        BindingTrie.high(family, address.high(), address.low()),
        BindingTrie.low(family, address.low()),
        key.prefix().length(),
        key.port());
  }

  /** The index of a binding that a builder has; -1 if it isn't here. */
  int find(BindingColumns columns, int row) {
    int space = CompiledBindings.space(columns.family, columns.protocol);
    long high = columns.high(row);
    long low = columns.low(row);
    int length = columns.length(row);
    int port = columns.port(row);
    int changed = delta == null ? -1 : delta.find(space, high, low, length, port);
    return delta == null || changed < 0
        ? base.find(space, high, low, length, port)
        : indexOf(delta, changed);
  }

  private int indexOf(CompiledBindings delta, int changed) {
    return delta.labelId(changed) == HOLE ? -1 : base.size() + changed;
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
    int space = CompiledBindings.space(family, protocol);
    long leading = BindingTrie.high(family, high, low);
    long other = BindingTrie.low(family, low);
    return delta == null
        ? base.match(space, leading, other, port)
        : (int) best(delta, space, leading, other, port, Integer.MAX_VALUE);
  }

  /** The best match of a lower rank: {@code rank << 32 | index}, or -1. */
  private long best(
      CompiledBindings delta, int space, long high, long low, int port, int belowRank) {
    int below = belowRank;
    while (true) {
      long old = base.best(space, high, low, port, below);
      long changed = delta.best(space, high, low, port, below);
      if (old >>> 32 > changed >>> 32 && old >= 0 || changed < 0) {
        return old;
      }
      if (delta.labelId((int) changed) != HOLE) {
        return changed + base.size();
      }
      below = (int) (changed >>> 32);
    }
  }

  /** All bindings that match a packet, best first: the first is that of {@link #match}. */
  public List<Binding> matches(LookupContext context) {
    Family family = context.family();
    int space = CompiledBindings.space(family, context.protocol());
    long high = BindingTrie.high(family, context.localHigh(), context.localLow());
    long low = BindingTrie.low(family, context.localLow());
    int port = context.localPort();
    List<Binding> matches = new ArrayList<>();
    int below = Integer.MAX_VALUE;
    while (true) {
      long best =
          delta == null
              ? base.best(space, high, low, port, below)
              : best(delta, space, high, low, port, below);
      if (best < 0) {
        return List.copyOf(matches);
      }
      matches.add(binding((int) best));
      below = (int) (best >>> 32);
    }
  }

  /** How many bytes the table's arrays have: all that it holds but the text of its labels. */
  public long retainedBytes() {
    return base.retainedBytes() + (delta == null ? 0 : delta.retainedBytes());
  }

  /** Whether it shares what is compiled with another: then the two take little more than one. */
  public boolean sharesWith(BindingTable other) {
    return base == other.base;
  }

  /** Whether another table has the same bindings, in whatever order. */
  @Override
  public boolean equals(@Nullable Object other) {
    if (this == other) {
      return true;
    }
    if (!(other instanceof BindingTable it) || it.size != size) {
      return false;
    }
    boolean[] isSame = {true};
    forEach(binding -> {
      int index = it.find(binding.protocol(), binding.prefix(), binding.port());
      isSame[0] &= index >= 0 && it.label(index).equals(binding.label());
    });
    return isSame[0];
  }

  @Override
  public int hashCode() {
    return size;
  }
}
