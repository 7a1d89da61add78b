package io.sluice.config;

import java.util.List;

/**
 * {@code end: true}, the last key of a file that is whole, and {@code requireEnd: true}, the first
 * key of one that has to have it: YAML that is cut at the end of a line mostly is valid YAML.
 */
final class EndMarker {
  private static final String FIRST = "requireEnd";
  private static final String LAST = "end";

  private EndMarker() {}

  /** Reports a marker that is missing, or isn't where it belongs. */
  static void check(Fields file) {
    List<Node.Entry> entries = file.map().entries();
    if (entries == null) {
      return;
    }
    boolean isEnd = ProgramSection.isTrue(file, LAST);
    Value end = file.optional(LAST);
    Node.Scalar lastKey = entries.getLast().key();
    if (end != null && !lastKey.text().equals(LAST)) {
      end.error(
          "end is the last key, as it says that the file is whole; move it behind "
              + lastKey.text());
    }
    boolean isRequired = ProgramSection.isTrue(file, FIRST);
    Value first = file.optional(FIRST);
    if (first != null && !entries.getFirst().key().text().equals(FIRST)) {
      first.error(
          "requireEnd is the first key, so that it is there however the file is cut; move it to"
              + " the top");
    }
    if (first != null && isRequired && !isEnd && !file.isExcused(LAST)) {
      first.error(
          "end: true isn't the file's last key: the file has been cut, or lacks it; write it at the"
              + " end");
    }
  }
}
