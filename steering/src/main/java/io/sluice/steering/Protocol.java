package io.sluice.steering;

/** The transport protocols that SK_LOOKUP runs for. */
public enum Protocol {
  TCP(6),
  UDP(17);

  private final int number;

  Protocol(int number) {
    this.number = number;
  }

  /** The IANA number: 6 or 17. */
  public int number() {
    return number;
  }

  /** {@code tcp} or {@code udp}: how configuration, metrics and messages write it. */
  public String word() {
    return this == TCP ? "tcp" : "udp";
  }
}
