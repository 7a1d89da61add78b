package io.sluice.config;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A node on its way into the configuration: it knows its path, and reports what is wrong with it at
 * its place. A method that can't give what is asked for reports why, and returns null (or no
 * items): the caller goes on, so that one run finds everything.
 */
final class Value {
  /** The longest text; nothing in a configuration is longer, and messages quote it. */
  static final int MAX_TEXT_LENGTH = 4096;

  private static final Duration MAX_DURATION = Duration.ofDays(365);

  private final Node node;
  private final @Nullable Value parent;
  private final String step;
  private final Problems problems;
  private final Surroundings surroundings;

  /**
   * What values refer to outside of the text.
   *
   * @param environment for {@code ${VAR}}
   * @param file beside which files with a relative path are
   */
  record Surroundings(Map<String, String> environment, Path file) {
    static final Surroundings NONE = new Surroundings(Map.of(), Path.of(""));
  }

  private Value(
      Node node,
      @Nullable Value parent,
      String step,
      Problems problems,
      Surroundings surroundings) {
    this.parent = parent;
    if (node instanceof Node.Placed placed) {
      this.node = placed.node();
      this.step = step.startsWith("[") ? "[" + placed.index() + "]" : step;
      this.problems = placed.problems();
      this.surroundings = placed.surroundings();
    } else {
      this.node = node;
      this.step = step;
      this.problems = problems;
      this.surroundings = surroundings;
    }
  }

  static Value root(Node node, Problems problems, Surroundings surroundings) {
    return new Value(node, null, "", problems, surroundings);
  }

  /** The value of a key of this map. */
  Value at(String key, Node value) {
    return new Value(value, this, parent == null ? key : "." + key, problems, surroundings);
  }

  /** An item of this list, which may be read without the others. */
  Value item(int index, Node item) {
    return new Value(item, this, "[" + index + "]", problems, surroundings);
  }

  Node node() {
    return node;
  }

  int line() {
    return node.line();
  }

  int column() {
    return node.column();
  }

  /** {@code bindings[3].port}. */
  String path() {
    return parent == null ? step : parent.path() + step;
  }

  void error(String message) {
    problems.error(node.line(), node.column(), path(), message);
  }

  /** Reports at a key of this map, rather than at its value. */
  void errorAtKey(Node.Scalar key, String message) {
    String shown = key.text().length() > 64 ? key.text().substring(0, 64) + "…" : key.text();
    problems.error(key.line(), key.column(), at(shown, key).path(), message);
  }

  void warning(String message) {
    problems.warning(node.line(), node.column(), path(), message);
  }

  Problems problems() {
    return problems;
  }

  Surroundings surroundings() {
    return surroundings;
  }

  /** Where it stands in the file: a problem may be found later. */
  Place place() {
    return new Place(problems.file(), node.line(), node.column(), path());
  }

  /** The path of a file; one that is relative starts at the configuration's directory. */
  @Nullable Path file() {
    return parse(text -> {
      try {
        return surroundings.file.resolveSibling(text);
      } catch (InvalidPathException wrong) {
        throw new IllegalArgumentException("the path has a NUL character; write it without", wrong);
      }
    });
  }

  boolean isList() {
    return node instanceof Node.Sequence;
  }

  boolean isMap() {
    return node instanceof Node.Mapping;
  }

  boolean isScalar() {
    return node instanceof Node.Scalar;
  }

  /** The map's entries; null, after a problem, if it is no map. */
  @Nullable List<Node.Entry> entries() {
    if (node instanceof Node.Mapping mapping) {
      return mapping.entries();
    }
    wrongKind("a map (key: value)");
    return null;
  }

  /** The list's items; none, after a problem, if it is no list. */
  List<Value> items() {
    if (!(node instanceof Node.Sequence sequence)) {
      wrongKind("a list");
      return List.of();
    }
    List<Value> items = new ArrayList<>(sequence.items().size());
    for (Node item : sequence.items()) {
      items.add(item(items.size(), item));
    }
    return items;
  }

  /** The same for a list that must not be empty, and of which one item may stand alone. */
  List<Value> oneOrMore() {
    if (isScalar()) {
      return List.of(this);
    }
    List<Value> items = items();
    if (items.isEmpty() && isList()) {
      error("the list is empty; it needs at least one item");
    }
    return items;
  }

  /** The text with its variables expanded; null after a problem. */
  @Nullable String text() {
    if (!(node instanceof Node.Scalar scalar) || isNothing(scalar)) {
      wrongKind("one value");
      return null;
    }
    if (scalar.text().length() > MAX_TEXT_LENGTH) {
      tooLong(scalar.text());
      return null;
    }
    try {
      String expanded = Expansion.expand(scalar.text(), surroundings.environment);
      if (expanded.length() > MAX_TEXT_LENGTH) {
        tooLong(expanded);
        return null;
      }
      return expanded;
    } catch (IllegalArgumentException e) {
      error(messageOf(e));
      return null;
    }
  }

  private void tooLong(String text) {
    error("the value has " + text.length() + " characters; at most " + MAX_TEXT_LENGTH + " fit");
  }

  /**
   * What the parser makes of the text; null after a problem.
   *
   * @param parser throws an IllegalArgumentException whose message says what is wrong and right
   */
  <T> @Nullable T parse(Function<String, T> parser) {
    String text = text();
    if (text == null) {
      return null;
    }
    try {
      return parser.apply(text);
    } catch (IllegalArgumentException e) {
      error(messageOf(e));
      return null;
    }
  }

  /** A whole decimal number within bounds. */
  @Nullable Integer integer(int min, int max) {
    return parse(text -> parseInteger(text, min, max));
  }

  static Integer parseInteger(String text, int min, int max) {
    boolean digits = !text.isEmpty() && text.chars().allMatch(c -> c >= '0' && c <= '9');
    boolean plain = digits && text.length() <= 10 && (text.length() == 1 || text.charAt(0) != '0');
    if (!plain || Long.parseLong(text) < min || Long.parseLong(text) > max) {
      throw new IllegalArgumentException(
          "\"" + text + "\" is no whole number in " + min + "–" + max);
    }
    return Integer.valueOf(text);
  }

  /** True or false as in YAML 1.2's core schema. */
  @Nullable Boolean flag() {
    return parse(text ->
        switch (text) {
          case "true", "True", "TRUE" -> true;
          case "false", "False", "FALSE" -> false;
          default ->
              throw new IllegalArgumentException("\"" + text + "\" is neither true nor false");
        });
  }

  /** A length of time above zero, and at most a year. */
  @Nullable Duration duration() {
    Duration duration = durationOrZero();
    if (duration != null && duration.isZero()) {
      error("a duration of zero makes no sense here; write one like 5s");
      return null;
    }
    return duration;
  }

  /** A length of time of at most a year. */
  @Nullable Duration durationOrZero() {
    return parse(Value::parseDuration);
  }

  private static Duration parseDuration(String text) {
    int digits = 0;
    while (digits < text.length() && text.charAt(digits) >= '0' && text.charAt(digits) <= '9') {
      digits++;
    }
    long unitMillis =
        switch (text.substring(digits)) {
          case "ms" -> 1L;
          case "s" -> 1_000L;
          case "m" -> 60_000L;
          case "h" -> 3_600_000L;
          case "d" -> 86_400_000L;
          default -> 0;
        };
    if (digits == 0 || unitMillis == 0) {
      throw new IllegalArgumentException(
          "\"" + text + "\" is no duration; write it like 250ms, 5s, 2m, 1h or 1d");
    }
    long maxCount = MAX_DURATION.toMillis() / unitMillis;
    if (digits > 11 || Long.parseLong(text.substring(0, digits)) > maxCount) {
      throw new IllegalArgumentException(
          "\"" + text + "\" is longer than " + MAX_DURATION.toDays() + "d");
    }
    return Duration.ofMillis(Long.parseLong(text.substring(0, digits)) * unitMillis);
  }

  /** A number of bytes, like {@code 64KiB}. */
  @Nullable Long bytes(long least, long most) {
    return parse(text -> parseBytes(text, least, most));
  }

  private static Long parseBytes(String text, long least, long most) {
    int digits = 0;
    while (digits < text.length() && text.charAt(digits) >= '0' && text.charAt(digits) <= '9') {
      digits++;
    }
    long unit = unitBytes(text.substring(digits));
    if (digits == 0 || unit == 0) {
      throw new IllegalArgumentException(
          "\"" + text + "\" is no size; write it like 512B, 64KiB or 1MiB");
    }
    long count = digits > 9 ? Long.MAX_VALUE / unit : Long.parseLong(text.substring(0, digits));
    if (count * unit < least || count * unit > most) {
      throw new IllegalArgumentException(
          "\"" + text + "\" is outside " + size(least) + "–" + size(most));
    }
    return count * unit;
  }

  private static long unitBytes(String word) {
    return switch (word) {
      case "B" -> 1;
      case "KiB" -> 1L << 10;
      case "MiB" -> 1L << 20;
      case "GiB" -> 1L << 30;
      default -> 0;
    };
  }

  private static String size(long bytes) {
    for (String unit : List.of("GiB", "MiB", "KiB")) {
      if (bytes % unitBytes(unit) == 0) {
        return bytes / unitBytes(unit) + unit;
      }
    }
    return bytes + "B";
  }

  private void wrongKind(String expected) {
    String found =
        switch (node) {
          case Node.Scalar scalar when isNothing(scalar) -> "nothing; write it, or leave it out";
          case Node.Scalar scalar when scalar.text().length() > 64 -> "a long text";
          case Node.Scalar scalar -> "\"" + scalar.text() + "\"";
          case Node.Sequence _ -> "a list";
          case Node.Mapping _ -> "a map";
          case Node.Refused _, Node.Placed _ -> "";
        };
    if (!found.isEmpty()) {
      error("expected " + expected + ", found " + found);
    }
  }

  static boolean isNothing(Node.Scalar scalar) {
    return scalar.plain()
        && switch (scalar.text()) {
          case "", "~", "null", "Null", "NULL" -> true;
          default -> false;
        };
  }

  private static String messageOf(IllegalArgumentException e) {
    return String.valueOf(e.getMessage());
  }
}
