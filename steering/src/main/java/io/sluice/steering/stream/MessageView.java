package io.sluice.steering.stream;

import io.sluice.steering.Payload;
import java.nio.ByteBuffer;
import java.util.Objects;

/**
 * A part of a buffer: one message, or what there is of it. Reused; valid during the call that it is
 * given to. Reading allocates nothing.
 */
public final class MessageView implements Payload {
  private static final long ONES = 0x0101_0101_0101_0101L;
  private static final long TOPS = 0x8080_8080_8080_8080L;

  private ByteBuffer bytes = ByteBuffer.allocate(0);
  private int offset;
  private int length;
  private int seen;

  /** A view of nothing. */
  public MessageView() {}

  /**
   * Shows a part of a buffer.
   *
   * @param bytes big endian, as buffers are at first; its position and limit don't matter
   * @param seen see {@link #seen}
   */
  public MessageView of(ByteBuffer bytes, int offset, int length, int seen) {
    this.bytes = bytes;
    this.offset = offset;
    this.length = length;
    this.seen = seen;
    return this;
  }

  @Override
  public int length() {
    return length;
  }

  @Override
  public int at(int index) {
    return bytes.get(offset + Objects.checkIndex(index, length)) & 0xff;
  }

  /**
   * How many bytes at the front the parser has seen before, when it answered 0: who looks for an
   * end needn't look there again, so that a slow sender doesn't cost time in proportion to the
   * square of its message.
   */
  public int seen() {
    return seen;
  }

  /**
   * The first place of a byte.
   *
   * @param from where to begin, 0 to {@link #length}
   * @return its index, or -1
   */
  public int indexOf(int value, int from) {
    long pattern = (value & 0xff) * ONES;
    int index = Objects.checkFromToIndex(from, length, length);
    for (; index <= length - Long.BYTES; index += Long.BYTES) {
      long zeroWhereEqual = bytes.getLong(offset + index) ^ pattern;
      long found = (zeroWhereEqual - ONES) & ~zeroWhereEqual & TOPS;
      if (found != 0) {
        break; // its byte is found below; borrows make only the lowest of these bits certain
      }
    }
    for (; index < length; index++) {
      if (bytes.get(offset + index) == (byte) value) {
        return index;
      }
    }
    return -1;
  }

  /**
   * A number without sign.
   *
   * @param size 1–8 bytes, of which 8 may give a negative long
   */
  public long number(int index, int size, boolean bigEndian) {
    Objects.checkFromIndexSize(index, size, length);
    if (size == Long.BYTES && bigEndian) {
      return bytes.getLong(offset + index);
    }
    long number = 0;
    for (int i = 0; i < size; i++) {
      number = number << 8 | at(bigEndian ? index + i : index + size - 1 - i);
    }
    return number;
  }
}
