package io.sluice.config;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Collects everything that is wrong with one file, and with {@linkplain #of those that it names},
 * to report it at once.
 */
final class Problems {
  /** How many are kept; who has more has another kind of file. */
  static final int MAX_KEPT = 1000;

  private static final int MAX_MESSAGE_LENGTH = 1000;

  private final String file;
  private final Kept all;
  private int own; // errors that were reported here

  /** What there is so far, of all files. */
  private static final class Kept {
    final List<Problem> problems = new ArrayList<>();
    final List<String> files = new ArrayList<>(); // in the order in which they are reported
    int errors;
    int omitted;
  }

  Problems(String file) {
    this(oneLine(file), new Kept());
  }

  private Problems(String file, Kept all) {
    this.file = file;
    this.all = all;
    if (!all.files.contains(file)) {
      all.files.add(file);
    }
  }

  /** Where problems of another file, or of a part of this one, go; they count as this one's. */
  Problems of(String otherFile) {
    return new Problems(oneLine(otherFile), all);
  }

  String file() {
    return file;
  }

  void error(int line, int column, String path, String message) {
    all.errors++;
    own++;
    add(new Problem(file, line, column, oneLine(path), oneLine(message), Problem.Severity.ERROR));
  }

  void warning(int line, int column, String path, String message) {
    add(new Problem(file, line, column, oneLine(path), oneLine(message), Problem.Severity.WARNING));
  }

  private void add(Problem problem) {
    if (takesMore()) {
      all.problems.add(problem);
    } else {
      all.omitted++;
    }
  }

  /** Counts errors that are like others, and of which nothing more is said. */
  void omit(int errors) {
    all.errors += errors;
    all.omitted += errors;
  }

  /** Counts errors, to tell later whether a section had some. */
  int errors() {
    return all.errors;
  }

  /** The errors that were reported here, and not to {@linkplain #of a part}. */
  int ownErrors() {
    return own;
  }

  /** How far it has come, for {@link #forgetSince}. */
  int mark() {
    return all.problems.size();
  }

  /** Forgets what was reported since then, which had no errors. */
  void forgetSince(int mark) {
    all.problems.subList(mark, all.problems.size()).clear();
    all.errors = 0;
    all.omitted = 0;
  }

  /** Whether a further problem would be kept, so that a costly message is worth its while. */
  boolean takesMore() {
    return all.problems.size() < MAX_KEPT;
  }

  /** File by file, in each one's order; if there were too many, the last says how many more. */
  List<Problem> inOrder() {
    List<Problem> problems = new ArrayList<>(all.problems);
    problems.sort(
        Comparator.comparingInt((Problem problem) -> all.files.indexOf(problem.file()))
            .thenComparingInt(Problem::line)
            .thenComparingInt(Problem::column));
    if (all.omitted > 0) {
      problems.add(
          new Problem(
              file,
              0,
              0,
              "",
              "and " + all.omitted + " more problems",
              all.errors > 0 ? Problem.Severity.ERROR : Problem.Severity.WARNING));
    }
    return problems;
  }

  void throwIfErrors() throws ConfigException {
    if (all.errors > 0) {
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
