package io.sluice.config;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** {@code loops}, {@code limits} and {@code admin}: the process itself. */
final class ProcessSections {
  static final int MAX_LOOPS = 1024;

  private static final int MAX_SESSIONS = 10_000_000;
  static final List<String> LIMIT_KEYS =
      List.of(
          "connections",
          "flows",
          "halfClosed",
          "drain",
          "lameDuck",
          "buffers",
          "newConnectionsPerSecond",
          "perSource");
  private static final long LEAST_BUFFERS = 1L << 20;
  private static final long MOST_BUFFERS = 64L << 30;
  private static final List<String> ADMIN_KEYS =
      List.of("http", "socket", "users", "groups", "readers", "hosts", "ready", "state");
  private static final Path NO_SOCKET = Path.of("none");
  private static final int MAX_NAME = 256;

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
    Value perSource = fields.optional(SourceLimitsSection.KEY);
    return new Limits(
        fields.optional(
            "connections", defaults.connections(), value -> value.integer(1, MAX_SESSIONS)),
        fields.optional("flows", defaults.flows(), value -> value.integer(1, MAX_SESSIONS)),
        fields.optional("halfClosed", defaults.halfClosed(), Value::duration),
        fields.optional("drain", defaults.drain(), Value::durationOrZero),
        fields.optional("lameDuck", defaults.lameDuck(), Value::durationOrZero),
        fields.optional(
            "buffers", defaults.bufferBytes(), value -> value.bytes(LEAST_BUFFERS, MOST_BUFFERS)),
        fields.optional(
            "newConnectionsPerSecond",
            defaults.newConnectionsPerSecond(),
            value -> value.integer(1, MAX_SESSIONS)),
        perSource == null ? null : SourceLimitsSection.read(perSource, null));
  }

  static @Nullable Admin admin(Value section) {
    Fields fields = Fields.of(section, ADMIN_KEYS);
    if (fields == null) {
      return null;
    }
    Value http = fields.optional("http");
    return new Admin(
        http == null ? Admin.DEFAULTS.http() : http(http),
        socket(fields),
        fields.optional("hosts", List.of(), ProcessSections::hosts),
        fields.optional("ready", false, ProcessSections::readyNeedsCaptures),
        state(fields.optional("state")));
  }

  private static List<String> hosts(Value list) {
    List<String> hosts = new ArrayList<>();
    for (Value item : list.items()) {
      String host = item.parse(ProcessSections::parseHost);
      if (host != null) {
        hosts.add(host);
      }
    }
    return List.copyOf(hosts);
  }

  private static String parseHost(String text) {
    if (!text.matches("[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?")) {
      throw new IllegalArgumentException(
          "\"" + text + "\": a host name without port is expected, like proxy.internal");
    }
    return text.toLowerCase(Locale.ROOT);
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

  private static AdminSocketSpec socket(Fields fields) {
    Value value = fields.optional("socket");
    Path path =
        value == null
            ? null
            : value.parse(
                text -> text.equals("none") ? NO_SOCKET : Path.of(TargetAddress.unixPath(text)));
    boolean isOff = NO_SOCKET.equals(path);
    return new AdminSocketSpec(
        isOff ? null : path,
        isOff,
        fields.optional("users", List.of(), ProcessSections::accounts),
        fields.optional("groups", List.of(), ProcessSections::accounts),
        fields.optional("readers", List.of(), ProcessSections::accounts));
  }

  private static List<String> accounts(Value list) {
    List<String> names = new ArrayList<>();
    for (Value item : list.items()) {
      String name = item.parse(ProcessSections::parseAccount);
      if (name != null) {
        names.add(name);
      }
    }
    return List.copyOf(names);
  }

  private static String parseAccount(String text) {
    if (text.isEmpty() || text.length() > MAX_NAME || text.matches(".*[\\s:/\\p{Cntrl}].*")) {
      throw new IllegalArgumentException(
          "\"" + text + "\": a user's or group's name or number is expected, like monitoring");
    }
    return text;
  }

  private static @Nullable Path state(@Nullable Value value) {
    return value == null ? null : value.file();
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
