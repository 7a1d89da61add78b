package io.sluice.steering.map;

/** The kinds of maps there are here, by the kernel's numbers (BPF_MAP_TYPE_…). */
public enum MapType {
  HASH(1),
  ARRAY(2),
  PERCPU_HASH(5),
  PERCPU_ARRAY(6),
  LRU_HASH(9),
  LRU_PERCPU_HASH(10),
  LPM_TRIE(11),
  ARRAY_OF_MAPS(12),
  HASH_OF_MAPS(13),
  SOCKMAP(15),
  SOCKHASH(18),
  REUSEPORT_SOCKARRAY(20);

  private final int number;

  MapType(int number) {
    this.number = number;
  }

  /** The kernel's number. */
  public int number() {
    return number;
  }

  /** Whether its values are maps. */
  boolean holdsMaps() {
    return this == ARRAY_OF_MAPS || this == HASH_OF_MAPS;
  }
}
