package io.sluice.steering;

/**
 * Ports from {@code first} to {@code last}, both included, host order.
 *
 * @param first 0–65535; 0 only in {@link #ANY}
 * @param last not below {@code first}
 */
public record PortRange(int first, int last) {
  /** Every port. */
  public static final PortRange ANY = new PortRange(0, 65535);

  public PortRange {
    boolean any = first == 0 && last == 65535;
    if (!any && (first < 1 || last < 0 || last > 65535)) {
      throw new IllegalArgumentException(
          "port " + (first < 1 ? first : last) + " is outside 1–65535");
    }
    if (first > last) {
      throw new IllegalArgumentException(
          "port range "
              + first
              + "-"
              + last
              + " is reversed; was "
              + last
              + "-"
              + first
              + " meant?");
    }
  }

  /**
   * Parses {@code 80}, {@code 9000-9099} or {@code any}.
   *
   * @throws IllegalArgumentException if the text is none; the message says what would be right
   */
  public static PortRange parse(String text) {
    if (text.equals("any")) {
      return ANY;
    }
    int dash = text.indexOf('-', 1);
    if (dash < 0) {
      int port = parsePort(text);
      return new PortRange(port, port);
    }
    return new PortRange(parsePort(text.substring(0, dash)), parsePort(text.substring(dash + 1)));
  }

  /**
   * Parses a port, 1–65535, decimal and without leading zeros.
   *
   * @throws IllegalArgumentException if the text is none
   */
  public static int parsePort(String text) {
    int port = 0;
    boolean valid = !text.isEmpty() && text.length() <= 5 && text.charAt(0) != '0';
    for (int i = 0; valid && i < text.length(); i++) {
      valid = text.charAt(i) >= '0' && text.charAt(i) <= '9';
      port = port * 10 + (text.charAt(i) - '0');
    }
    if (!valid || port > 65535) {
      throw new IllegalArgumentException("\"" + text + "\" is no port; ports are 1–65535");
    }
    return port;
  }

  public boolean contains(int port) {
    return first <= port && port <= last;
  }

  /** How many ports. */
  public int size() {
    return last - first + 1;
  }

  @Override
  public String toString() {
    return equals(ANY) ? "any" : first == last ? String.valueOf(first) : first + "-" + last;
  }
}
