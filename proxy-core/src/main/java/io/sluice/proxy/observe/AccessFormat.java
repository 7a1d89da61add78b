package io.sluice.proxy.observe;

import io.sluice.steering.Tuple;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * How a line of the access log looks: text, JSON, or what the user wrote, like {@code {client}
 * {label} {ms}}. Immutable.
 */
public final class AccessFormat {
  private static final Pattern NAMED = Pattern.compile("\\{([^{}]*)}");
  private static final byte[] NEW_LINE = {'\n'};

  private final List<Part> parts;
  private final boolean isJson;

  /** A piece of text, with the field that follows it; null at the end. */
  @SuppressWarnings("ArrayRecordComponent") // not compared
  private record Part(byte[] text, @Nullable Field field) {}

  /** What may stand in a line. */
  private enum Field {
    TIME,
    PROTOCOL,
    CLIENT,
    LOCAL,
    LABEL,
    TARGET,
    END,
    BY,
    PHASE,
    MS,
    IN,
    OUT,
    VIA;

    String word() {
      return name().toLowerCase(Locale.ROOT);
    }

    boolean isNumber() {
      return this == MS || this == IN || this == OUT;
    }
  }

  private AccessFormat(List<Part> parts, boolean isJson) {
    this.parts = parts;
    this.isJson = isJson;
  }

  /**
   * Reads a format.
   *
   * @param text {@code text}, {@code json}, or one with names of fields in braces
   * @throws IllegalArgumentException if it has no such name; says which there are
   */
  public static AccessFormat parse(String text) {
    return switch (text) {
      case "text" ->
          of(
              "{time} access "
                  + Arrays.stream(Field.values())
                      .skip(1)
                      .map(it -> it.word() + "={" + it.word() + "}")
                      .collect(Collectors.joining(" ")),
              false);
      case "json" ->
          of(
              Arrays.stream(Field.values())
                  .map(it -> "\"" + it.word() + "\":" + (it.isNumber() ? "{#}" : "\"{#}\""))
                  .map(new Numbered()::next)
                  .collect(Collectors.joining(",")),
              true);
      default -> of(text, false);
    };
  }

  /** Puts each field's name in its place. */
  private static final class Numbered {
    private int next;

    String next(String text) {
      return text.replace("#", Field.values()[next++].word());
    }
  }

  private static AccessFormat of(String text, boolean isJson) {
    List<Part> parts = new ArrayList<>();
    Matcher names = NAMED.matcher(text);
    int from = 0;
    while (names.find()) {
      String before = (isJson && from == 0 ? "{" : "") + text.substring(from, names.start());
      parts.add(new Part(bytes(before), field(String.valueOf(names.group(1)))));
      from = names.end();
    }
    if (parts.isEmpty()) {
      throw new IllegalArgumentException(
          "\"" + text + "\" has no field; write text, json, or a line like {time} {client} {ms}");
    }
    parts.add(new Part(bytes(text.substring(from) + (isJson ? "}" : "")), null));
    return new AccessFormat(List.copyOf(parts), isJson);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static Field field(String word) {
    for (Field field : Field.values()) {
      if (field.word().equals(word)) {
        return field;
      }
    }
    throw new IllegalArgumentException(
        "{"
            + word
            + "} is no field of a record; there are "
            + Arrays.stream(Field.values()).map(Field::word).collect(Collectors.joining(", ")));
  }

  /** Adds a record's line, with its end. */
  void write(AccessRecord it, long atMillis, LineBytes to) {
    for (Part part : parts) {
      to.put(part.text);
      if (part.field != null) {
        write(part.field, it, atMillis, to);
      }
    }
    to.put(NEW_LINE);
  }

  private void write(Field field, AccessRecord it, long atMillis, LineBytes to) {
    Tuple tuple = it.tuple();
    LineBytes _ =
        switch (field) {
          case TIME -> to.putTime(atMillis);
          case PROTOCOL -> to.put(tuple.protocol().word());
          case CLIENT ->
              to.put(tuple.family(), tuple.remoteHigh(), tuple.remoteLow(), tuple.remotePort());
          case LOCAL ->
              to.put(tuple.family(), tuple.localHigh(), tuple.localLow(), tuple.localPort());
          case LABEL -> text(it.label(), to);
          case TARGET -> text(it.target(), to);
          case END -> to.put(it.end().word());
          case BY -> to.put(it.end().by().word());
          case PHASE -> to.put(it.phase().word());
          case MS -> to.put(it.durationMillis());
          case IN -> to.put(it.bytesIn());
          case OUT -> to.put(it.bytesOut());
          case VIA -> text(it.via() == null ? "-" : it.via(), to);
        };
  }

  private LineBytes text(String text, LineBytes to) {
    return isJson ? to.putJson(text) : to.putWord(text);
  }
}
