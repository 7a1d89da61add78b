package io.sluice.steering;

/** The address family of a packet or a socket. */
public enum Family {
  /** AF_INET. */
  IPV4(2, 32),
  /** AF_INET6. */
  IPV6(10, 128);

  private final int number;
  private final int bits;

  Family(int number, int bits) {
    this.number = number;
    this.bits = bits;
  }

  /** Linux's number: AF_INET 2, AF_INET6 10. */
  public int number() {
    return number;
  }

  /** How many bits an address has: 32 or 128. */
  public int bits() {
    return bits;
  }

  /** {@code ipv4} or {@code ipv6}: how metrics and messages write it. */
  public String word() {
    return this == IPV4 ? "ipv4" : "ipv6";
  }
}
