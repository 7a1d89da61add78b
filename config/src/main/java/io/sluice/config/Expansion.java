package io.sluice.config;

import java.util.Map;

/**
 * {@code ${VAR}} and {@code ${VAR:-default}} in a value; {@code $$} is a dollar sign. As in a
 * shell, the default stands for a variable that is unset or empty. What comes in isn't expanded
 * again.
 */
final class Expansion {
  private Expansion() {}

  /**
   * Expands all variables.
   *
   * @throws IllegalArgumentException if one is unset without default, or ill-written
   */
  static String expand(String text, Map<String, String> environment) {
    int dollar = text.indexOf('$');
    if (dollar < 0) {
      return text;
    }
    StringBuilder expanded = new StringBuilder();
    int copied = 0;
    while (dollar >= 0) {
      expanded.append(text, copied, dollar);
      if (text.startsWith("$$", dollar)) {
        expanded.append('$');
        copied = dollar + 2;
      } else if (text.startsWith("${", dollar)) {
        int end = text.indexOf('}', dollar);
        if (end < 0) {
          throw new IllegalArgumentException("${ without }; write ${VAR} or ${VAR:-default}");
        }
        expanded.append(value(text.substring(dollar + 2, end), environment));
        copied = end + 1;
      } else {
        throw new IllegalArgumentException(
            "$ alone; write ${VAR} for a variable, or $$ for a dollar sign");
      }
      dollar = text.indexOf('$', copied);
    }
    return expanded.append(text, copied, text.length()).toString();
  }

  private static String value(String reference, Map<String, String> environment) {
    int separator = reference.indexOf(":-");
    String name = separator < 0 ? reference : reference.substring(0, separator);
    if (!isName(name)) {
      throw new IllegalArgumentException(
          "\"${" + reference + "}\" names no variable; write ${VAR} or ${VAR:-default}");
    }
    String value = environment.get(name);
    if (separator >= 0) {
      return value == null || value.isEmpty() ? reference.substring(separator + 2) : value;
    }
    if (value == null) {
      throw new IllegalArgumentException(
          "the variable " + name + " isn't set; set it, or write ${" + name + ":-default}");
    }
    return value;
  }

  private static boolean isName(String name) {
    boolean valid = !name.isEmpty() && !(name.charAt(0) >= '0' && name.charAt(0) <= '9');
    for (int i = 0; valid && i < name.length(); i++) {
      char c = name.charAt(i);
      valid = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_';
    }
    return valid;
  }
}
