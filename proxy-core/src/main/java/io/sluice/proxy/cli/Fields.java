package io.sluice.proxy.cli;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A JSON object of the daemon's; what isn't there is empty. */
record Fields(Map<String, @Nullable Object> json) {
  static Fields of(@Nullable Object value) {
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    if (value instanceof Map<?, ?> map) {
      map.forEach((key, it) -> json.put(String.valueOf(key), it));
    }
    return new Fields(json);
  }

  String text(String key) {
    Object value = json.get(key);
    return value == null ? "" : String.valueOf(value);
  }

  long number(String key) {
    return json.get(key) instanceof Number number ? number.longValue() : 0;
  }

  double decimal(String key) {
    return json.get(key) instanceof Number number ? number.doubleValue() : 0;
  }

  boolean isTrue(String key) {
    return Boolean.TRUE.equals(json.get(key));
  }

  List<Fields> list(String key) {
    return json.get(key) instanceof List<?> list
        ? list.stream().map(Fields::of).toList()
        : List.of();
  }

  List<String> texts(String key) {
    return json.get(key) instanceof List<?> list
        ? list.stream().map(String::valueOf).toList()
        : List.of();
  }

  Map<String, @Nullable Object> map(String key) {
    return of(json.get(key)).json;
  }
}
