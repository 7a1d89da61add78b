package io.sluice.config;

import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** {@code select}, and the key of the same name that some ways of selecting need. */
final class SelectionSection {
  private static final List<String> WORDS =
      List.of("hash", "source", "round-robin", "least-connections", "payload", "quic", "program");
  private static final List<String> PAYLOAD_KEYS = List.of("offset", "length");
  private static final List<String> QUIC_KEYS = List.of("connectionIdLength", "serverId");
  private static final List<String> PROGRAM_KEYS = List.of("jar", "class");
  private static final List<String> SERVER_ID_KEYS = List.of("offset", "length");

  private static final int MAX_OFFSET = 65_526; // a datagram's last byte, on IPv6
  private static final int MAX_PAYLOAD_LENGTH = 256;
  private static final int MAX_CONNECTION_ID_LENGTH = 20; // RFC 9000 §17.2
  private static final int MAX_SERVER_ID_LENGTH = 8;

  private SelectionSection() {}

  /** The word, which is {@code hash} if there is none; null after a problem. */
  static @Nullable String word(Fields fields) {
    Value value = fields.optional("select");
    return value == null ? "hash" : value.parse(SelectionSection::parseWord);
  }

  private static String parseWord(String text) {
    if (!WORDS.contains(text)) {
      throw new IllegalArgumentException(
          "\""
              + text
              + "\" is no way to select; use "
              + String.join(", ", WORDS.subList(0, WORDS.size() - 1))
              + " or "
              + WORDS.getLast());
    }
    return text;
  }

  /** The selection that the word stands for; null after a problem. */
  static @Nullable Selection read(Fields fields, @Nullable String word) {
    Selection payload =
        parameter(fields, word, "payload", "{offset: 0, length: 4}", SelectionSection::payload);
    Selection quic =
        parameter(fields, word, "quic", "{connectionIdLength: 8}", SelectionSection::quic);
    Selection program =
        parameter(
            fields,
            word,
            "program",
            "{jar: programs/geo.jar, class: com.example.Geo}",
            SelectionSection::program);
    return switch (word) {
      case null -> null;
      case "source" -> new Selection.Source();
      case "round-robin" -> new Selection.RoundRobin();
      case "least-connections" -> new Selection.LeastConnections();
      case "payload" -> payload;
      case "quic" -> quic;
      case "program" -> program;
      default -> new Selection.Hash();
    };
  }

  /** What stands under the key that has a selection's name; nothing looks at it otherwise. */
  private static @Nullable Selection parameter(
      Fields fields,
      @Nullable String word,
      String its,
      String example,
      Function<Value, @Nullable Selection> read) {
    if (its.equals(word)) {
      return fields.required(its, example, read);
    }
    Value value = fields.optional(its);
    if (value != null && word != null) {
      value.error("nothing looks at it without select: " + its);
    }
    return null;
  }

  private static @Nullable Selection payload(Value value) {
    Fields fields = Fields.of(value, PAYLOAD_KEYS);
    if (fields == null) {
      return null;
    }
    int offset = fields.optional("offset", 0, it -> it.integer(0, MAX_OFFSET));
    Integer length = fields.required("length", "4", it -> it.integer(1, MAX_PAYLOAD_LENGTH));
    return length == null ? null : new Selection.Payload(offset, length);
  }

  private static @Nullable Selection quic(Value value) {
    Fields fields = Fields.of(value, QUIC_KEYS);
    if (fields == null) {
      return null;
    }
    Integer length =
        fields.required("connectionIdLength", "8", it -> it.integer(1, MAX_CONNECTION_ID_LENGTH));
    Value serverId = fields.optional("serverId");
    if (length == null) {
      return null;
    }
    return new Selection.Quic(length, serverId == null ? null : serverId(serverId, length));
  }

  private static Selection.@Nullable ServerId serverId(Value value, int idLength) {
    Fields fields = Fields.of(value, SERVER_ID_KEYS);
    if (fields == null) {
      return null;
    }
    int offset = fields.optional("offset", 1, it -> it.integer(0, MAX_CONNECTION_ID_LENGTH));
    Integer length = fields.required("length", "1", it -> it.integer(1, MAX_SERVER_ID_LENGTH));
    if (length != null && offset + length > idLength) {
      value.error(
          length + " bytes at " + offset + " are beyond a connection ID of " + idLength + " bytes");
    }
    return length == null ? null : new Selection.ServerId(offset, length);
  }

  private static @Nullable Selection program(Value value) {
    Fields fields = Fields.of(value, PROGRAM_KEYS);
    JarClass code = fields == null ? null : JarClass.read(fields);
    return code == null ? null : new Selection.Program(code);
  }
}
