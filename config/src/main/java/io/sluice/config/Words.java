package io.sluice.config;

import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;

/** The words of a configuration that several sections read. */
final class Words {
  private Words() {}

  static Protocol protocol(String text) {
    return switch (text) {
      case "tcp" -> Protocol.TCP;
      case "udp" -> Protocol.UDP;
      default ->
          throw new IllegalArgumentException("\"" + text + "\" is no protocol; tcp and udp are");
    };
  }

  /** A prefix or an address; {@code 0.0.0.0} alone is refused, as it looks like every address. */
  static IpPrefix prefix(String text) {
    IpPrefix prefix = IpPrefix.parse(text);
    if (prefix.isSingle() && text.indexOf('/') < 0 && prefix.address().isWildcard()) {
      throw new IllegalArgumentException(
          text + " is one address; for every address write " + prefix.address() + "/0");
    }
    return prefix;
  }

  /** An address that packets have. */
  static IpAddress address(String text) {
    IpAddress address = IpAddress.parse(text);
    if (address.isIpv4Mapped()) {
      throw new IllegalArgumentException(
          text + " is an IPv4-mapped address; write " + IpAddress.ipv4((int) address.low()));
    }
    return address;
  }

  /** A port, or any, which is every port. */
  static PortRange portOrAny(String text) {
    PortRange ports = PortRange.parse(text);
    if (ports.size() > 1 && !ports.equals(PortRange.ANY)) {
      throw new IllegalArgumentException(
          "\"" + text + "\" is a range; a binding has one port or any, a rule takes a range");
    }
    return ports;
  }

  static int port(String text) {
    return PortRange.parsePort(text);
  }
}
