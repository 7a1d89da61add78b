package io.sluice.steering;

import java.util.Objects;

/**
 * A network: an address whose bits beyond {@code length} are zero.
 *
 * @param address the lowest address
 * @param length how many leading bits count: 0–32 or 0–128
 */
public record IpPrefix(IpAddress address, int length) {
  public IpPrefix {
    Objects.requireNonNull(address);
    if (length < 0 || length > address.family().bits()) {
      throw new IllegalArgumentException(
          "prefix length "
              + length
              + " is outside 0–"
              + address.family().bits()
              + " of "
              + address.family().word());
    }
    if (!masked(address, length).equals(address)) {
      throw new IllegalArgumentException(
          address
              + "/"
              + length
              + " has host bits set; was "
              + masked(address, length)
              + "/"
              + length
              + " meant, or "
              + address
              + "/"
              + address.family().bits()
              + "?");
    }
  }

  /** The network of this length that holds the address. */
  public static IpPrefix containing(IpAddress address, int length) {
    return new IpPrefix(masked(address, length), length);
  }

  /** One address: a /32 or /128. */
  public static IpPrefix single(IpAddress address) {
    return new IpPrefix(address, address.family().bits());
  }

  /**
   * Parses {@code 192.0.2.0/24}, {@code 2001:db8::/32}, or an address alone, which is a /32 or
   * /128.
   *
   * @throws IllegalArgumentException if the text is none, has host bits set, or is an IPv4-mapped
   *     IPv6 prefix; the message says what would be right
   */
  public static IpPrefix parse(String text) {
    int slash = text.indexOf('/');
    IpAddress address = IpAddress.parse(slash < 0 ? text : text.substring(0, slash));
    int length = address.family().bits();
    if (slash >= 0) {
      length = parseLength(text, slash + 1, address.family());
    }
    if (address.isIpv4Mapped() && length >= 96) {
      throw new IllegalArgumentException(
          text
              + " is an IPv4-mapped IPv6 prefix, which no packet matches; write "
              + IpPrefix.containing(IpAddress.ipv4((int) address.low()), length - 96));
    }
    return new IpPrefix(address, length);
  }

  private static int parseLength(String text, int from, Family family) {
    int digits = text.length() - from;
    int length = 0;
    boolean valid = digits >= 1 && digits <= 3 && !(digits > 1 && text.charAt(from) == '0');
    for (int i = from; valid && i < text.length(); i++) {
      valid = text.charAt(i) >= '0' && text.charAt(i) <= '9';
      length = length * 10 + (text.charAt(i) - '0');
    }
    if (!valid || length > family.bits()) {
      throw new IllegalArgumentException(
          "\""
              + text.substring(from)
              + "\" is no prefix length; "
              + family.word()
              + " has 0–"
              + family.bits());
    }
    return length;
  }

  private static IpAddress masked(IpAddress address, int length) {
    int unused = address.family().bits() - length;
    long low = unused >= 64 ? 0 : address.low() & (-1L << unused);
    long high =
        unused <= 64 ? address.high() : unused == 128 ? 0 : address.high() & (-1L << (unused - 64));
    return IpAddress.of(address.family(), high, low);
  }

  public Family family() {
    return address.family();
  }

  /** Whether the address lies inside; one of the other family never does. */
  public boolean contains(IpAddress other) {
    return contains(other.family(), other.high(), other.low());
  }

  /** {@link #contains(IpAddress)} without an object. */
  public boolean contains(Family family, long high, long low) {
    int unused = address.family().bits() - length;
    if (family != address.family()) {
      return false;
    }
    if (unused >= 128) {
      return true;
    }
    return unused >= 64
        ? (high ^ address.high()) >>> (unused - 64) == 0
        : high == address.high() && (low ^ address.low()) >>> unused == 0;
  }

  /** Whether all of the other prefix lies inside. */
  public boolean contains(IpPrefix other) {
    return length <= other.length && contains(other.address);
  }

  /** One address only. */
  public boolean isSingle() {
    return length == address.family().bits();
  }

  @Override
  public String toString() {
    return address + "/" + length;
  }
}
