package io.sluice.bpf.object;

import org.jspecify.annotations.Nullable;

/** The kinds of maps that programs here may have, by the kernel's numbers (BPF_MAP_TYPE_…). */
public enum MapKind {
  HASH(1, Values.MEMORY),
  ARRAY(2, Values.MEMORY),
  PROG_ARRAY(3, Values.NONE),
  PERF_EVENT_ARRAY(4, Values.NONE),
  PERCPU_HASH(5, Values.MEMORY),
  PERCPU_ARRAY(6, Values.MEMORY),
  LRU_HASH(9, Values.MEMORY),
  LRU_PERCPU_HASH(10, Values.MEMORY),
  LPM_TRIE(11, Values.MEMORY),
  ARRAY_OF_MAPS(12, Values.MAPS),
  HASH_OF_MAPS(13, Values.MAPS),
  SOCKMAP(15, Values.SOCKETS),
  SOCKHASH(18, Values.SOCKETS),
  REUSEPORT_SOCKARRAY(20, Values.NONE),
  RINGBUF(27, Values.NONE);

  /** What a program's lookup in a map gives. */
  public enum Values {
    MEMORY,
    MAPS,
    SOCKETS,
    NONE
  }

  private static final MapKind[] ALL = values();

  private final int number;
  private final Values values;

  MapKind(int number, Values values) {
    this.number = number;
    this.values = values;
  }

  /** The kernel's number. */
  public int number() {
    return number;
  }

  public Values holds() {
    return values;
  }

  /** The kind with a number; null if we have none. */
  public static @Nullable MapKind of(int number) {
    for (MapKind kind : ALL) {
      if (kind.number == number) {
        return kind;
      }
    }
    return null;
  }
}
