package io.sluice.steering.binding;

import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;

/**
 * Selects traffic and names it: protocol, prefix and port → label.
 *
 * @param label at most 255 bytes of UTF-8
 * @param port 1–65535, or {@link #ANY_PORT}
 */
public record Binding(String label, Protocol protocol, IpPrefix prefix, int port) {
  /** The port of a binding that takes every port. */
  public static final int ANY_PORT = 0;

  public Binding {
    if (port < 0 || port > 65535) {
      throw new IllegalArgumentException("port " + port + " is outside 1–65535");
    }
  }

  /** {@code 127.0.1.0/24:8080} or {@code 127.0.2.1/32:any}: what it matches, without protocol. */
  public String match() {
    return prefix + ":" + (port == ANY_PORT ? "any" : port);
  }
}
