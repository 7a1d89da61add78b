package io.sluice.config;

/**
 * Where something stands in a file, for what is found out about it only after reading.
 *
 * @param line from 1
 * @param column from 1, in Unicode code points
 * @param path {@code programs[0].class}
 */
public record Place(String file, int line, int column, String path) {
  /** What is wrong there, made one line of not too great a length. */
  public Problem error(String message) {
    return new Problem(file, line, column, path, Problems.oneLine(message), Problem.Severity.ERROR);
  }
}
