package io.sluice.config;

import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;

/**
 * One connection or datagram to ask about.
 *
 * @param remote the client's address
 * @param local the address that the client wants; of the same family
 */
public record Lookup(
    Protocol protocol, IpAddress remote, int remotePort, IpAddress local, int localPort) {
  private static final String FORM =
      "write it like tcp 203.0.113.9:51234 127.0.1.7:8080 (protocol, client, wanted address)";

  public Lookup {
    if (remote.family() != local.family()) {
      throw new IllegalArgumentException(
          remote + " and " + local + " are of two families; a packet has one");
    }
  }

  /**
   * Parses {@code tcp SRC:PORT DST:PORT}; IPv6 addresses stand in brackets.
   *
   * @throws IllegalArgumentException if the text is none; the message says what would be right
   */
  public static Lookup parse(String text) {
    String[] parts = text.strip().split("\\s+", -1);
    if (parts.length != 3) {
      throw new IllegalArgumentException("\"" + text + "\" is no lookup; " + FORM);
    }
    Protocol protocol =
        switch (parts[0]) {
          case "tcp" -> Protocol.TCP;
          case "udp" -> Protocol.UDP;
          default ->
              throw new IllegalArgumentException(
                  "\"" + parts[0] + "\" is no protocol; tcp and udp are");
        };
    HostPort remote = endpoint(parts[1]);
    HostPort local = endpoint(parts[2]);
    return new Lookup(protocol, remote.address(), remote.port(), local.address(), local.port());
  }

  private static HostPort endpoint(String text) {
    HostPort endpoint = HostPort.parse(text);
    if (endpoint.port() == 0) {
      throw new IllegalArgumentException("\"" + text + "\" has port 0; ports are 1–65535");
    }
    if (endpoint.address().isIpv4Mapped()) {
      throw new IllegalArgumentException(
          "\""
              + text
              + "\" has an IPv4-mapped address, which no packet has; write "
              + IpAddress.withPort(
                  IpAddress.ipv4((int) endpoint.address().low()), endpoint.port()));
    }
    return endpoint;
  }

  /** Fills a context with this packet, as if it came in on no known interface (ifindex 0). */
  public LookupContext toContext(LookupContext context) {
    return context.of(protocol, remote, remotePort, local, localPort, 0);
  }

  /** The form that {@link #parse} takes. */
  @Override
  public String toString() {
    return protocol.word()
        + " "
        + IpAddress.withPort(remote, remotePort)
        + " "
        + IpAddress.withPort(local, localPort);
  }
}
