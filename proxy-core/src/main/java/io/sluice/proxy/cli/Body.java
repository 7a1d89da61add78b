package io.sluice.proxy.cli;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;

/** The body of a daemon's answer: of known length, or in chunks (RFC 9112 §7.1). */
final class Body extends InputStream {
  private final InputStream in;
  private final boolean isChunked;
  private long leftBytes;
  private boolean isFirst = true;
  private boolean isOver;

  private Body(InputStream in, boolean isChunked, long leftBytes) {
    this.in = in;
    this.isChunked = isChunked;
    this.leftBytes = leftBytes;
  }

  /** A body whose length the head has told, in decimal digits. */
  static Body sized(InputStream in, String length) throws IOException {
    return new Body(in, false, number(length, 10));
  }

  /** A body whose chunks tell their lengths. */
  static Body chunked(InputStream in) {
    return new Body(in, true, 0);
  }

  private static long number(String text, int radix) throws IOException {
    try {
      long number = Long.parseLong(text, radix);
      if (number >= 0) {
        return number;
      }
    } catch (NumberFormatException _) {
      // as one that is less than nothing
    }
    throw new IOException("the daemon's answer can't be read: \"" + text + "\" is no length");
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] into, int offset, int length) throws IOException {
    if (leftBytes == 0 && !isOver) {
      leftBytes = isChunked ? nextChunk() : 0;
      isOver = leftBytes == 0;
    }
    if (isOver) {
      return -1;
    }
    int count = in.read(into, offset, (int) Math.min(leftBytes, length));
    if (count < 0) {
      throw new EOFException("the daemon ended the connection within its answer");
    }
    leftBytes -= count;
    return count;
  }

  private long nextChunk() throws IOException {
    if (!isFirst) {
      String _ = AdminClient.line(in); // the end of the one before
    }
    isFirst = false;
    return number(AdminClient.line(in).split(";", 2)[0].strip(), 16);
  }
}
