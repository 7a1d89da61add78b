package io.sluice.proxy.kernel;

import io.sluice.proxy.linux.Bpf;
import io.sluice.proxy.linux.BpfArray;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Syscalls;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * Where the labels lead, in the kernel: {@link Records}, their entries, the slots that hold
 * targets' sockets, and what is counted. Called by one thread at a time.
 */
public final class TargetMaps {
  /** What is counted of a label. The order is that of the numbers in the map's value. */
  public enum Count {
    /** A target's socket took it. */
    OFFLOADED_IPV4,
    OFFLOADED_IPV6,
    /** Its target isn't here, or isn't up. */
    ELSEWHERE,
    /** Its target's slot is empty: nobody listens. */
    ABSENT,
    /** Its target's socket doesn't take it: of the other family, or no longer listening. */
    UNFIT
  }

  private static final int COUNTS = Count.values().length;

  private final Syscalls syscalls;
  private final Bpf bpf;
  private final BpfArray records;
  private final BpfArray entries;
  private final int slots;
  private final int counts;
  private final int drops;
  private final int inner;
  private final int readers;
  private final long[] counted = new long[COUNTS];
  private final long[] dropped = new long[1];

  private TargetMaps(
      Syscalls syscalls,
      Bpf bpf,
      BpfArray records,
      BpfArray entries,
      int slots,
      int counts,
      int drops,
      int inner,
      int readers) {
    this.syscalls = syscalls;
    this.bpf = bpf;
    this.records = records;
    this.entries = entries;
    this.slots = slots;
    this.counts = counts;
    this.drops = drops;
    this.inner = inner;
    this.readers = readers;
  }

  /** Maps, or what is wrong: one of the two is null. */
  public record Made(@Nullable TargetMaps maps, String wrong) {}

  /**
   * How large maps are to be.
   *
   * @param labels numbers up to this
   * @param targets slots
   * @param entries of all labels together
   * @param programs that may drop
   */
  public record Size(int labels, int targets, int entries, int programs) {}

  /** Makes maps: nothing is offloaded, and the policy isn't in force. */
  public static Made make(Syscalls syscalls, Size size) {
    Bpf bpf = new Bpf(syscalls);
    Bpf.MapSpec recordSpec = BpfArray.spec(size.labels + 1, "sluice_labels");
    Bpf.MapSpec entrySpec = BpfArray.spec(size.entries, "sluice_entries");
    Bpf.MapSpec[] specs = {
      recordSpec,
      entrySpec,
      Bpf.MapSpec.of(Linux.BPF_MAP_TYPE_SOCKMAP, 4, 8, Math.max(1, size.targets), "sluice_targets"),
      Bpf.MapSpec.of(
          Linux.BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8 * COUNTS, size.labels + 1, "sluice_counts"),
      Bpf.MapSpec.of(
          Linux.BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, Math.max(1, 2 * size.programs), "sluice_drops"),
      Bpf.MapSpec.of(Linux.BPF_MAP_TYPE_ARRAY, 4, 8, 1, "sluice_inner"),
      null
    };
    int[] fds = new int[specs.length];
    for (int i = 0; i < specs.length; i++) {
      specs[i] = specs[i] == null ? readersSpec(fds[i - 1]) : specs[i];
      fds[i] = bpf.createMap(specs[i]);
      if (fds[i] < 0) {
        closeAll(syscalls, fds, i);
        return new Made(
            null, "can't make the map " + specs[i].name() + ": " + Linux.errnoName(-fds[i]));
      }
    }
    BpfArray records = BpfArray.of(syscalls, fds[0], recordSpec);
    BpfArray entries = records == null ? null : BpfArray.of(syscalls, fds[1], entrySpec);
    if (records == null || entries == null) {
      if (records != null) {
        records.close();
        fds[0] = -1;
      }
      closeAll(syscalls, fds, fds.length);
      return new Made(null, "can't map a map into memory");
    }
    return new Made(
        new TargetMaps(syscalls, bpf, records, entries, fds[2], fds[3], fds[4], fds[5], fds[6]),
        "");
  }

  private static void closeAll(Syscalls syscalls, int[] fds, int count) {
    for (int i = 0; i < count; i++) {
      if (fds[i] >= 0) {
        int _ = syscalls.close(fds[i]);
      }
    }
  }

  /** A map of maps, of which only an update counts: see {@link #awaitRuns}. */
  private static Bpf.MapSpec readersSpec(int inner) {
    return new Bpf.MapSpec(Linux.BPF_MAP_TYPE_ARRAY_OF_MAPS, 4, 4, 1, 0, inner, "sluice_readers");
  }

  /**
   * Waits until no program runs any more that has begun before: some 10 ms. The kernel does so when
   * a map of maps is updated.
   *
   * @return false if it couldn't be waited for
   */
  public boolean awaitRuns() {
    return bpf.update(readers, index(0), index(inner), Linux.BPF_ANY) >= 0;
  }

  BpfArray records() {
    return records;
  }

  BpfArray entries() {
    return entries;
  }

  /** The socket map. */
  public int slots() {
    return slots;
  }

  int counts() {
    return counts;
  }

  int drops() {
    return drops;
  }

  /** Puts the policy into force, or has the relay get everything. Can't fail. */
  public void isInForce(boolean isSo) {
    records.set(Records.SWITCH, isSo ? 1 : 0);
  }

  /** A label that no destination has: connections are dropped. */
  public void missing(int label) {
    records.set(label, Records.of(Records.MISSING, 0, 0));
  }

  /** The relay gets a label's connections. */
  public void relayed(int label) {
    records.set(label, 0);
  }

  /**
   * A label's connections go by entries, which {@linkplain #entry are there}.
   *
   * @param bySource whether the client's address alone decides
   * @param first the first of them; the one behind the last is for connections without selection
   */
  public void selected(int label, boolean bySource, int first, int count) {
    records.set(label, Records.of(bySource ? Records.BY_SOURCE : 0, first, count));
  }

  /**
   * Says where an entry leads.
   *
   * @param slot negative: to the relay
   */
  public void entry(int index, int slot) {
    entries.set(index, Math.max(0, slot + 1));
  }

  /** Empties a slot. */
  public void empty(int slot) {
    int _ = bpf.delete(slots, index(slot));
  }

  /** The cookie of the socket in a slot; 0 if it is empty. */
  public long cookie(int slot) {
    byte[] value = new byte[8];
    int result = bpf.lookup(slots, index(slot), value);
    return result < 0 ? 0 : ByteBuffer.wrap(value).order(ByteOrder.LITTLE_ENDIAN).getLong();
  }

  /** What was counted of a label, by {@link Count}; valid until the next call. */
  public long[] counted(int label) {
    int _ = bpf.lookupSum(counts, index(label), counted);
    return counted;
  }

  /** How often a program dropped: by what its rules say, or because a label has no destination. */
  public long dropped(int program, boolean isMiss) {
    int _ = bpf.lookupSum(drops, index(PolicyCode.drop(program, isMiss)), dropped);
    return dropped[0];
  }

  private static byte[] index(int index) {
    return ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(index).array();
  }

  /** Gives the descriptors back; programs that have the maps keep them. */
  public void close() {
    records.close();
    entries.close();
    closeAll(syscalls, new int[] {slots, counts, drops, inner, readers}, 5);
  }
}
