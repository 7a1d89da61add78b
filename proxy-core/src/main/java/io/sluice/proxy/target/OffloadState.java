package io.sluice.proxy.target;

import io.sluice.steering.Family;

/**
 * Whether the kernel gives connections to a target's own socket.
 *
 * @param kind what it comes to
 * @param why what keeps it from that, for people; empty if nothing does
 * @param takesIpv4 whether its socket takes connections of IPv4
 * @param takesIpv6 whether its socket takes connections of IPv6
 */
public record OffloadState(Kind kind, String why, boolean takesIpv4, boolean takesIpv6) {
  /** The kinds; {@link #word} is what status and metrics say. */
  public enum Kind {
    /** The relay has it, as the configuration says. */
    OFF("off"),
    /** Its socket is in its slot. */
    OFFLOADED("offloaded"),
    /** Nobody listens there: relayed until somebody does. */
    ABSENT("absent"),
    /** Its socket can't be had. */
    UNSUPPORTED("unsupported"),
    /** It is not on this machine. */
    REMOTE("remote"),
    /** It gets nothing new: it is down, draining or in maintenance. */
    OUT("out");

    private final String word;

    Kind(String word) {
      this.word = word;
    }

    public String word() {
      return word;
    }
  }

  /** What holds before anybody has looked, and where nobody does. */
  public static final OffloadState OFF = not(Kind.OFF, "");

  /** One whose connections the relay has. */
  public static OffloadState not(Kind kind, String why) {
    return new OffloadState(kind, why, false, false);
  }

  /** Whether the kernel gives it connections of this family. */
  public boolean takes(Family family) {
    return family == Family.IPV4 ? takesIpv4 : takesIpv6;
  }

  public boolean isOffloaded() {
    return kind == Kind.OFFLOADED;
  }
}
