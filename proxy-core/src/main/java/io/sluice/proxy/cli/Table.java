package io.sluice.proxy.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Rows for people: columns as wide as what stands in them, numbers to the right. */
final class Table {
  private static final String GAP = "  ";

  /** Nothing, a number, an amount of bytes, or a duration. */
  private static final Pattern NUMBER =
      Pattern.compile("-|[0-9]+(\\.[0-9]+)?( [KMGTP]?i?B)?|([0-9]+(ms|[dhms]))+");

  private final List<List<String>> rows = new ArrayList<>();
  private final boolean[] isNumeric;

  /** With a head. */
  Table(String... head) {
    rows.add(List.of(head));
    isNumeric = new boolean[head.length];
    java.util.Arrays.fill(isNumeric, true);
  }

  /** Adds a row; nothing is shown as {@code -}. */
  Table row(@Nullable Object... cells) {
    List<String> row = new ArrayList<>();
    for (int i = 0; i < cells.length; i++) {
      String text = cells[i] == null || "".equals(cells[i]) ? "-" : String.valueOf(cells[i]);
      isNumeric[i] &= NUMBER.matcher(text).matches();
      row.add(text);
    }
    rows.add(row);
    return this;
  }

  /** How many rows there are below the head. */
  int size() {
    return rows.size() - 1;
  }

  void printTo(PrintWriter out) {
    int[] widths = new int[isNumeric.length];
    for (List<String> row : rows) {
      for (int i = 0; i < row.size(); i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int i = 0; i < row.size(); i++) {
        String padding = " ".repeat(widths[i] - row.get(i).length());
        line.append(isNumeric[i] ? padding + row.get(i) : row.get(i) + padding).append(GAP);
      }
      out.println(line.toString().stripTrailing());
    }
  }
}
