package io.sluice.config;

import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** {@code perSource}: of the whole process, of a capture, and of a destination. */
final class SourceLimitsSection {
  static final String KEY = "perSource";

  private static final List<String> OF_TCP = List.of("connections", "newPerSecond", "overLimit");
  private static final List<String> OF_UDP = List.of("flows", "newFlowsPerSecond");
  private static final List<String> KEYS =
      List.of(
          "prefix4",
          "prefix6",
          "connections",
          "newPerSecond",
          "flows",
          "newFlowsPerSecond",
          "bytesPerSecond",
          "overLimit",
          "except",
          "shadow");
  private static final List<String> BOUNDS =
      List.of("connections", "newPerSecond", "flows", "newFlowsPerSecond", "bytesPerSecond");
  private static final int MOST = 1_000_000;

  private SourceLimitsSection() {}

  /**
   * @param protocol that the limits are for; null for either
   */
  static @Nullable SourceLimits read(Value section, @Nullable Protocol protocol) {
    Fields fields = Fields.of(section, KEYS);
    if (fields == null) {
      return null;
    }
    if (BOUNDS.stream().noneMatch(fields::has)) {
      section.error("nothing is limited; say connections, newPerSecond, flows or bytesPerSecond");
    }
    if (protocol != null) {
      boolean isTcp = protocol == Protocol.TCP;
      for (String key : isTcp ? OF_UDP : OF_TCP) {
        Value strange = fields.optional(key);
        if (strange != null) {
          strange.error("it is for " + (isTcp ? "udp" : "tcp") + "; leave it out here");
        }
      }
    }
    return new SourceLimits(
        fields.optional("prefix4", 32, it -> it.integer(1, 32)),
        fields.optional("prefix6", 64, it -> it.integer(1, 128)),
        bound(fields, "connections"),
        bound(fields, "newPerSecond"),
        bound(fields, "flows"),
        bound(fields, "newFlowsPerSecond"),
        fields.optional(
            "bytesPerSecond",
            0L,
            it -> it.bytes(DestinationLimits.LEAST_BANDWIDTH, DestinationLimits.MOST_BANDWIDTH)),
        fields.optional(
            "overLimit",
            SourceLimits.OverLimit.REFUSE,
            it -> it.parse(SourceLimitsSection::parseOverLimit)),
        fields.optional("except", List.of(), SourceLimitsSection::prefixes),
        fields.optional("shadow", false, Value::flag));
  }

  private static int bound(Fields fields, String key) {
    return fields.optional(key, 0, it -> it.integer(1, MOST));
  }

  private static List<IpPrefix> prefixes(Value list) {
    List<IpPrefix> prefixes = new ArrayList<>();
    for (Value item : list.oneOrMore()) {
      IpPrefix prefix = item.parse(Words::prefix);
      if (prefix != null) {
        prefixes.add(prefix);
      }
    }
    return prefixes;
  }

  private static SourceLimits.OverLimit parseOverLimit(String text) {
    for (SourceLimits.OverLimit policy : SourceLimits.OverLimit.values()) {
      if (policy.word().equals(text)) {
        return policy;
      }
    }
    throw new IllegalArgumentException("\"" + text + "\" is none; refuse, wait and drop are");
  }
}
