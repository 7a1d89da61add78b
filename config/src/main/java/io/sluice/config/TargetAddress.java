package io.sluice.config;

import io.sluice.steering.IpAddress;
import io.sluice.steering.PortRange;
import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;

/** Where a target is. {@code toString} gives the form that {@link #parse} takes. */
public sealed interface TargetAddress {
  /** An address and a port: {@code 127.0.0.1:8081}, {@code [::1]:80}. */
  record Ip(IpAddress address, int port) implements TargetAddress {
    @Override
    public String toString() {
      return IpAddress.withPort(address, port);
    }
  }

  /** A name to be resolved, and a port: {@code web.internal:80}. */
  record Host(String name, int port) implements TargetAddress {
    @Override
    public String toString() {
      return name + ":" + port;
    }
  }

  /** A Unix stream socket: {@code unix:/run/web.sock}. */
  record Unix(String path) implements TargetAddress {
    @Override
    public String toString() {
      return "unix:" + path;
    }
  }

  /**
   * The address that the client wanted: {@code original}, {@code original:8080}.
   *
   * @param port 0 keeps the port that the client wanted
   */
  record Original(int port) implements TargetAddress {
    @Override
    public String toString() {
      return port == 0 ? "original" : "original:" + port;
    }
  }

  /** The longest path that {@code struct sockaddr_un} holds, in bytes. */
  int MAX_UNIX_PATH_BYTES = 107;

  /** The longest name (RFC 1035 §2.3.4, without the final dot). */
  int MAX_NAME_LENGTH = 253;

  /** The last part of what is no name. */
  Pattern NUMBER = Pattern.compile("[0-9]+|0[xX][0-9a-fA-F]*");

  /**
   * Parses any of the forms.
   *
   * @throws IllegalArgumentException if the text is none; the message says what would be right
   */
  static TargetAddress parse(String text) {
    if (text.startsWith("unix:")) {
      return new Unix(unixPath(text.substring("unix:".length())));
    }
    if (text.equals("original")) {
      return new Original(0);
    }
    int colon = HostPort.portColon(text);
    if (colon < 0) {
      throw new IllegalArgumentException(
          "\"" + text + "\" has no port; " + "write host:port, [v6]:port, unix:/path or original");
    }
    String host = text.substring(0, colon);
    int port = PortRange.parsePort(text.substring(colon + 1));
    if (host.equals("original")) {
      return new Original(port);
    }
    return isAddress(host) ? ip(host, port) : new Host(name(host), port);
  }

  private static Ip ip(String host, int port) {
    IpAddress address = IpAddress.parse(HostPort.withoutBrackets(host));
    if (address.isIpv4Mapped()) {
      throw new IllegalArgumentException(
          host + " is an IPv4-mapped address; write " + IpAddress.ipv4((int) address.low()));
    }
    if (address.isWildcard()) {
      throw new IllegalArgumentException(
          host + " stands for every address; a target is one, like 127.0.0.1:" + port);
    }
    return new Ip(address, port);
  }

  /**
   * Whether it is meant as an address: IPv6, or its last part is a number, as a resolver would see
   * it too ({@code 127.1}, {@code 0x7f000001}; inet_aton(3)).
   */
  private static boolean isAddress(String host) {
    String rooted = withoutFinalDot(host);
    String last = rooted.substring(rooted.lastIndexOf('.') + 1);
    return host.indexOf(':') >= 0 || host.indexOf('[') >= 0 || NUMBER.matcher(last).matches();
  }

  private static String withoutFinalDot(String host) {
    return host.endsWith(".") ? host.substring(0, host.length() - 1) : host;
  }

  /** A name; a dot at its end says that it is complete, and no search domain is tried. */
  private static String name(String host) {
    String name = withoutFinalDot(host);
    boolean valid = !name.isEmpty() && name.length() <= MAX_NAME_LENGTH;
    int start = 0;
    while (valid && start <= name.length()) {
      int dot = name.indexOf('.', start);
      int end = dot < 0 ? name.length() : dot;
      valid = isNamePart(name, start, end);
      start = end + 1;
    }
    if (!valid) {
      throw new IllegalArgumentException(
          "\"" + host + "\" is no host name; one has letters, digits, hyphens and dots");
    }
    return host;
  }

  private static boolean isNamePart(String host, int start, int end) {
    boolean valid =
        end > start
            && end - start <= 63
            && host.charAt(start) != '-'
            && host.charAt(end - 1) != '-';
    for (int i = start; valid && i < end; i++) {
      char c = host.charAt(i);
      valid =
          c >= 'a' && c <= 'z'
              || c >= 'A' && c <= 'Z'
              || c >= '0' && c <= '9'
              || c == '-'
              || c == '_';
    }
    return valid;
  }

  /** Checks a socket's path. */
  static String unixPath(String path) {
    if (!path.startsWith("/")) {
      throw new IllegalArgumentException(
          "\"" + path + "\" is no absolute path; a socket's path starts with /");
    }
    int bytes = path.getBytes(StandardCharsets.UTF_8).length;
    if (bytes > MAX_UNIX_PATH_BYTES) {
      throw new IllegalArgumentException(
          "the path has " + bytes + " bytes; a socket's has at most " + MAX_UNIX_PATH_BYTES);
    }
    if (path.chars().anyMatch(Character::isISOControl)) {
      throw new IllegalArgumentException("the path has control characters");
    }
    return path;
  }
}
