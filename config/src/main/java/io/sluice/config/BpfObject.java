package io.sluice.config;

import io.sluice.steering.Protocol;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A program of an object file, and what its maps hold. Reading makes sure that there is such a
 * file; what is in it, only its loader knows.
 *
 * @param file resolved against the configuration's directory
 * @param program its name; empty if the section says which
 * @param section where it is the only one; empty if the name says which, or both: then it is the
 *     file's only one of its type
 * @param set numbers of {@code const volatile} globals
 * @param budget back edges and calls of one run
 * @param maps by name
 * @param at where errors belong
 */
public record BpfObject(
    Path file,
    String program,
    String section,
    Map<String, BigInteger> set,
    int budget,
    Map<String, Contents> maps,
    Place at) {
  static final List<String> KEYS = List.of("object", "program", "section", "set", "budget", "maps");

  private static final int DEFAULT_BUDGET = 1 << 16;
  private static final int MAX_BUDGET = 1 << 24;
  private static final List<String> MAP_KEYS = List.of("destinations", "entries", "keep");
  private static final List<String> ENTRY_KEYS = List.of("key", "value");

  public BpfObject {
    set = Map.copyOf(set);
    maps = Map.copyOf(maps);
  }

  /**
   * What a map holds when the program is loaded.
   *
   * @param destinations the sockets of destinations, by key
   * @param keep whether it outlives a reload, if its shape stays the same
   */
  public record Contents(
      Map<Integer, Destination> destinations, List<Entry> entries, boolean keep) {
    public Contents {
      destinations = Map.copyOf(destinations);
      entries = List.copyOf(entries);
    }
  }

  /** A destination, as a map of sockets holds it. */
  public record Destination(String label, Protocol protocol) {}

  /** A key and a value, as bytes in hexadecimal without blanks. */
  public record Entry(String key, String value) {}

  /** Reads the keys of a program; null after a problem. */
  static @Nullable BpfObject read(Fields fields, Labels labels) {
    Value object = fields.required("object", "programs/dispatcher.o");
    Path file = object == null ? null : object.file();
    if (object != null && file != null) {
      String missing = JarClass.whyUnusable(file, "object");
      if (missing != null) {
        object.error(file + ": " + missing);
        file = null;
      }
    }
    String program = fields.optional("program", "", it -> it.parse(Labels::parse));
    String section = fields.optional("section", "", it -> it.parse(Labels::parse));
    Value named = fields.optional("program");
    if (named != null && fields.has("section")) {
      named.error("program and section exclude each other; keep one");
    }
    Map<String, BigInteger> set = set(fields.optional("set"));
    int budget = fields.optional("budget", DEFAULT_BUDGET, it -> it.integer(1, MAX_BUDGET));
    Map<String, Contents> maps = maps(fields.optional("maps"), labels);
    if (object == null || file == null) {
      return null;
    }
    return new BpfObject(file, program, section, set, budget, maps, object.place());
  }

  private static Map<String, BigInteger> set(@Nullable Value section) {
    Map<String, BigInteger> set = new LinkedHashMap<>();
    for (Node.Entry entry : entries(section)) {
      BigInteger number =
          at(section, entry)
              .parse(text -> {
                try {
                  return text.startsWith("0x")
                      ? new BigInteger(text.substring(2), 16)
                      : new BigInteger(text);
                } catch (NumberFormatException wrong) {
                  throw new IllegalArgumentException(
                      "\"" + text + "\" is no number; write it like 5, -1 or 0x1f", wrong);
                }
              });
      if (number != null) {
        set.put(entry.key().text(), number);
      }
    }
    return set;
  }

  private static List<Node.Entry> entries(@Nullable Value section) {
    List<Node.Entry> entries = section == null ? null : section.entries();
    return entries == null ? List.of() : entries;
  }

  private static Value at(@Nullable Value section, Node.Entry entry) {
    return Objects.requireNonNull(section).at(entry.key().text(), entry.value());
  }

  private static Map<String, Contents> maps(@Nullable Value section, Labels labels) {
    Map<String, Contents> maps = new LinkedHashMap<>();
    for (Node.Entry entry : entries(section)) {
      Fields fields = Fields.of(at(section, entry), MAP_KEYS);
      if (fields == null) {
        labels.use(null, null, EnumSet.noneOf(Protocol.class));
        continue;
      }
      boolean keep = fields.optional("keep", false, Value::flag);
      Map<Integer, Destination> destinations =
          destinations(fields.optional("destinations"), labels);
      Value list = fields.optional("entries");
      maps.put(
          entry.key().text(),
          new Contents(destinations, list == null ? List.of() : contents(list), keep));
    }
    return maps;
  }

  private static Map<Integer, Destination> destinations(@Nullable Value section, Labels labels) {
    Map<Integer, Destination> destinations = new LinkedHashMap<>();
    for (Node.Entry entry : entries(section)) {
      Value value = at(section, entry);
      Integer key = null;
      try {
        key = Value.parseInteger(entry.key().text(), 0, Integer.MAX_VALUE);
      } catch (IllegalArgumentException _) {
        Objects.requireNonNull(section)
            .errorAtKey(
                entry.key(),
                "\""
                    + entry.key().text()
                    + "\" is no key of a map of sockets; write a whole number");
      }
      Destination destination = value.parse(BpfObject::parseDestination);
      if (destination == null) {
        labels.use(null, null, EnumSet.noneOf(Protocol.class));
      } else {
        labels.use(value, destination.label, Set.of(destination.protocol));
        if (key != null) {
          destinations.put(key, destination);
        }
      }
    }
    return destinations;
  }

  private static Destination parseDestination(String text) {
    int slash = text.lastIndexOf('/');
    if (slash < 1) {
      throw new IllegalArgumentException(
          "\"" + text + "\" is no destination; write it like web/tcp");
    }
    return new Destination(
        Labels.parse(text.substring(0, slash)), Words.protocol(text.substring(slash + 1)));
  }

  private static List<Entry> contents(Value list) {
    List<Entry> entries = new ArrayList<>();
    for (Value item : list.items()) {
      Fields fields = Fields.of(item, ENTRY_KEYS);
      String key =
          fields == null ? null : fields.required("key", "\"01 00 00 00\"", BpfObject::hex);
      String value =
          fields == null ? null : fields.required("value", "\"01 00 00 00\"", BpfObject::hex);
      if (key != null && value != null) {
        entries.add(new Entry(key, value));
      }
    }
    return entries;
  }

  /** Bytes as {@code "01 0a ff"}, or as bpftool writes them: {@code ["0x01", "0x0a", "0xff"]}. */
  private static @Nullable String hex(Value value) {
    if (!value.isList()) {
      return value.parse(BpfObject::parseHex);
    }
    StringBuilder bytes = new StringBuilder();
    for (Value item : value.items()) {
      String octet = item.parse(text -> parseHex(text.startsWith("0x") ? text.substring(2) : text));
      if (octet == null) {
        return null;
      }
      bytes.append(octet);
    }
    return bytes.toString();
  }

  private static String parseHex(String text) {
    try {
      return HexFormat.of().formatHex(HexFormat.of().parseHex(text.replace(" ", "")));
    } catch (IllegalArgumentException wrong) {
      throw new IllegalArgumentException(
          "\"" + text + "\" are no bytes; write them like \"01 0a ff\"", wrong);
    }
  }
}
