package io.sluice.config;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How TCP clients wait for a target that has a place for them.
 *
 * @param length how many may wait
 * @param timeout for how long
 */
public record QueueSpec(int length, Duration timeout) {
  private static final List<String> KEYS = List.of("length", "timeout");
  private static final int MOST = 1_000_000;
  private static final QueueSpec STANDARD = new QueueSpec(1000, Duration.ofSeconds(10));

  static @Nullable QueueSpec read(Value value) {
    Fields fields = Fields.of(value, KEYS);
    return fields == null
        ? null
        : new QueueSpec(
            fields.optional("length", STANDARD.length, it -> it.integer(1, MOST)),
            fields.optional("timeout", STANDARD.timeout, Value::duration));
  }
}
