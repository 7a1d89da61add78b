package io.sluice.proxy.api;

import static java.util.Objects.requireNonNull;

import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Parameters that are more than text. Each is null if it isn't given. */
final class Parameters {
  private static final Pattern DURATION = Pattern.compile("([0-9]{1,9})(ms|[smhd])");

  private Parameters() {}

  /** A prefix, or one address. */
  static @Nullable IpPrefix prefix(Request request, String name) {
    String text = request.parameter(name);
    if (text == null) {
      return null;
    }
    try {
      return text.indexOf('/') >= 0
          ? IpPrefix.parse(text)
          : IpPrefix.parse(text + (text.indexOf(':') >= 0 ? "/128" : "/32"));
    } catch (IllegalArgumentException wrong) {
      throw new BadRequestException(name + ": " + wrong.getMessage());
    }
  }

  /** A protocol by its word. */
  static Protocol protocol(String word) {
    for (Protocol protocol : Protocol.values()) {
      if (protocol.word().equals(word)) {
        return protocol;
      }
    }
    throw new BadRequestException("\"" + word + "\" is no protocol; tcp and udp are");
  }

  /** A duration in milliseconds, like {@code 90s}, {@code 1h}; 0 if it isn't given. */
  static long millis(Request request, String name) {
    String text = request.parameter(name);
    if (text == null) {
      return 0;
    }
    Matcher duration = DURATION.matcher(text);
    if (!duration.matches()) {
      throw new BadRequestException(name + ": \"" + text + "\" is no duration; write 90s or 1h");
    }
    long unit =
        switch (requireNonNull(duration.group(2))) {
          case "ms" -> 1;
          case "s" -> 1_000;
          case "m" -> 60_000;
          case "h" -> 3_600_000;
          default -> 86_400_000;
        };
    return Long.parseLong(requireNonNull(duration.group(1))) * unit;
  }

  /** A number of at least 1; Integer.MAX_VALUE if it isn't given. */
  static int count(Request request, String name) {
    String text = request.parameter(name);
    if (text == null) {
      return Integer.MAX_VALUE;
    }
    if (!text.matches("[1-9][0-9]{0,8}")) {
      throw new BadRequestException(name + ": \"" + text + "\" is no number above 0");
    }
    return Integer.parseInt(text);
  }
}
