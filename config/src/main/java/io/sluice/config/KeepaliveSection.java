package io.sluice.config;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** {@code keepalive} of a destination. */
final class KeepaliveSection {
  private static final List<String> KEYS = List.of("idle", "interval", "count");
  private static final Duration MOST = Duration.ofSeconds(32_767); // the kernel's MAX_TCP_KEEPIDLE
  private static final int MOST_COUNT = 127;

  private KeepaliveSection() {}

  /** None is null: {@code keepalive: off}, and all that isn't TCP. */
  static @Nullable Keepalive read(Fields destination, boolean isTcp) {
    Value value = destination.optional("keepalive");
    Keepalive standard = Keepalive.DEFAULT;
    if (value == null) {
      return isTcp ? standard : null;
    }
    if (!isTcp) {
      value.error("keepalive is for tcp; leave it out");
      return null;
    }
    if (value.isScalar()) {
      return value.parse(text -> {
        if (!text.equals("off")) {
          throw new IllegalArgumentException(
              "\""
                  + text
                  + "\" is neither off nor a map like {idle: 60s, interval: 10s, count: 6}");
        }
        return Boolean.FALSE;
      })
              == null
          ? standard
          : null;
    }
    Fields fields = Fields.of(value, KEYS);
    if (fields == null) {
      return standard;
    }
    return new Keepalive(
        fields.optional("idle", standard.idle(), KeepaliveSection::seconds),
        fields.optional("interval", standard.interval(), KeepaliveSection::seconds),
        fields.optional("count", standard.count(), each -> each.integer(1, MOST_COUNT)));
  }

  private static @Nullable Duration seconds(Value value) {
    Duration duration = value.duration();
    if (duration == null) {
      return null;
    }
    if (duration.toMillis() % 1000 != 0 || duration.compareTo(MOST) > 0) {
      value.error("keepalive takes whole seconds, 1s to " + MOST.toSeconds() + "s");
      return null;
    }
    return duration;
  }
}
