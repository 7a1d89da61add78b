package io.sluice.config;

import io.sluice.steering.IpAddress;
import io.sluice.steering.PortRange;

/**
 * An address and a port.
 *
 * @param port 0 is any free one
 */
public record HostPort(IpAddress address, int port) {
  /**
   * Parses {@code 127.0.0.1:9901}, {@code [::1]:9901}; port 0 is allowed.
   *
   * @throws IllegalArgumentException if the text is none; the message says what would be right
   */
  public static HostPort parse(String text) {
    int colon = portColon(text);
    if (colon < 0) {
      throw new IllegalArgumentException(
          "\"" + text + "\" has no port; write it like 127.0.0.1:9901 or [::1]:9901");
    }
    if (colon == 0) {
      throw new IllegalArgumentException(
          "\"" + text + "\" has no address; for every address write 0.0.0.0" + text);
    }
    String port = text.substring(colon + 1);
    return new HostPort(
        IpAddress.parse(withoutBrackets(text.substring(0, colon))),
        port.equals("0") ? 0 : PortRange.parsePort(port));
  }

  /**
   * Where the colon before the port is; -1 if there is no port.
   *
   * @throws IllegalArgumentException if the text is an IPv6 address without brackets
   */
  static int portColon(String text) {
    int bracket = text.lastIndexOf(']');
    int colon = text.indexOf(':', bracket + 1);
    if (bracket >= 0) {
      return colon == bracket + 1 ? colon : -1;
    }
    if (colon != text.lastIndexOf(':')) {
      throw new IllegalArgumentException(
          "\""
              + text
              + "\" has several colons; write an IPv6 address in brackets: [2001:db8::1]:80");
    }
    return colon;
  }

  static String withoutBrackets(String host) {
    return host.startsWith("[") && host.endsWith("]") ? host.substring(1, host.length() - 1) : host;
  }

  @Override
  public String toString() {
    return IpAddress.withPort(address, port);
  }
}
