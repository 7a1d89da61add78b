package io.sluice.bpf.run;

import io.sluice.bpf.isa.RejectedException;
import io.sluice.bpf.object.MapKind;
import io.sluice.bpf.object.MapSpec;
import io.sluice.steering.map.ArrayMap;
import io.sluice.steering.map.ArrayOfMaps;
import io.sluice.steering.map.BpfMap;
import io.sluice.steering.map.EventLoops;
import io.sluice.steering.map.GracePeriod;
import io.sluice.steering.map.GraceTimeoutException;
import io.sluice.steering.map.HashOfMaps;
import io.sluice.steering.map.HashTable;
import io.sluice.steering.map.LpmTrie;
import io.sluice.steering.map.MapType;
import io.sluice.steering.map.PerLoopArray;
import io.sluice.steering.map.PerLoopHash;
import io.sluice.steering.map.ReadSections;
import io.sluice.steering.map.ReuseportSockArray;
import io.sluice.steering.map.SockHash;
import io.sluice.steering.map.SockMap;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;

/** Makes the maps that a program refers to. What is too large for us is refused. */
public final class Maps {
  /** What the entries of one map may take, full, in bytes. */
  public static final long MAX_BYTES = 256 << 20;

  private static final int ENTRY_BYTES = 64; // of objects around key and value
  private static final int SLOT_BYTES = 32; // of a value in an array

  private final EventLoops loops;
  private final GracePeriod grace;
  private final AtomicInteger next = new AtomicInteger();
  private final IdentityHashMap<MapSpec, Object> made = new IdentityHashMap<>();

  /**
   * @param loops where programs run: their number is that of the CPUs
   * @param grace waits for lookups before a map of maps lets go of one
   */
  public Maps(EventLoops loops, GracePeriod grace) {
    this.loops = loops;
    this.grace = grace;
  }

  /**
   * Maps for so many threads that nobody knows yet: each thread that a program runs on is given a
   * number when it first does.
   */
  public static Maps forThreads(int count) {
    Executor unknown =
        _ -> {
          throw new RejectedExecutionException();
        };
    return new Maps(EventLoops.of(Collections.nCopies(count, unknown)), new ReadSections());
  }

  /** The number of this thread among the CPUs. */
  public int loop() {
    int current = loops.current();
    return current >= 0 ? current : Math.floorMod(next.getAndIncrement(), loops.count());
  }

  /** Takes a map that is there already, instead of making one. */
  public void use(MapSpec spec, Object map) {
    made.put(spec, map);
  }

  /**
   * The map of a declaration; always the same.
   *
   * @throws RejectedException if there can't be one
   */
  public Object of(MapSpec spec) throws RejectedException {
    Object known = made.get(spec);
    if (known != null) {
      return known;
    }
    Object map;
    try {
      map = make(spec);
    } catch (IllegalArgumentException refused) {
      throw new RejectedException("map " + spec + ": " + refused.getMessage());
    }
    byte[] contents = spec.contents();
    if (contents != null) {
      Objects.requireNonNull(((ArrayMap) map).lookup(0)).copyFrom(contents, 0);
    }
    made.put(spec, map);
    return map;
  }

  /** All maps of a program, by their declarations. */
  public Map<MapSpec, Object> of(Iterable<MapSpec> specs) throws RejectedException {
    Map<MapSpec, Object> all = new LinkedHashMap<>();
    for (MapSpec spec : specs) {
      all.put(spec, of(spec));
    }
    return all;
  }

  private Object make(MapSpec spec) throws RejectedException {
    MapKind kind = spec.kind();
    if (kind == null) {
      throw new RejectedException(
          "map %s is of type %d, which isn't supported".formatted(spec, spec.type()));
    }
    checkSize(spec, kind);
    int key = spec.keySize();
    int value = spec.valueSize();
    int entries = spec.maxEntries();
    int flags = spec.flags();
    return switch (kind) {
      case ARRAY -> new ArrayMap(key, value, entries, flags);
      case HASH -> new HashTable(MapType.HASH, key, value, entries, flags);
      case LRU_HASH -> new HashTable(MapType.LRU_HASH, key, value, entries, flags);
      case PERCPU_ARRAY -> new PerLoopArray(key, value, entries, flags, loops);
      case PERCPU_HASH -> new PerLoopHash(MapType.PERCPU_HASH, key, value, entries, flags, loops);
      case LRU_PERCPU_HASH ->
          new PerLoopHash(MapType.LRU_PERCPU_HASH, key, value, entries, flags, loops);
      case LPM_TRIE -> new LpmTrie(key, value, entries, flags);
      case SOCKMAP -> new SockMap(key, value, entries, flags);
      case SOCKHASH -> new SockHash(key, value, entries, flags);
      case REUSEPORT_SOCKARRAY -> new ReuseportSockArray(key, value, entries, flags);
      case ARRAY_OF_MAPS ->
          new ArrayOfMaps<BpfMap>(key, value, entries, flags, template(spec), grace);
      case HASH_OF_MAPS ->
          new HashOfMaps<BpfMap>(key, value, entries, flags, template(spec), grace);
      case RINGBUF -> new RingBuffer(entries);
      case PERF_EVENT_ARRAY -> new Object();
      case PROG_ARRAY ->
          throw new RejectedException(
              "map %s: program arrays (tail calls) aren't supported: call a function instead"
                  .formatted(spec));
    };
  }

  private BpfMap template(MapSpec spec) throws RejectedException {
    MapSpec inner = spec.inner();
    if (inner == null) {
      throw new RejectedException(
          "map %s: what the maps in it are like isn't declared (values)".formatted(spec));
    }
    return make(inner) instanceof BpfMap map ? map : unfit(spec);
  }

  private static BpfMap unfit(MapSpec spec) throws RejectedException {
    throw new RejectedException("map " + spec + " holds maps of a kind that can't be held");
  }

  private void checkSize(MapSpec spec, MapKind kind) throws RejectedException {
    long value = Math.max(0, spec.valueSize()) + 7L & ~7L;
    long entry =
        switch (kind) {
          case ARRAY -> value + SLOT_BYTES;
          case PERCPU_ARRAY -> (value + SLOT_BYTES) * loops.count();
          case PERCPU_HASH, LRU_PERCPU_HASH ->
              (value + SLOT_BYTES) * loops.count() + ENTRY_BYTES + Math.max(0, spec.keySize());
          case RINGBUF -> 1;
          default -> value + ENTRY_BYTES + Math.max(0, spec.keySize());
        };
    long bytes = entry * Math.max(0, spec.maxEntries());
    if (bytes > MAX_BYTES) {
      throw new RejectedException(
          "map %s would take %d MiB, full; at most %d are taken: give it fewer entries"
              .formatted(spec, bytes >> 20, MAX_BYTES >> 20));
    }
  }

  /** Fills a map of maps with what the object file names. */
  @SuppressWarnings("unchecked") // of our own making
  public void fill(MapSpec outer, Map<Integer, MapSpec> initial) throws RejectedException {
    for (Map.Entry<Integer, MapSpec> slot : initial.entrySet()) {
      Object inner = of(slot.getValue());
      int error =
          of(outer) instanceof ArrayOfMaps<?> array && inner instanceof BpfMap map
              ? put((ArrayOfMaps<BpfMap>) array, slot.getKey(), map)
              : -1;
      if (error != 0) {
        throw new RejectedException(
            "map %s: %s can't be in slot %d at first"
                .formatted(outer, slot.getValue(), slot.getKey()));
      }
    }
  }

  private static int put(ArrayOfMaps<BpfMap> array, int index, BpfMap map) {
    try {
      return array.update(index, map, 0);
    } catch (GraceTimeoutException _) {
      return 0; // nobody looks into it yet
    }
  }
}
