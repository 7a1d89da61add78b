package io.sluice.proxy.admin;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Writes, on one line, and reads the little JSON of the admin socket and the commands (RFC 8259).
 */
public final class Json {
  private Json() {}

  /** A string, number, boolean, null, list or map with string keys. */
  public static String of(@Nullable Object value) {
    StringBuilder text = new StringBuilder();
    write(value, text);
    return text.toString();
  }

  /**
   * What a text says: {@code Map<String, Object>}, {@code List<Object>}, String, Long, Double,
   * Boolean or null.
   *
   * @throws IllegalArgumentException if it isn't JSON
   */
  public static @Nullable Object parse(String text) {
    return new JsonReader(text).whole();
  }

  private static void write(@Nullable Object value, StringBuilder text) {
    switch (value) {
      case null -> text.append("null");
      case Number number -> text.append(number);
      case Boolean flag -> text.append(flag);
      case List<?> list -> {
        String separator = "[";
        for (Object element : list) {
          text.append(separator);
          write(element, text);
          separator = ",";
        }
        text.append(list.isEmpty() ? "[]" : "]");
      }
      case Map<?, ?> map -> {
        String separator = "{";
        for (Map.Entry<?, ?> entry : map.entrySet()) {
          text.append(separator);
          quote(entry.getKey().toString(), text);
          text.append(':');
          write(entry.getValue(), text);
          separator = ",";
        }
        text.append(map.isEmpty() ? "{}" : "}");
      }
      default -> quote(value.toString(), text);
    }
  }

  private static void quote(String string, StringBuilder text) {
    text.append('"');
    for (int i = 0; i < string.length(); i++) {
      char c = string.charAt(i);
      switch (c) {
        case '"' -> text.append("\\\"");
        case '\\' -> text.append("\\\\");
        case '\n' -> text.append("\\n");
        case '\t' -> text.append("\\t");
        default -> {
          if (c < 0x20) {
            text.append(String.format("\\u%04x", (int) c));
          } else {
            text.append(c);
          }
        }
      }
    }
    text.append('"');
  }
}
