package io.sluice.config;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** {@code bindings: {file: …}}: a table of its own, as CSV or as tubular's JSON. */
final class BindingFile {
  private BindingFile() {}

  /**
   * Reads the file that is named.
   *
   * @param isEndRequired whether a CSV file must end with {@code # end N}
   * @return null after a problem with the file as a whole
   */
  static @Nullable Bindings read(Value name, boolean isEndRequired) {
    Path file = name.file();
    if (file == null) {
      return null;
    }
    Problems problems = name.problems().of(file.toString());
    int errors = problems.errors();
    ConfigText.Utf8 text = new ConfigText.Utf8(ConfigFile.read(file, problems));
    if (problems.errors() > errors || !text.isUtf8(problems)) {
      return null;
    }
    Node.Mapping whole = new Node.Mapping(List.of(), 1, 1);
    Value root = Value.root(whole, problems, name.surroundings());
    return read(text, root, problems, isEndRequired);
  }

  /** Reads a text that is either; null after a problem with it as a whole. */
  static @Nullable Bindings read(
      ConfigText.Utf8 text, Value root, Problems problems, boolean isEndRequired) {
    return isJson(text)
        ? new BindingJson(text, root, problems).read()
        : new BindingCsv(text, root, problems).read(isEndRequired);
  }

  /** JSON begins with a brace, and no label that one would choose does. */
  private static boolean isJson(ConfigText.Utf8 text) {
    int at = text.start();
    while (at < text.bytes().length && isSpace(text.bytes()[at])) {
      at++;
    }
    return at < text.bytes().length && text.bytes()[at] == '{';
  }

  static boolean isSpace(byte b) {
    return b == ' ' || b == '\t' || b == '\r' || b == '\n';
  }
}
