package io.sluice.config;

import io.sluice.config.MessageSpec.Framing;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The keys of a destination with {@code affinity: message}. */
final class FramingSection {
  private static final List<String> KEYS = List.of("framing", "maxMessage", "parserTimeout");
  private static final List<String> FRAMING_KEYS =
      List.of("type", "offset", "size", "endianness", "adjustment");
  private static final List<Integer> SIZES = List.of(1, 2, 3, 4, 8);

  private static final int MAX_MESSAGE = 64 << 10;
  private static final int MAX_MAX_MESSAGE = 16 << 20;
  private static final int MAX_OFFSET = 65_535;
  private static final int MAX_ADJUSTMENT = MAX_MAX_MESSAGE;
  private static final Duration PARSER_TIMEOUT = Duration.ofSeconds(30);

  private FramingSection() {}

  /**
   * Reads them.
   *
   * @param isMessage whether the affinity is; if not, the keys are an error
   * @param select the word under {@code select}; null after a problem
   * @return null if the affinity is another, or after a problem
   */
  static @Nullable MessageSpec read(Fields fields, boolean isMessage, @Nullable String select) {
    if (!isMessage) {
      for (String key : KEYS) {
        Value value = fields.optional(key);
        if (value != null && !isWrong(fields.optional("affinity"))) {
          value.error("nothing looks at it without affinity: message");
        }
      }
      return null;
    }
    Value selectValue = fields.optional("select");
    if (select != null && selectValue != null && !isOfMessages(select)) {
      selectValue.error(
          "select "
              + select
              + " can't choose by message; use hash, round-robin, payload or program, or"
              + " affinity: connection");
    }
    Framing framing = fields.required("framing", "{type: line}", FramingSection::framing);
    int maxMessage = fields.optional("maxMessage", MAX_MESSAGE, FramingSection::size);
    Duration timeout = fields.optional("parserTimeout", PARSER_TIMEOUT, Value::durationOrZero);
    return framing == null ? null : new MessageSpec(framing, maxMessage, timeout);
  }

  /** An affinity that was meant to be another has been reported. */
  private static boolean isWrong(@Nullable Value affinity) {
    if (affinity == null) {
      return false;
    }
    if (!affinity.isScalar()) {
      return true;
    }
    String text = affinity.text();
    for (DestinationSpec.Affinity known : DestinationSpec.Affinity.values()) {
      if (known != DestinationSpec.Affinity.MESSAGE && known.word().equals(text)) {
        return false;
      }
    }
    return true;
  }

  private static boolean isOfMessages(String select) {
    return switch (select) {
      case "hash", "round-robin", "payload", "program" -> true;
      default -> false;
    };
  }

  private static @Nullable Framing framing(Value value) {
    Fields any = Fields.of(value, FRAMING_KEYS);
    String type = any == null ? null : any.required("type", "line", FramingSection::type);
    if (any == null || type == null) {
      return null;
    }
    if (type.equals("length-field")) {
      return lengthField(any);
    }
    for (String key : FRAMING_KEYS) {
      Value its = any.optional(key);
      if (its != null && !key.equals("type")) {
        its.error("nothing looks at it without type: length-field");
      }
    }
    return switch (type) {
      case "line" -> new Framing.Line();
      case "octet-counted" -> new Framing.OctetCounted();
      default -> new Framing.Syslog();
    };
  }

  private static @Nullable String type(Value value) {
    return value.parse(text ->
        switch (text) {
          case "line", "octet-counted", "syslog", "length-field" -> text;
          default ->
              throw new IllegalArgumentException(
                  "\""
                      + text
                      + "\" is no framing; line, octet-counted, syslog and length-field are");
        });
  }

  private static @Nullable Framing lengthField(Fields fields) {
    int offset = fields.optional("offset", 0, value -> value.integer(0, MAX_OFFSET));
    Integer size = fields.required("size", "4", FramingSection::fieldSize);
    boolean bigEndian = fields.optional("endianness", true, FramingSection::isBigEndian);
    int adjustment = fields.optional("adjustment", 0, FramingSection::adjustment);
    return size == null ? null : new Framing.LengthField(offset, size, bigEndian, adjustment);
  }

  private static @Nullable Integer fieldSize(Value value) {
    Integer size = value.integer(1, 8);
    if (size != null && !SIZES.contains(size)) {
      value.error("a length field has 1, 2, 3, 4 or 8 bytes, not " + size);
      return null;
    }
    return size;
  }

  private static @Nullable Boolean isBigEndian(Value value) {
    return value.parse(text ->
        switch (text) {
          case "big" -> true;
          case "little" -> false;
          default ->
              throw new IllegalArgumentException("\"" + text + "\" is neither big nor little");
        });
  }

  /** A number that may be negative. */
  private static @Nullable Integer adjustment(Value value) {
    return value.parse(text -> {
      if (!text.matches("0|-?[1-9][0-9]{0,8}")
          || Math.abs(Integer.parseInt(text)) > MAX_ADJUSTMENT) {
        throw new IllegalArgumentException(
            "\"" + text + "\" is no whole number in -" + MAX_ADJUSTMENT + "–" + MAX_ADJUSTMENT);
      }
      return Integer.valueOf(text);
    });
  }

  /** A number of bytes above zero. */
  private static @Nullable Integer size(Value value) {
    Long bytes = value.bytes(1, MAX_MAX_MESSAGE);
    return bytes == null ? null : Math.toIntExact(bytes);
  }
}
