package io.sluice.config;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Collects everything that is wrong with one file, to report it at once. */
final class Problems {
  /** How many are kept; who has more has another kind of file. */
  static final int MAX_KEPT = 1000;

  private static final int MAX_MESSAGE_LENGTH = 1000;

  private final String file;
  private final List<Problem> kept = new ArrayList<>();
  private int errors;
  private int omitted;

  Problems(String file) {
    this.file = oneLine(file);
  }

  String file() {
    return file;
  }

  void error(int line, int column, String path, String message) {
    errors++;
    add(new Problem(file, line, column, oneLine(path), oneLine(message), Problem.Severity.ERROR));
  }

  void warning(int line, int column, String path, String message) {
    add(new Problem(file, line, column, oneLine(path), oneLine(message), Problem.Severity.WARNING));
  }

  private void add(Problem problem) {
    if (kept.size() < MAX_KEPT) {
      kept.add(problem);
    } else {
      omitted++;
    }
  }

  /** Counts errors, to tell later whether a section had some. */
  int errors() {
    return errors;
  }

  /** Whether a further problem would be kept, so that a costly message is worth its while. */
  boolean takesMore() {
    return kept.size() < MAX_KEPT;
  }

  /** In the file's order; if there were too many, the last says how many more. */
  List<Problem> inOrder() {
    List<Problem> problems = new ArrayList<>(kept);
    problems.sort(Comparator.comparingInt(Problem::line).thenComparingInt(Problem::column));
    if (omitted > 0) {
      problems.add(
          new Problem(
              file,
              0,
              0,
              "",
              "and " + omitted + " more problems",
              errors > 0 ? Problem.Severity.ERROR : Problem.Severity.WARNING));
    }
    return problems;
  }

  void throwIfErrors() throws ConfigException {
    if (errors > 0) {
      throw new ConfigException(inOrder());
    }
  }

  /** Text from the file may hold anything; a message is one line, and not endless. */
  static String oneLine(String message) {
    StringBuilder line = new StringBuilder(Math.min(message.length(), MAX_MESSAGE_LENGTH));
    for (int i = 0; i < message.length() && line.length() < MAX_MESSAGE_LENGTH; i++) {
      char c = message.charAt(i);
      if (Character.isISOControl(c) || c == '\u2028' || c == '\u2029') {
        line.append(String.format("\\u%04x", (int) c));
      } else {
        line.append(c);
      }
    }
    return line.length() < MAX_MESSAGE_LENGTH ? line.toString() : line.append('…').toString();
  }
}
