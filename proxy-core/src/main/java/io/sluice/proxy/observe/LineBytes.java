package io.sluice.proxy.observe;

import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A line that is put together as bytes, without strings where there are many. One thread. */
final class LineBytes {
  private static final int DECIMAL = 10;

  private byte[] bytes = new byte[512];
  private int length;
  private long second = Long.MIN_VALUE;
  private byte[] secondText = {};

  void clear() {
    length = 0;
  }

  int length() {
    return length;
  }

  /** Puts what there is into a buffer that has room for it. */
  void copyTo(ByteBuffer buffer) {
    buffer.put(bytes, 0, length);
  }

  LineBytes put(byte[] text) {
    room(text.length);
    System.arraycopy(text, 0, bytes, length, text.length);
    length += text.length;
    return this;
  }

  /** Text; what isn't ASCII as UTF-8. */
  LineBytes put(String text) {
    room(text.length());
    int start = length;
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c >= 0x80) {
        length = start;
        return put(text.getBytes(StandardCharsets.UTF_8));
      }
      bytes[length++] = (byte) c;
    }
    return this;
  }

  /** A number that isn't negative. */
  LineBytes put(long number) {
    room(20);
    int digits = 1;
    for (long rest = number; rest >= DECIMAL; rest /= DECIMAL) {
      digits++;
    }
    long rest = number;
    for (int at = length + digits - 1; at >= length; at--) {
      bytes[at] = (byte) ('0' + rest % DECIMAL);
      rest /= DECIMAL;
    }
    length += digits;
    return this;
  }

  private void one(int c) {
    bytes[length++] = (byte) c;
  }

  /** {@code 192.0.2.1:80}, {@code [2001:db8::1]:80}. */
  LineBytes put(Family family, long high, long low, int port) {
    if (family == Family.IPV6) {
      return put(IpAddress.withPort(IpAddress.of(family, high, low), port));
    }
    for (int shift = 24; shift >= 0; shift -= 8) {
      put(low >> shift & 0xff);
      one(shift > 0 ? '.' : ':');
    }
    return put(port);
  }

  /** {@code 2026-11-28T15:57:49.123Z}. */
  LineBytes putTime(long millis) {
    if (millis / 1000 != second) {
      second = millis / 1000;
      String whole = java.time.Instant.ofEpochSecond(second).toString();
      secondText = whole.substring(0, whole.length() - 1).getBytes(StandardCharsets.US_ASCII);
    }
    put(secondText);
    room(5);
    one('.');
    int part = (int) (millis % 1000);
    one('0' + part / 100);
    one('0' + part / 10 % 10);
    one('0' + part % 10);
    one('Z');
    return this;
  }

  /** A word of {@code key=value}: see {@link Quoted}. */
  LineBytes putWord(String text) {
    return put(Quoted.of(text));
  }

  /** The inside of a JSON string. */
  LineBytes putJson(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c < ' ' || c == '"' || c == '\\') {
        return put(escaped(text));
      }
    }
    return put(text);
  }

  private static String escaped(String text) {
    StringBuilder escaped = new StringBuilder(text.length() + 16);
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '"' || c == '\\') {
        escaped.append('\\').append(c);
      } else if (c < ' ') {
        escaped.append("\\u%04x".formatted((int) c));
      } else {
        escaped.append(c);
      }
    }
    return escaped.toString();
  }

  private void room(int more) {
    if (length + more > bytes.length) {
      bytes = Arrays.copyOf(bytes, Math.max(2 * bytes.length, length + more));
    }
  }

  @Override
  public String toString() {
    return new String(bytes, 0, length, StandardCharsets.UTF_8);
  }
}
