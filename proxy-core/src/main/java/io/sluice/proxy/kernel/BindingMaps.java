package io.sluice.proxy.kernel;

import io.sluice.proxy.linux.Bpf;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.steering.Family;
import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import io.sluice.steering.binding.BindingTable;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The bindings of TCP in the kernel: a longest-prefix trie for each family, and a number for each
 * label. A binding that changes is one update of the trie that programs read; what changes more
 * than that makes maps of its own. Called by one thread at a time.
 *
 * <pre>
 *   key    0 prefix length  4 port, host order; 0 is any  8 address(be)
 *   value  0 the label's number  4 the length of the prefix
 * </pre>
 */
public final class BindingMaps {
  static final int PORT_BITS = 32;

  /** How many bindings a trie takes beyond those that it begins with; it takes no memory. */
  private static final int SPARE_BINDINGS = 1 << 20;

  private static final int BATCH = 4096;

  private final Syscalls syscalls;
  private final Bpf bpf;
  private final Map<Family, Integer> tries = new EnumMap<>(Family.class);
  private final Map<String, Integer> labels = new HashMap<>();
  private BindingTable table;
  private boolean isBroken; // the tries hold neither table: see change()

  private BindingMaps(Syscalls syscalls, Bpf bpf, BindingTable table) {
    this.syscalls = syscalls;
    this.bpf = bpf;
    this.table = table;
  }

  /** Maps that are filled, or what is wrong: one of the two is null. */
  public record Made(@Nullable BindingMaps maps, String wrong) {}

  /**
   * Fills new maps.
   *
   * @param others labels that no binding has, but a rule or a destination
   */
  public static Made fill(Syscalls syscalls, BindingTable table, Iterable<String> others) {
    return fill(syscalls, table, others, SPARE_BINDINGS);
  }

  /** With room for so many more bindings of a family. */
  static Made fill(Syscalls syscalls, BindingTable table, Iterable<String> others, int spare) {
    BindingMaps maps = new BindingMaps(syscalls, new Bpf(syscalls), table);
    others.forEach(maps::number);
    int result = maps.fill(spare);
    if (result < 0) {
      maps.close();
      return new Made(null, "can't fill the kernel's bindings: " + Linux.errnoName(-result));
    }
    return new Made(maps, "");
  }

  private int fill(int spare) {
    for (Family family : Family.values()) {
      int made =
          bpf.createMap(
              new Bpf.MapSpec(
                  Linux.BPF_MAP_TYPE_LPM_TRIE,
                  8 + family.bits() / 8,
                  8,
                  table.size() + spare,
                  Linux.BPF_F_NO_PREALLOC,
                  0,
                  family == Family.IPV4 ? "sluice_bind4" : "sluice_bind6"));
      if (made < 0) {
        return made;
      }
      tries.put(family, made);
    }
    Map<Family, Batch> batches = new EnumMap<>(Family.class);
    int[] result = {0};
    table.forEach(binding -> {
      if (binding.protocol() == Protocol.TCP && result[0] >= 0) {
        Batch batch =
            batches.computeIfAbsent(binding.prefix().family(), family -> new Batch(family));
        result[0] = batch.add(binding);
      }
    });
    for (Batch batch : batches.values()) {
      result[0] = result[0] < 0 ? result[0] : batch.flush();
    }
    return result[0];
  }

  /** Bindings of a family that go into the kernel by one call. */
  private final class Batch {
    private final Family family;
    private final ByteBuffer keys;
    private final ByteBuffer values = little(8 * BATCH);
    private int count;

    Batch(Family family) {
      this.family = family;
      this.keys = little((8 + family.bits() / 8) * BATCH);
    }

    int add(Binding binding) {
      keys.put(key(binding));
      values.put(value(binding));
      return ++count < BATCH ? 0 : flush();
    }

    int flush() {
      int result = bpf.updateMany(trie(family), drained(keys), drained(values), count);
      count = 0;
      return result;
    }

    private static byte[] drained(ByteBuffer buffer) {
      byte[] content = new byte[buffer.flip().remaining()];
      buffer.get(content).clear();
      return content;
    }
  }

  private int number(String label) {
    return labels.computeIfAbsent(label, _ -> labels.size() + 1);
  }

  /** What a label is to programs: from 1 on. It must be there. */
  public int labelId(String label) {
    return Objects.requireNonNull(labels.get(label), label);
  }

  /** The labels and their numbers. */
  public Map<String, Integer> labels() {
    return labels;
  }

  /** The table that the maps have. */
  public BindingTable table() {
    return table;
  }

  /** Whether they hold this table, and know these labels. */
  public boolean has(BindingTable other, Set<String> others) {
    return !isBroken && table.equals(other) && labels.keySet().containsAll(others);
  }

  int trie(Family family) {
    return Objects.requireNonNull(tries.get(family));
  }

  /**
   * Whether all labels of a table have numbers already, so that no more than the tries change.
   * Never after a change that failed: these maps can't be known to hold a table any more.
   */
  public boolean knows(BindingTable.Difference difference) {
    return !isBroken
        && difference.put().stream()
            .allMatch(it -> it.protocol() == Protocol.UDP || labels.containsKey(it.label()));
  }

  /**
   * Goes over to another table, binding by binding, so that no packet meets what neither table
   * says: what is put comes first, the best match before others, and what goes away goes after it,
   * the best match last.
   *
   * @param difference whose labels {@linkplain #knows are known}
   * @return 0, or a negative errno: then something of it is there, and the next change needs new
   *     maps
   */
  public int change(BindingTable next, BindingTable.Difference difference) {
    for (Step step : steps(difference)) {
      int trie = trie(step.binding.prefix().family());
      int result =
          step.isPut
              ? bpf.update(trie, key(step.binding), value(step.binding), Linux.BPF_ANY)
              : bpf.delete(trie, key(step.binding));
      if (result < 0 && result != -Linux.ENOENT) {
        isBroken = true;
        return result;
      }
    }
    table = next;
    return 0;
  }

  /** A binding that is put, or taken away. */
  record Step(boolean isPut, Binding binding) {}

  /** A difference in an order in which every state between gives each packet the old or the new. */
  static List<Step> steps(BindingTable.Difference difference) {
    Comparator<Step> worstFirst =
        Comparator.comparingInt((Step it) -> it.binding.prefix().length())
            .thenComparing(it -> it.binding.port() != Binding.ANY_PORT);
    List<Step> steps = new ArrayList<>();
    difference.put().stream()
        .filter(it -> it.protocol() == Protocol.TCP)
        .map(it -> new Step(true, it))
        .sorted(worstFirst.reversed())
        .forEach(steps::add);
    difference.remove().stream()
        .filter(it -> it.protocol() == Protocol.TCP)
        .map(it -> new Step(false, it))
        .sorted(worstFirst)
        .forEach(steps::add);
    return steps;
  }

  private static byte[] key(Binding binding) {
    byte[] address = binding.prefix().address().toBytes();
    return little(8 + address.length)
        .putInt(PORT_BITS + binding.prefix().length())
        .putInt(binding.port())
        .put(address)
        .array();
  }

  private byte[] value(Binding binding) {
    return little(8).putInt(number(binding.label())).putInt(binding.prefix().length()).array();
  }

  private static ByteBuffer little(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Gives the descriptors back; programs that have the maps keep them. */
  public void close() {
    tries.values().forEach(syscalls::close);
    tries.clear();
  }
}
