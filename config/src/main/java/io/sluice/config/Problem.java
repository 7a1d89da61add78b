package io.sluice.config;

/**
 * One thing that is wrong, or doubtful, in a file.
 *
 * @param line from 1; 0 if it is about the file as a whole
 * @param column from 1, in Unicode code points; 0 if it is about the file as a whole
 * @param path {@code destinations[2].targets[0]}; empty if it is about the file as a whole
 * @param message one line: what is wrong, and what would be right
 */
public record Problem(
    String file, int line, int column, String path, String message, Severity severity) {
  /** Whether the file can be used all the same. */
  public enum Severity {
    ERROR,
    WARNING
  }

  /** {@code file:line:column: path: message}; what doesn't apply is left out. */
  @Override
  public String toString() {
    return file
        + (line > 0 ? ":" + line + ":" + column : "")
        + ": "
        + (path.isEmpty() ? "" : path + ": ")
        + (severity == Severity.WARNING ? "warning: " : "")
        + message;
  }
}
