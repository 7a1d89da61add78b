package io.sluice.config;

import java.util.Arrays;

/** Where the bindings of a layer stand, by their index in the layer's table. Immutable. */
final class BindingPlaces {
  private final String file;
  private final int[] lines; // from 1; 0, or beyond the end: nothing is known
  private final char[] columns; // none is more than 65,535

  /**
   * @param file what problems call it
   * @param lines not copied, as neither are the columns
   */
  BindingPlaces(String file, int[] lines, char[] columns) {
    this.file = file;
    this.lines = lines;
    this.columns = columns;
  }

  /** Of bindings that stand in no file. */
  static BindingPlaces none(String file) {
    return new BindingPlaces(file, new int[0], new char[0]);
  }

  /** {@code bindings.csv:12:1}. */
  String at(int index) {
    return index >= lines.length || lines[index] == 0
        ? file
        : file + ":" + lines[index] + ":" + (int) columns[index];
  }

  long retainedBytes() {
    return 6L * lines.length;
  }

  /** Whether each binding stands where it does in another one. */
  boolean isSame(BindingPlaces other) {
    return file.equals(other.file)
        && Arrays.equals(lines, other.lines)
        && Arrays.equals(columns, other.columns);
  }
}
