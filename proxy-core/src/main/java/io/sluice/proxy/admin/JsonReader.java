package io.sluice.proxy.admin;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads one JSON value. */
final class JsonReader {
  private static final int MOST_NESTED = 100;

  private final String text;
  private int at;
  private int nested;

  JsonReader(String text) {
    this.text = text;
  }

  /** The value that the whole text is. */
  @Nullable Object whole() {
    Object value = value();
    if (peek() != 0) {
      throw wrong("something behind the end");
    }
    return value;
  }

  private @Nullable Object value() {
    return switch (peek()) {
      case '{' -> map();
      case '[' -> list();
      case '"' -> string();
      case 't' -> word("true", true);
      case 'f' -> word("false", false);
      case 'n' -> word("null", null);
      default -> number();
    };
  }

  private Map<String, @Nullable Object> map() {
    Map<String, @Nullable Object> map = new LinkedHashMap<>();
    enter();
    while (hasMore('}', map.isEmpty())) {
      if (peek() != '"') {
        throw wrong("a key is expected");
      }
      String key = string();
      if (peek() != ':') {
        throw wrong("a colon is expected");
      }
      at++;
      map.put(key, value());
    }
    nested--;
    return map;
  }

  private List<@Nullable Object> list() {
    List<@Nullable Object> list = new ArrayList<>();
    enter();
    while (hasMore(']', list.isEmpty())) {
      list.add(value());
    }
    nested--;
    return list;
  }

  private void enter() {
    at++;
    if (++nested > MOST_NESTED) {
      throw wrong("nested too deeply");
    }
  }

  /** Whether another member follows; if not, the end has been read. */
  private boolean hasMore(char end, boolean isFirst) {
    char next = peek();
    if (next == end) {
      at++;
      return false;
    }
    if (!isFirst) {
      if (next != ',') {
        throw wrong("a comma is expected");
      }
      at++;
    }
    return true;
  }

  private String string() {
    StringBuilder string = new StringBuilder();
    at++;
    while (true) {
      if (at >= text.length()) {
        throw wrong("the text has no end");
      }
      char c = text.charAt(at++);
      if (c == '"') {
        return string.toString();
      }
      string.append(c == '\\' ? escaped() : c);
    }
  }

  private char escaped() {
    char kind = at < text.length() ? text.charAt(at++) : 0;
    int simple = "\"\\/bfnrt".indexOf(kind);
    if (kind == 'u' && at + 4 <= text.length()) {
      try {
        char c = (char) Integer.parseInt(text, at, at + 4, 16);
        at += 4;
        return c;
      } catch (NumberFormatException _) {
        throw wrong("four hexadecimal digits are expected");
      }
    }
    if (simple < 0 || kind == 0) {
      throw wrong("no such escape");
    }
    return "\"\\/\b\f\n\r\t".charAt(simple);
  }

  private @Nullable Object word(String word, @Nullable Object value) {
    if (!text.startsWith(word, at)) {
      throw wrong("a value is expected");
    }
    at += word.length();
    return value;
  }

  private Object number() {
    int from = at;
    while (at < text.length() && "+-.0123456789eE".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
    String number = text.substring(from, at);
    try {
      return number.matches("-?[0-9]+") ? (Object) Long.valueOf(number) : Double.valueOf(number);
    } catch (NumberFormatException _) {
      throw wrong("a value is expected");
    }
  }

  /** The next character that is no space; 0 at the end. */
  private char peek() {
    while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
    return at < text.length() ? text.charAt(at) : 0;
  }

  private IllegalArgumentException wrong(String what) {
    return new IllegalArgumentException("not JSON: " + what + " at character " + at);
  }
}
