package io.sluice.config;

import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** {@code loops}, {@code limits} and {@code admin}: the process itself. */
final class ProcessSections {
  static final int MAX_LOOPS = 1024;

  private static final int MAX_SESSIONS = 10_000_000;
  private static final List<String> LIMIT_KEYS =
      List.of("connections", "flows", "halfClosed", "drain");
  private static final List<String> ADMIN_KEYS = List.of("http", "socket", "ready");

  private ProcessSections() {}

  static @Nullable Integer loops(Value value) {
    return value.integer(1, MAX_LOOPS);
  }

  static @Nullable Limits limits(Value section) {
    Fields fields = Fields.of(section, LIMIT_KEYS);
    if (fields == null) {
      return null;
    }
    Limits defaults = Limits.DEFAULTS;
    return new Limits(
        fields.optional(
            "connections", defaults.connections(), value -> value.integer(1, MAX_SESSIONS)),
        fields.optional("flows", defaults.flows(), value -> value.integer(1, MAX_SESSIONS)),
        fields.optional("halfClosed", defaults.halfClosed(), Value::duration),
        fields.optional("drain", defaults.drain(), Value::durationOrZero));
  }

  static @Nullable Admin admin(Value section) {
    Fields fields = Fields.of(section, ADMIN_KEYS);
    if (fields == null) {
      return null;
    }
    Value http = fields.optional("http");
    Value socket = fields.optional("socket");
    return new Admin(
        http == null ? Admin.DEFAULTS.http() : http(http),
        socket == null ? null : socket(socket),
        fields.optional("ready", false, ProcessSections::readyNeedsCaptures));
  }

  private static @Nullable Boolean readyNeedsCaptures(Value value) {
    return value.parse(text ->
        switch (text) {
          case "serving" -> false;
          case "captures" -> true;
          default ->
              throw new IllegalArgumentException("'" + text + "' is neither serving nor captures");
        });
  }

  private static @Nullable Path socket(Value value) {
    Path path = value.parse(text -> Path.of(TargetAddress.unixPath(text)));
    if (path != null) {
      value.warning("nothing listens there in this version; changes come by SIGHUP");
    }
    return path;
  }

  private static @Nullable HostPort http(Value value) {
    String text = value.text();
    if (text == null || text.equals("none")) {
      return null;
    }
    try {
      return HostPort.parse(text);
    } catch (IllegalArgumentException e) {
      value.error(e.getMessage() + "; none turns it off");
      return null;
    }
  }
}
