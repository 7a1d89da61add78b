package io.sluice.proxy.observe;

/**
 * Text from elsewhere, such as a label, in a line of {@code key=value}: in quotes if it would be
 * read wrong without. Any thread.
 */
public final class Quoted {
  private Quoted() {}

  /**
   * The text itself if it is one word; else in double quotes, with {@code \"}, {@code \\}, and
   * {@code \u202e} for what is not printed: control characters, and those that turn the direction
   * of writing. Allocates nothing in the first case.
   */
  public static String of(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (!isOfAWord(text.charAt(i))) {
        return quoted(text);
      }
    }
    return text.isEmpty() ? "\"\"" : text;
  }

  /** The text with all escaped that is not printed; line ends and tabs stay. */
  static String printable(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (!isPrinted(c) && c != '\n' && c != '\t') {
        return escaped(text, i);
      }
    }
    return text;
  }

  private static String quoted(String text) {
    StringBuilder quoted = new StringBuilder(text.length() + 16).append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '"' || c == '\\') {
        quoted.append('\\').append(c);
      } else {
        append(quoted, c);
      }
    }
    return quoted.append('"').toString();
  }

  private static String escaped(String text, int from) {
    StringBuilder escaped = new StringBuilder(text.length() + 16).append(text, 0, from);
    for (int i = from; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '\n' || c == '\t') {
        escaped.append(c);
      } else {
        append(escaped, c);
      }
    }
    return escaped.toString();
  }

  private static void append(StringBuilder to, char c) {
    if (isPrinted(c)) {
      to.append(c);
    } else {
      to.append("\\u");
      for (int shift = 12; shift >= 0; shift -= 4) {
        to.append(Character.forDigit(c >> shift & 0xf, 16));
      }
    }
  }

  private static boolean isOfAWord(char c) {
    return c > ' ' && c < 0x7f
        ? c != '"' && c != '\\' && c != '='
        : isPrinted(c) && !Character.isSpaceChar(c);
  }

  private static boolean isPrinted(char c) {
    if (c >= ' ' && c < 0x7f) {
      return true;
    }
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR,
          Character.UNASSIGNED ->
          false;
      default -> true;
    };
  }
}
