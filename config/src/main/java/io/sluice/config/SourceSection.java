package io.sluice.config;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** {@code source} of a destination: {@code transparent}, or own addresses and prefixes. */
final class SourceSection {
  private static final String TRANSPARENT = "transparent";

  /** More are written as prefixes. */
  private static final int MAX_PREFIXES = 64;

  private static final List<IpPrefix> UNUSABLE =
      List.of(
          IpPrefix.parse("0.0.0.0/8"),
          IpPrefix.parse("224.0.0.0/3"), // multicast, reserved, broadcast
          IpPrefix.parse("::/128"),
          IpPrefix.parse("fe80::/10"), // means nothing without an interface
          IpPrefix.parse("ff00::/8"));

  private SourceSection() {}

  /** The source; null, after a problem, if it is none. */
  static @Nullable SourceSpec read(Value value) {
    if (value.isScalar()) {
      String text = value.text();
      if (text == null || text.equals(TRANSPARENT)) {
        return text == null ? null : new SourceSpec.Transparent();
      }
    }
    List<IpPrefix> prefixes = new ArrayList<>();
    List<Value> items = value.oneOrMore();
    for (Value item : items) {
      IpPrefix prefix = item.parse(SourceSection::prefix);
      if (prefix == null) {
        continue;
      }
      for (IpPrefix other : prefixes) {
        if (other.contains(prefix) || prefix.contains(other)) {
          item.error(shown(prefix) + " overlaps " + shown(other) + "; write each address once");
          return null;
        }
      }
      prefixes.add(prefix);
    }
    if (items.size() > MAX_PREFIXES) {
      value.error("has " + items.size() + " items; at most " + MAX_PREFIXES + ", use prefixes");
      return null;
    }
    return prefixes.isEmpty() || prefixes.size() < items.size()
        ? null
        : new SourceSpec.Addresses(prefixes);
  }

  private static IpPrefix prefix(String text) {
    if (text.equals(TRANSPARENT)) {
      throw new IllegalArgumentException(
          "transparent stands alone, without addresses; write source: transparent");
    }
    boolean isAddress =
        text.chars().allMatch(c -> c == '.' || c == ':' || c == '/' || Character.digit(c, 16) >= 0);
    if (!isAddress) {
      throw new IllegalArgumentException(
          "\"" + text + "\" is no source; write transparent, or own addresses like 192.0.2.10");
    }
    int colon = text.indexOf(':');
    if (text.indexOf('.') >= 0 && colon > 0 && text.lastIndexOf(':') == colon) {
      throw new IllegalArgumentException(
          text + " has a port, and a source has none; write " + text.substring(0, colon));
    }
    IpPrefix prefix = IpPrefix.parse(text);
    for (IpPrefix unusable : UNUSABLE) {
      if (unusable.contains(prefix) || prefix.contains(unusable)) {
        throw new IllegalArgumentException(
            text + " holds addresses that nothing can be sent from; write own addresses");
      }
    }
    return prefix;
  }

  private static String shown(IpPrefix prefix) {
    return prefix.isSingle() ? prefix.address().toString() : prefix.toString();
  }

  /** Reports targets that the source can't lead to, whatever the client. */
  static void check(Value value, SourceSpec source, List<TargetSpec> targets) {
    if (source instanceof SourceSpec.Kernel) {
      return;
    }
    for (TargetSpec target : targets) {
      if (target.address() instanceof TargetAddress.Unix) {
        value.error(
            "the target "
                + target.address()
                + " sees no source address; give it a destination without source");
      } else if (target.address() instanceof TargetAddress.Ip(IpAddress address, _)
          && source instanceof SourceSpec.Addresses own
          && !own.has(address.family())) {
        value.error(
            "there is no "
                + name(address.family())
                + " address to reach the target "
                + target.address()
                + " from; add one");
      }
    }
  }

  private static String name(Family family) {
    return family == Family.IPV4 ? "IPv4" : "IPv6";
  }
}
