package io.sluice.config;

import io.sluice.config.PlainRows.Field;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A file of bindings as tubular writes them (RFC 8259): {@code {"bindings": [{"label": "web",
 * "protocol": "tcp", "prefix": "192.0.2.0/24", "port": 80}]}}. Without protocol it is both; port 0
 * is any. JSON that is cut is none, so it needs no mark at its end.
 *
 * <p>A wrong value is reported, and the rest read; what isn't JSON ends it.
 */
final class BindingJson {
  private static final String SHAPE =
      "{\"bindings\": [{\"label\": \"web\", \"protocol\": \"tcp\", \"prefix\": \"192.0.2.0/24\","
          + " \"port\": 80}]}";

  private final byte[] bytes;
  private final Value root;
  private final Problems problems;
  private final PlainRows plain;
  private final Field[] fields;
  private final Field key = new Field("key");
  private final Field ignored = new Field("ignored");
  private int at;
  private int line = 1;
  private int lineStart; // minus what the columns of this line don't count

  /** The text isn't JSON from here on; has been reported. */
  private static final class NotJsonException extends Exception {
    private static final long serialVersionUID = 1;

    NotJsonException() {
      super(null, null, false, false);
    }
  }

  BindingJson(ConfigText.Utf8 text, Value root, Problems problems) {
    this.bytes = text.bytes();
    this.at = text.start();
    this.lineStart = at;
    this.root = root;
    this.problems = problems;
    Value list = root.at(BindingSection.KEY, new Node.Mapping(List.of(), 1, 1));
    this.plain = new PlainRows(bytes, new BindingSection.ListOrigin(list));
    this.fields = new Field[] {plain.label, plain.protocol, plain.prefix, plain.port};
  }

  /** What there is; null if it isn't JSON. */
  @Nullable Bindings read() {
    try {
      expect('{');
      string(key);
      if (!plain.is(key, BindingSection.KEY)) {
        reportAt(key, "expected \"bindings\", found \"" + text(key) + "\"; write " + SHAPE);
        return null;
      }
      expect(':');
      expect('[');
      if (peek() == ']') {
        at++;
      } else {
        int item = 0;
        do {
          binding(item++);
        } while (isMore(']'));
      }
      expect('}');
      skipSpace();
      if (at < bytes.length) {
        throw notJson("something stands behind the end");
      }
    } catch (NotJsonException _) {
      return null;
    }
    return plain.bindings();
  }

  private void binding(int item) throws NotJsonException {
    for (Field field : fields) {
      field.isPresent = false;
    }
    boolean isGood = true;
    skipSpace();
    int row = line;
    int column = column();
    expect('{');
    if (peek() == '}') {
      at++;
    } else {
      do {
        isGood &= member(item);
      } while (isMore('}'));
    }
    for (Field field : fields) {
      if (!field.isPresent && field != plain.protocol && isGood) {
        root.at(BindingSection.KEY, new Node.Mapping(List.of(), row, column))
            .item(item, new Node.Mapping(List.of(), row, column))
            .error("the key '" + field.name + "' is missing; write it like " + SHAPE);
        isGood = false;
      }
    }
    if (isGood) {
      plain.add(item, row, column);
    } else {
      plain.rows().unreadable();
    }
  }

  /** Reads a key and its value; false after a problem. */
  private boolean member(int item) throws NotJsonException {
    skipSpace();
    string(key);
    Field known = null;
    for (Field field : fields) {
      known = plain.is(key, field.name) ? field : known;
    }
    expect(':');
    skipSpace();
    Field value = known == null || known.isPresent ? ignored : known;
    value.isPresent = true;
    boolean isText = peek() == '"';
    if (isText) {
      string(value);
    } else {
      word(value);
    }
    if (known == null) {
      report(item, key, "unknown key; known are label, protocol, prefix, port");
      return false;
    }
    if (value != known) {
      report(item, key, "the key stands twice; keep one");
      return false;
    }
    if (isText == (known == plain.port)) {
      report(item, value, isText ? "a port is a number, without quotes" : "expected a text");
      return false;
    }
    if (known == plain.port && value.to - value.from == 1 && bytes[value.from] == '0') {
      value.text = "any";
    }
    return true;
  }

  /** Reads a string; its text is kept apart only if it has escapes. */
  private void string(Field into) throws NotJsonException {
    skipSpace();
    into.line = line;
    into.column = column();
    into.text = null;
    expect('"');
    into.from = at;
    StringBuilder unescaped = null;
    int copied = at;
    while (true) {
      if (at == bytes.length) {
        throw notJson("the file ends inside a text");
      }
      byte b = bytes[at];
      if (b == '"') {
        break;
      }
      if (b >= 0 && b < ' ') {
        throw notJson(String.format("the control character U+%04X in a text", (int) b));
      }
      if (b == '\\') {
        unescaped = unescaped == null ? new StringBuilder() : unescaped;
        unescaped.append(new String(bytes, copied, at - copied, StandardCharsets.UTF_8));
        unescaped.append(escape());
        copied = at;
      } else {
        next();
      }
    }
    into.to = at;
    if (unescaped != null) {
      unescaped.append(new String(bytes, copied, at - copied, StandardCharsets.UTF_8));
      into.text = unescaped.toString();
    }
    at++;
  }

  private char escape() throws NotJsonException {
    at++;
    char kind = at < bytes.length ? (char) bytes[at] : 0;
    int simple = "\"\\/bfnrt".indexOf(kind);
    if (simple >= 0 && kind != 0) {
      at++;
      return "\"\\/\b\f\n\r\t".charAt(simple);
    }
    int code = 0;
    for (int i = 1; i <= 4; i++) {
      int digit = kind == 'u' && at + i < bytes.length ? Character.digit(bytes[at + i], 16) : -1;
      if (digit < 0) {
        throw notJson("a backslash that begins no escape");
      }
      code = code << 4 | digit;
    }
    at += 5;
    return (char) code;
  }

  /** Reads a number, true, false or null. */
  private void word(Field into) throws NotJsonException {
    into.line = line;
    into.column = column();
    into.text = null;
    into.from = at;
    while (at < bytes.length && (Character.isLetterOrDigit(bytes[at]) || isSign(bytes[at]))) {
      at++;
    }
    into.to = at;
    if (at == into.from) {
      throw notJson("expected a text or a number, " + found());
    }
  }

  private static boolean isSign(byte b) {
    return b == '-' || b == '+' || b == '.';
  }

  private boolean isMore(char end) throws NotJsonException {
    byte b = peek();
    if (b != ',' && b != end) {
      throw notJson("expected , or " + end + ", " + found());
    }
    at++;
    return b == ',';
  }

  private void expect(char c) throws NotJsonException {
    if (peek() != c) {
      throw notJson("expected " + c + ", " + found());
    }
    at++;
  }

  /** The next byte that is no space; 0 at the end. */
  private byte peek() {
    skipSpace();
    return at < bytes.length ? bytes[at] : 0;
  }

  private void skipSpace() {
    while (at < bytes.length && BindingFile.isSpace(bytes[at])) {
      next();
    }
  }

  private void next() {
    byte b = bytes[at++];
    if (b == '\n') {
      line++;
      lineStart = at;
    } else if ((b & 0xc0) == 0x80) {
      lineStart++; // it only continues a character
    }
  }

  private int column() {
    return at - lineStart + 1;
  }

  private String found() {
    return at < bytes.length ? "found " + (char) (bytes[at] & 0x7f) : "and the file ends";
  }

  private NotJsonException notJson(String what) {
    problems.error(line, column(), "", "not valid JSON: " + what);
    return new NotJsonException();
  }

  private void report(int item, Field at, String message) {
    root.at(BindingSection.KEY, new Node.Mapping(List.of(), 1, 1))
        .item(item, new Node.Scalar("", false, at.line, at.column))
        .error(message);
  }

  private void reportAt(Field at, String message) {
    problems.error(at.line, at.column, "", message);
  }

  private String text(Field field) {
    return field.text == null
        ? new String(bytes, field.from, field.to - field.from, StandardCharsets.UTF_8)
        : field.text;
  }
}
