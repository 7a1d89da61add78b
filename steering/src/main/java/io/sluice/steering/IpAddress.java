package io.sluice.steering;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * An IPv4 or IPv6 address as two longs, most significant first; an IPv4 address is the low 32 bits
 * of {@link #low}. Families stay apart: {@code ::ffff:192.0.2.1} is an IPv6 address.
 *
 * <p>The parser takes the textual forms of RFC 4291 and dotted decimal with four parts, and nothing
 * else: no {@code 127.1}, no octal, no zone. The JDK's parser takes all of these.
 */
public record IpAddress(Family family, long high, long low) implements Comparable<IpAddress> {
  /** {@code 0.0.0.0}. */
  public static final IpAddress ANY_IPV4 = new IpAddress(Family.IPV4, 0, 0);

  /** {@code ::}. */
  public static final IpAddress ANY_IPV6 = new IpAddress(Family.IPV6, 0, 0);

  public IpAddress {
    Objects.requireNonNull(family);
    if (family == Family.IPV4 && (high != 0 || low >>> 32 != 0)) {
      throw new IllegalArgumentException("an IPv4 address has 32 bits");
    }
  }

  // Written out, as the first use of what javac makes costs a start a dozen milliseconds.

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof IpAddress address
        && family == address.family
        && high == address.high
        && low == address.low;
  }

  @Override
  public int hashCode() {
    return 31 * (31 * Long.hashCode(low) + Long.hashCode(high)) + family.ordinal();
  }

  public static IpAddress of(Family family, long high, long low) {
    return new IpAddress(family, high, low);
  }

  /** An IPv4 address: 192.0.2.1 is 0xc0000201. */
  public static IpAddress ipv4(int address) {
    return new IpAddress(Family.IPV4, 0, address & 0xffff_ffffL);
  }

  /** An IPv6 address by its upper and lower 64 bits. */
  public static IpAddress ipv6(long high, long low) {
    return new IpAddress(Family.IPV6, high, low);
  }

  /**
   * The address in network order, 4 or 16 bytes.
   *
   * @throws IllegalArgumentException for any other length
   */
  public static IpAddress ofBytes(byte[] bytes) {
    if (bytes.length == 4) {
      return ipv4((int) bits(bytes, 0, 4));
    }
    if (bytes.length == 16) {
      return ipv6(bits(bytes, 0, 8), bits(bytes, 8, 8));
    }
    throw new IllegalArgumentException("an address has 4 or 16 bytes, not " + bytes.length);
  }

  private static long bits(byte[] bytes, int from, int count) {
    long value = 0;
    for (int i = from; i < from + count; i++) {
      value = value << 8 | (bytes[i] & 0xff);
    }
    return value;
  }

  /** The address in network order: 4 or 16 bytes. */
  public byte[] toBytes() {
    byte[] bytes = new byte[family.bits() / 8];
    for (int i = 0; i < bytes.length; i++) {
      int fromEnd = bytes.length - 1 - i;
      bytes[i] = (byte) (fromEnd < 8 ? low >>> (8 * fromEnd) : high >>> (8 * (fromEnd - 8)));
    }
    return bytes;
  }

  /** {@code 0.0.0.0}, {@code ::}, or {@code ::ffff:0.0.0.0}, which takes any IPv4 address. */
  public boolean isWildcard() {
    return high == 0 && (low == 0 || (isIpv4Mapped() && (int) low == 0));
  }

  /** {@code ::ffff:0:0/96}. */
  public boolean isIpv4Mapped() {
    return family == Family.IPV6 && high == 0 && low >>> 32 == 0xffff;
  }

  /**
   * Parses an address.
   *
   * @throws IllegalArgumentException if the text is none; the message says why
   */
  public static IpAddress parse(String text) {
    if (text.isEmpty()) {
      throw new IllegalArgumentException("an address is missing");
    }
    if (text.indexOf('%') >= 0) {
      throw new IllegalArgumentException(
          quoted(text) + " has a zone id; an address here has none, write it without");
    }
    return text.indexOf(':') >= 0 ? parseIpv6(text) : parseIpv4(text);
  }

  private static IpAddress parseIpv4(String text) {
    long value = parseDotted(text, 0);
    if (value < 0) {
      throw new IllegalArgumentException(
          quoted(text)
              + " is no IP address; an IPv4 address has four decimal parts 0–255"
              + " without leading zeros, like 192.0.2.1");
    }
    return new IpAddress(Family.IPV4, 0, value);
  }

  /** Four decimal parts from an index to the end, or -1. */
  private static long parseDotted(String text, int from) {
    long value = 0;
    int at = from;
    for (int part = 0; part < 4; part++) {
      int start = at;
      int number = 0;
      while (at < text.length() && isDigit(text.charAt(at)) && at - start < 3) {
        number = number * 10 + (text.charAt(at++) - '0');
      }
      boolean leadingZero = at - start > 1 && text.charAt(start) == '0';
      if (at == start || number > 255 || leadingZero) {
        return -1;
      }
      value = value << 8 | number;
      boolean last = part == 3;
      if (last ? at != text.length() : at == text.length() || text.charAt(at++) != '.') {
        return -1;
      }
    }
    return value;
  }

  private static IpAddress parseIpv6(String text) {
    int[] groups = new int[8];
    int count = 0;
    int gap = -1; // the index of the group that "::" stands before
    int at = 0;
    if (text.startsWith("::")) {
      gap = 0;
      at = 2;
    }
    while (at < text.length()) {
      if (count > 7) {
        throw noIpv6(text);
      }
      if (isDottedTail(text, at)) {
        long dotted = parseDotted(text, at);
        if (dotted < 0 || count > 6) {
          throw noIpv6(text);
        }
        groups[count++] = (int) (dotted >>> 16);
        groups[count++] = (int) dotted & 0xffff;
        break;
      }
      int start = at;
      int group = 0;
      while (at < text.length() && Character.digit(text.charAt(at), 16) >= 0 && at - start < 4) {
        if (text.charAt(at) > 'f') {
          throw noIpv6(text); // a digit of another script
        }
        group = group << 4 | Character.digit(text.charAt(at++), 16);
      }
      if (at == start) {
        throw noIpv6(text);
      }
      groups[count++] = group;
      if (at == text.length()) {
        break;
      }
      if (text.charAt(at++) != ':' || at == text.length()) {
        throw noIpv6(text);
      }
      if (text.charAt(at) == ':') {
        if (gap >= 0) {
          throw noIpv6(text);
        }
        gap = count;
        at++;
      }
    }
    if (gap < 0 ? count != 8 : count > 7) {
      throw noIpv6(text);
    }
    long high = 0;
    long low = 0;
    for (int i = 0; i < 8; i++) {
      int fromGap = i - (8 - count);
      int group = gap < 0 || i < gap ? groups[i] : fromGap >= gap ? groups[fromGap] : 0;
      if (i < 4) {
        high = high << 16 | group;
      } else {
        low = low << 16 | group;
      }
    }
    return ipv6(high, low);
  }

  private static boolean isDottedTail(String text, int at) {
    int dot = text.indexOf('.', at);
    return dot >= 0 && text.indexOf(':', at) < 0;
  }

  private static IllegalArgumentException noIpv6(String text) {
    return new IllegalArgumentException(
        quoted(text) + " is no IPv6 address; one looks like 2001:db8::1");
  }

  private static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }

  private static String quoted(String text) {
    return "\"" + text + "\"";
  }

  /** {@code 192.0.2.1:80} or {@code [2001:db8::1]:80}. */
  public static String withPort(IpAddress address, int port) {
    return address.family == Family.IPV4 ? address + ":" + port : "[" + address + "]:" + port;
  }

  /** IPv4 before IPv6, then by number. */
  @Override
  public int compareTo(IpAddress other) {
    int byFamily = family.compareTo(other.family);
    if (byFamily != 0) {
      return byFamily;
    }
    int byHigh = Long.compareUnsigned(high, other.high);
    return byHigh != 0 ? byHigh : Long.compareUnsigned(low, other.low);
  }

  /** Dotted decimal, or the canonical form of RFC 5952. */
  @Override
  public String toString() {
    if (family == Family.IPV4) {
      return dotted(low);
    }
    if (isIpv4Mapped()) {
      return "::ffff:" + dotted(low);
    }
    int zerosFrom = -1;
    int zeros = 1; // a single zero group is not shortened
    for (int i = 0; i < 8; i++) {
      int run = 0;
      while (i + run < 8 && group(i + run) == 0) {
        run++;
      }
      if (run > zeros) {
        zerosFrom = i;
        zeros = run;
      }
      i += run;
    }
    StringBuilder text = new StringBuilder(39);
    for (int i = 0; i < 8; i++) {
      if (i == zerosFrom) {
        text.append("::");
        i += zeros - 1;
      } else {
        if (i > 0 && i != zerosFrom + zeros) {
          text.append(':');
        }
        text.append(Integer.toHexString(group(i)));
      }
    }
    return text.toString();
  }

  private int group(int index) {
    long half = index < 4 ? high : low;
    return (int) (half >>> (48 - 16 * (index & 3))) & 0xffff;
  }

  private static String dotted(long bits) {
    return (bits >>> 24 & 255)
        + "."
        + (bits >>> 16 & 255)
        + "."
        + (bits >>> 8 & 255)
        + "."
        + (bits & 255);
  }
}
