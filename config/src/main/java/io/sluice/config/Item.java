package io.sluice.config;

/**
 * What a layer says about one named thing.
 *
 * @param index its place in the list where it stands
 */
record Item(Key key, How how, Node node, int index, Source source) {
  /**
   * What things are known by.
   *
   * @param name as {@code tcp web}; of a thing whose name can't be read, its place
   */
  record Key(String section, String name) {
    @Override
    public String toString() {
      return section + " " + name;
    }
  }

  /** What it does with a thing of that name in the layers below. */
  enum How {
    /** Adds it, or replaces it. */
    PUT,
    /** Changes some keys of it; nothing if it isn't there. */
    SET,
    /** Takes it away. */
    AWAY
  }

  /**
   * Where a layer's text comes from.
   *
   * @param file what problems call it
   */
  record Source(String layer, String file, Value.Surroundings surroundings) {}

  /** {@code sluice.yaml:12:5}, or {@code runtime}. */
  String place() {
    return source.layer.equals(Layer.RUNTIME)
        ? Layer.RUNTIME
        : node.line() == 0 ? source.file : source.file + ":" + node.line() + ":" + node.column();
  }
}
