package io.sluice.proxy.api;

import static java.util.Objects.requireNonNull;

import io.sluice.proxy.admin.Json;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What an answer says, as far as a test knows its form. */
public final class Parsed {
  private Parsed() {}

  /** A text that is an object. */
  public static Map<?, ?> object(String json) {
    return map(Json.parse(json));
  }

  public static Map<?, ?> map(@Nullable Object value) {
    return (Map<?, ?>) requireNonNull(value);
  }

  public static List<?> list(@Nullable Object value) {
    return (List<?>) requireNonNull(value);
  }

  /** The objects of a list. */
  public static List<Map<?, ?>> maps(@Nullable Object value) {
    List<Map<?, ?>> maps = new ArrayList<>();
    list(value).forEach(it -> maps.add(map(it)));
    return maps;
  }
}
