package io.sluice.proxy.header;

import java.nio.ByteBuffer;

/** The TLVs of a header that go on to the target. */
final class PassedTlvs {
  private PassedTlvs() {}

  /**
   * All but checksum and padding, which belong to the header that they came in. Allocates.
   *
   * @param at where the first TLV begins; their lengths have been checked
   * @param lengthBytes of all
   */
  static byte[] of(ByteBuffer in, int at, int lengthBytes) {
    ByteBuffer kept = ByteBuffer.allocate(lengthBytes);
    int next = at;
    while (next < at + lengthBytes) {
      int type = in.get(next) & 0xff;
      int length = 3 + ProxyHeader.unsignedShort(in, next + 1);
      if (type != ProxyHeader.TLV_CRC32C && type != ProxyHeader.TLV_NOOP) {
        kept.put(in.slice(next, length));
      }
      next += length;
    }
    byte[] result = new byte[kept.position()];
    kept.get(0, result);
    return result;
  }
}
