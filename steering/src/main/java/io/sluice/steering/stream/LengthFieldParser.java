package io.sluice.steering.stream;

import io.sluice.steering.Errno;

/**
 * Messages with a binary length in their header.
 *
 * <pre>
 *   | offset bytes | length: size bytes | length + adjustment bytes |
 * </pre>
 *
 * A length that ends before its own field is malformed.
 *
 * @param offset of the length field, 0–65535
 * @param size 1, 2, 3, 4 or 8 bytes
 * @param bigEndian most significant byte first
 * @param adjustment what to add to the length for the bytes after the field: {@code -(offset +
 *     size)} if it counts the whole message
 */
public record LengthFieldParser(int offset, int size, boolean bigEndian, int adjustment)
    implements StreamParser {
  public LengthFieldParser {
    if (offset < 0 || offset > 65535) {
      throw new IllegalArgumentException("offset " + offset + " is outside 0–65535");
    }
    if (size < 1 || size > 4 && size != 8) {
      throw new IllegalArgumentException("size " + size + " is none of 1, 2, 3, 4, 8");
    }
  }

  @Override
  public int parse(MessageView message) {
    int header = offset + size;
    if (message.length() < header) {
      return 0;
    }
    long value = message.number(offset, size, bigEndian);
    if (value < 0 || value > 2L * Integer.MAX_VALUE) {
      return Errno.EMSGSIZE.negative(); // with 8 bytes; their sign is a size as well
    }
    long length = header + value + adjustment;
    if (length < header) {
      return Errno.EPROTO.negative();
    }
    return length > Integer.MAX_VALUE ? Errno.EMSGSIZE.negative() : (int) length;
  }
}
