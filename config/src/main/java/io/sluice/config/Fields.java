package io.sluice.config;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** A map whose keys are known: reports the unknown, the repeated and the missing ones. */
final class Fields {
  /** More known keys than this are not read, but looked for. */
  private static final int FEW = 12;

  private final Value map;
  private final Map<String, Value> values = new HashMap<>();
  private final Set<String> excused = new HashSet<>();

  private Fields(Value map) {
    this.map = map;
  }

  /** The map's fields; null, after a problem, if the value is no map. */
  static @Nullable Fields of(Value map, List<String> known) {
    List<Node.Entry> entries = map.entries();
    if (entries == null) {
      return null;
    }
    Fields fields = new Fields(map);
    Map<String, Integer> lines = new HashMap<>();
    List<Node.Scalar> unknown = new ArrayList<>();
    for (Node.Entry entry : entries) {
      Node.Scalar key = entry.key();
      Integer earlier = lines.putIfAbsent(key.text(), key.line());
      if (earlier != null) {
        map.errorAtKey(key, "the key stands twice, here and at line " + earlier + "; keep one");
      } else if (known.contains(key.text())) {
        fields.values.put(key.text(), map.at(key.text(), entry.value()));
      } else if (entry.value() instanceof Node.Refused) {
        fields.excused.addAll(known); // <<: *defaults might have brought any
      } else {
        unknown.add(key);
      }
    }
    unknown.forEach(key -> fields.reportUnknown(key, known));
    return fields;
  }

  /** Suggests only what isn't there already; that key's absence then needs no report of its own. */
  private void reportUnknown(Node.Scalar key, List<String> known) {
    String nearest = null;
    if (map.problems().takesMore()) {
      nearest =
          Nearest.to(key.text(), known.stream().filter(word -> !values.containsKey(word)).toList());
    }
    if (nearest != null) {
      excused.add(nearest);
    }
    String right =
        nearest != null
            ? Nearest.question(nearest)
            : known.size() <= FEW
                ? "; known are " + String.join(", ", known)
                : "; docs/configuration.md has the " + known.size() + " that may stand here";
    map.errorAtKey(key, "unknown key" + right);
  }

  /** The map itself. */
  Value map() {
    return map;
  }

  /** The value of a key that may be missing; null if it is. */
  @Nullable Value optional(String key) {
    return values.get(key);
  }

  /** The value of a key that must be there; null, after a problem, if it isn't. */
  @Nullable Value required(String key, String example) {
    Value value = values.get(key);
    if (value == null && !excused.contains(key)) {
      map.error("the key '" + key + "' is missing; write it like " + key + ": " + example);
    }
    return value;
  }

  boolean has(String key) {
    return values.containsKey(key);
  }

  /** Whether the key's absence has been reported already, as an unknown key that resembles it. */
  boolean isExcused(String key) {
    return excused.contains(key);
  }

  /** What {@code read} makes of a required value; null after a problem. */
  <T> @Nullable T required(String key, String example, Function<Value, @Nullable T> read) {
    Value value = required(key, example);
    return value == null ? null : read.apply(value);
  }

  /** What {@code read} makes of a value; the default if it is missing, or after a problem. */
  <T> T optional(String key, T missing, Function<Value, @Nullable T> read) {
    Value value = values.get(key);
    T result = value == null ? null : read.apply(value);
    return result == null ? missing : result;
  }
}
