package io.sluice.steering.map;

/**
 * What the maps within a map have to be like: what is remembered of its template. Modes of a
 * descriptor don't matter, and the number of entries only for a plain array.
 */
record InnerMapRules(MapType type, int keySize, int valueSize, int maxEntries, int flags) {
  private static final int FORGOTTEN = CreateFlags.RDONLY | CreateFlags.WRONLY;

  /** Throws if the template holds maps itself. */
  static InnerMapRules of(BpfMap template) {
    if (template.type().holdsMaps()) {
      throw BpfMap.invalid("template " + template + "; maps are held one level deep");
    }
    return like(template);
  }

  /** Throws unless a value is a map's id. */
  static void checkValueSize(int valueSize) {
    if (valueSize != Integer.BYTES) {
      throw BpfMap.invalid("value size " + valueSize + "; a map's is 4");
    }
  }

  boolean admits(BpfMap map) {
    return equals(like(map));
  }

  private static InnerMapRules like(BpfMap map) {
    boolean isSized = map.type() == MapType.ARRAY && (map.flags() & CreateFlags.INNER_MAP) == 0;
    return new InnerMapRules(
        map.type(),
        map.keySize(),
        map.valueSize(),
        isSized ? map.maxEntries() : 0,
        map.flags() & ~FORGOTTEN);
  }
}
