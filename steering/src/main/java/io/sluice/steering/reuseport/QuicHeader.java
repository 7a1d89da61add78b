package io.sluice.steering.reuseport;

import io.sluice.steering.Payload;

/**
 * Where a QUIC packet's connection IDs stand: what RFC 8999 says holds for all versions.
 *
 * <pre>
 *   long     1 b6 b6 …  version(4)  DCID length(1)  DCID  SCID length(1)  SCID  …
 *   short    0 b7       DCID, whose length is the server's own affair  …
 * </pre>
 *
 * <p>RFC 9000 §17.2 and §17.3 add what the other bits mean; nothing here depends on them. Of
 * packets that share a datagram only the first is looked at; the others have its connection IDs.
 *
 * <p>A place is {@code offset << 8 | length}: two numbers without an object. Never throws, and
 * never reads past the end.
 */
final class QuicHeader {
  /** There is no connection ID. */
  static final int NONE = -1;

  private static final int LONG_HEADER = 0x80;
  private static final int DCID_LENGTH_AT = 5;

  private QuicHeader() {}

  static int offset(int place) {
    return place >> 8;
  }

  static int length(int place) {
    return place & 0xff;
  }

  /**
   * Where the destination connection ID stands.
   *
   * @param shortLength its length in packets with a short header
   * @return a place, or {@link #NONE} if the datagram is cut off, or the ID empty
   */
  static int destination(Payload datagram, int shortLength) {
    int end = datagram.length();
    if (end == 0) {
      return NONE;
    }
    if (!isLong(datagram)) {
      return 1 + shortLength > end ? NONE : place(1, shortLength);
    }
    return counted(datagram, DCID_LENGTH_AT);
  }

  /**
   * Where the source connection ID stands that a server chose: in a long header, but not that of a
   * Version Negotiation (version 0), which echoes the client's.
   *
   * @return a place, or {@link #NONE}
   */
  static int serversOwn(Payload datagram) {
    if (datagram.length() <= DCID_LENGTH_AT || !isLong(datagram) || isVersion0(datagram)) {
      return NONE;
    }
    return counted(datagram, DCID_LENGTH_AT + 1 + datagram.at(DCID_LENGTH_AT));
  }

  private static boolean isLong(Payload datagram) {
    return (datagram.at(0) & LONG_HEADER) != 0;
  }

  private static boolean isVersion0(Payload datagram) {
    return (datagram.at(1) | datagram.at(2) | datagram.at(3) | datagram.at(4)) == 0;
  }

  /** The ID behind the byte that counts it. */
  private static int counted(Payload datagram, int countAt) {
    if (countAt >= datagram.length()) {
      return NONE;
    }
    int length = datagram.at(countAt);
    return length == 0 || countAt + 1 + length > datagram.length()
        ? NONE
        : place(countAt + 1, length);
  }

  private static int place(int offset, int length) {
    return offset << 8 | length;
  }
}
