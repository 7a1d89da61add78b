package io.sluice.proxy.admin;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * The names that this server answers to. A web page of an attacker can make a browser ask it by the
 * attacker's name, which it lets point here ("DNS rebinding"), and read the answer; an address as a
 * name can't be made to point elsewhere.
 */
final class AdminHosts {
  private final Set<String> names = new HashSet<>();

  /**
   * @param configured in lower case, beside {@code localhost} and the machine's own name
   */
  AdminHosts(List<String> configured) {
    names.addAll(configured);
    names.add("localhost");
    try {
      String own = Files.readString(Path.of("/proc/sys/kernel/hostname")).strip();
      names.add(own.toLowerCase(Locale.ROOT));
    } catch (IOException _) {
      // No /proc: then that name has to be configured.
    }
  }

  /** Whether a Host header, with or without port, is an address or one of the names. */
  boolean contains(String header) {
    String host = withoutPort(header.strip().toLowerCase(Locale.ROOT));
    if (host.endsWith(".")) {
      host = host.substring(0, host.length() - 1);
    }
    return names.contains(host) || isAddress(host);
  }

  private static String withoutPort(String header) {
    int bracket = header.lastIndexOf(']');
    int colon = header.indexOf(':', bracket + 1);
    return colon < 0 ? header : header.substring(0, colon);
  }

  private static boolean isAddress(String host) {
    boolean isBracketed = host.startsWith("[") && host.endsWith("]");
    try {
      IpAddress address =
          IpAddress.parse(isBracketed ? host.substring(1, host.length() - 1) : host);
      return isBracketed == (address.family() == Family.IPV6);
    } catch (IllegalArgumentException _) {
      return false;
    }
  }
}
