package io.sluice.bpf.object;

import io.sluice.bpf.isa.RejectedException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Little-endian numbers of a part of a file; what lies outside of it is a rejection. */
final class Bytes {
  private final byte[] bytes;
  private final int from;
  private final int length;
  private final String what;

  /**
   * @param what for messages, like {@code section .BTF}
   */
  Bytes(byte[] bytes, String what) {
    this(bytes, 0, bytes.length, what);
  }

  private Bytes(byte[] bytes, int from, int length, String what) {
    this.bytes = bytes;
    this.from = from;
    this.length = length;
    this.what = what;
  }

  int length() {
    return length;
  }

  /** A part of this. */
  Bytes part(long at, long size, String name) throws RejectedException {
    int start = check(at, size, name);
    return new Bytes(bytes, start, (int) size, name);
  }

  private int check(long at, long size, String name) throws RejectedException {
    if (at < 0 || size < 0 || size > length || at > length - size) {
      throw new RejectedException(
          "%s: %d bytes from %d on lie outside of %s, which has %d: the file is damaged"
              .formatted(name, size, at, what, length));
    }
    return from + (int) at;
  }

  int byteAt(long at) throws RejectedException {
    return bytes[check(at, 1, what)] & 0xff;
  }

  int shortAt(long at) throws RejectedException {
    int i = check(at, 2, what);
    return bytes[i] & 0xff | (bytes[i + 1] & 0xff) << 8;
  }

  int intAt(long at) throws RejectedException {
    return shortAt(at) | shortAt(at + 2) << 16;
  }

  long longAt(long at) throws RejectedException {
    return intAt(at) & 0xffff_ffffL | (long) intAt(at + 4) << 32;
  }

  /** The text up to a zero. */
  String textAt(long at) throws RejectedException {
    int start = check(at, 0, what);
    int end = start;
    while (end < from + length && bytes[end] != 0) {
      end++;
    }
    if (end == from + length) {
      throw new RejectedException(what + ": a text without an end: the file is damaged");
    }
    return new String(bytes, start, end - start, StandardCharsets.UTF_8);
  }

  byte[] copy() {
    return Arrays.copyOfRange(bytes, from, from + length);
  }
}
