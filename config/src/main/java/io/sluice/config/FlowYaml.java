package io.sluice.config;

import java.util.stream.Collectors;

/** A piece of YAML as text on one line, which reads as the same piece. */
final class FlowYaml {
  private FlowYaml() {}

  static String of(Node node) {
    return switch (node) {
      case Node.Scalar scalar -> scalar(scalar);
      case Node.Sequence list ->
          list.items().stream().map(FlowYaml::of).collect(Collectors.joining(", ", "[", "]"));
      case Node.Mapping map ->
          map.entries().stream()
              .map(it -> scalar(it.key()) + ": " + of(it.value()))
              .collect(Collectors.joining(", ", "{", "}"));
      case Node.Placed placed -> of(placed.node());
      case Node.Refused _ -> "null";
    };
  }

  private static String scalar(Node.Scalar scalar) {
    String text = scalar.text();
    if (Value.isNothing(scalar)) {
      return "~";
    }
    boolean isWord = text.matches("[A-Za-z0-9_./-]+") && !text.equalsIgnoreCase("null");
    return isWord && !text.equals("-") && !text.startsWith("---") ? text : quoted(text);
  }

  /** In double quotes, with what isn't printable as an escape. */
  static String quoted(String text) {
    StringBuilder quoted = new StringBuilder("\"");
    text.codePoints()
        .forEach(c -> {
          if (c == '"' || c == '\\') {
            quoted.append('\\').appendCodePoint(c);
          } else if (c < 0x20 || c >= 0x7f) {
            quoted.append(String.format("\\U%08x", c));
          } else {
            quoted.appendCodePoint(c);
          }
        });
    return quoted.append('"').toString();
  }
}
