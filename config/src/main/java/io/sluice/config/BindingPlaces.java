package io.sluice.config;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Where the bindings of a layer stand.
 *
 * @param file what problems call it
 * @param lines by index in the layer's table, from 1; 0 or beyond its end: nothing is known
 * @param columns likewise; none is more than 65,535
 */
record BindingPlaces(String file, int[] lines, char[] columns) {
  /** Of bindings that stand in no file. */
  static BindingPlaces none(String file) {
    return new BindingPlaces(file, new int[0], new char[0]);
  }

  String at(int index) {
    return line(index) == 0 ? file : file + ":" + line(index) + ":" + column(index);
  }

  int line(int index) {
    return index < lines.length ? lines[index] : 0;
  }

  int column(int index) {
    return index < columns.length ? columns[index] : 0;
  }

  long retainedBytes() {
    return 6L * lines.length;
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof BindingPlaces it
        && file.equals(it.file)
        && Arrays.equals(lines, it.lines)
        && Arrays.equals(columns, it.columns);
  }

  @Override
  public int hashCode() {
    return file.hashCode();
  }
}
