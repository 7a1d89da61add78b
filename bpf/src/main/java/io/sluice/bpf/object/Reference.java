package io.sluice.bpf.object;

/** What a 64-bit load gives that is no number. */
public sealed interface Reference {
  /** A map. */
  record ToMap(MapSpec map) implements Reference {}

  /** A place in a map's only value: a global. */
  record ToValue(MapSpec map, int offset) implements Reference {}

  /** A function, by the index of its first instruction: a callback. */
  record ToFunction(int start) implements Reference {}
}
