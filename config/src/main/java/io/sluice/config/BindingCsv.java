package io.sluice.config;

import io.sluice.config.PlainRows.Field;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A file of bindings with one a line: {@code label,protocol,prefix,port}. Blanks around fields
 * don't count; a field in double quotes may hold commas; lines that begin with {@code #} are
 * comments, but for the last: {@code # end N} says how many bindings there are.
 */
final class BindingCsv {
  private static final Pattern END = Pattern.compile("#\\s*end\\s+([0-9]{1,9})\\s*");
  private static final String HEADING = "label,protocol,prefix,port";
  private static final int LONGEST_END = 64;

  private final byte[] bytes;
  private final Problems problems;
  private final PlainRows plain;
  private final Field[] fields;
  private int at;
  private int line = 1;
  private int lineStart;
  private int items;
  private int endLine; // 0 until there was one
  private boolean isPastEnd;

  BindingCsv(ConfigText.Utf8 text, Value root, Problems problems) {
    this.bytes = text.bytes();
    this.at = text.start();
    this.problems = problems;
    this.plain = new PlainRows(bytes, new LineOrigin(root));
    this.fields = new Field[] {plain.label, plain.protocol, plain.prefix, plain.port};
    for (Field field : fields) {
      field.isPresent = true;
    }
  }

  /** Rows that are lines: a problem's line says which. */
  private record LineOrigin(Value root) implements BindingRows.Origin {
    @Override
    public Value row(int item, int line, int column) {
      return Value.root(
          new Node.Mapping(List.of(), line, column), root.problems(), root.surroundings());
    }

    @Override
    public Value field(int item, String name, int line, int column) {
      return root.at(name, new Node.Scalar("", false, line, column));
    }
  }

  Bindings read(boolean isEndRequired) {
    while (at < bytes.length) {
      lineStart = at;
      int end = at;
      while (end < bytes.length && bytes[end] != '\n') {
        end++;
      }
      line(end);
      at = end + 1;
      line++;
    }
    if (endLine == 0 && isEndRequired) {
      problems.error(
          Math.max(1, line - 1),
          1,
          "",
          "the last line isn't \"# end "
              + items
              + "\", and requireEnd asks for it: the file has been cut, or lacks it");
    } else if (endLine == 0 && bytes.length > 0 && bytes[bytes.length - 1] != '\n') {
      problems.warning(
          line - 1, 1, "", "the last line has no line end; make sure that the file is whole");
    }
    return plain.bindings();
  }

  /** Reads from {@link #at} to the end of the line. */
  private void line(int end) {
    skipBlanks(end);
    if (at == end) {
      return;
    }
    if (bytes[at] == '#') {
      comment(end);
    } else if (endLine > 0) {
      if (!isPastEnd) {
        isPastEnd = true;
        problems.error(line, 1, "", "bindings stand behind the end, which is at line " + endLine);
      }
    } else {
      row(end);
    }
  }

  private void comment(int end) {
    if (end - at > LONGEST_END) {
      return;
    }
    Matcher matcher = END.matcher(new String(bytes, at, end - at, StandardCharsets.UTF_8));
    if (!matcher.matches()) {
      return;
    }
    endLine = line;
    int count = Integer.parseInt(Objects.requireNonNull(matcher.group(1)));
    if (count != items) {
      problems.error(
          line,
          column(at),
          "",
          "the end says "
              + count
              + " bindings, and "
              + items
              + (items == 1 ? " stands" : " stand")
              + " above it: the file has been cut or edited; correct the number");
    }
  }

  private void row(int end) {
    int first = at;
    int item = items++;
    int count = 0;
    boolean isMore = true;
    while (isMore && count < fields.length) {
      skipBlanks(end);
      if (!field(fields[count++], end)) {
        plain.rows().unreadable();
        return;
      }
      isMore = at < end; // at a comma
      at += isMore ? 1 : 0;
    }
    if (isMore || count < fields.length) {
      problems.error(line, column(first), "", "expected four fields, " + HEADING);
      plain.rows().unreadable();
    } else if (item == 0 && isHeading(first, end)) {
      items = 0;
    } else {
      plain.add(item, line, column(first));
    }
  }

  private boolean isHeading(int first, int end) {
    return end - first <= HEADING.length() + 16
        && new String(bytes, first, end - first, StandardCharsets.UTF_8)
            .replace(" ", "")
            .strip()
            .equals(HEADING);
  }

  /** Reads one field, up to the comma behind it; false after a problem. */
  private boolean field(Field field, int end) {
    field.line = line;
    field.column = column(at);
    field.text = null;
    if (at < end && bytes[at] == '"') {
      return quoted(field, end);
    }
    field.from = at;
    while (at < end && bytes[at] != ',') {
      at++;
    }
    field.to = at;
    while (field.to > field.from && BindingFile.isSpace(bytes[field.to - 1])) {
      field.to--;
    }
    return true;
  }

  private boolean quoted(Field field, int end) {
    StringBuilder text = new StringBuilder();
    int from = ++at;
    while (at < end) {
      if (bytes[at] != '"') {
        at++;
      } else if (at + 1 < end && bytes[at + 1] == '"') {
        text.append(new String(bytes, from, at + 1 - from, StandardCharsets.UTF_8));
        at += 2;
        from = at;
      } else {
        text.append(new String(bytes, from, at - from, StandardCharsets.UTF_8));
        at++;
        skipBlanks(end);
        field.text = text.toString();
        if (at == end || bytes[at] == ',') {
          return true;
        }
        problems.error(
            line, column(at), field.name, "text behind the closing quote; write \"\" for a quote");
        return false;
      }
    }
    problems.error(line, field.column, field.name, "the quote isn't closed in this line");
    return false;
  }

  private void skipBlanks(int end) {
    while (at < end && BindingFile.isSpace(bytes[at])) {
      at++;
    }
  }

  /** Counts characters, of which the first byte isn't one of those that only continue. */
  private int column(int byteAt) {
    int column = 1;
    for (int i = lineStart; i < byteAt; i++) {
      column += (bytes[i] & 0xc0) == 0x80 ? 0 : 1;
    }
    return column;
  }
}
