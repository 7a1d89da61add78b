package io.sluice.steering;

/**
 * The bytes that came with a lookup: a datagram's, or what a TCP client had sent when it was
 * accepted.
 *
 * <p>A view: valid during the lookup only, and on its thread. Reading allocates nothing. Bytes may
 * be fetched when they are first asked for, so who doesn't look doesn't pay.
 */
public interface Payload {
  /** No bytes. */
  Payload EMPTY =
      new Payload() {
        @Override
        public int length() {
          return 0;
        }

        @Override
        public int at(int index) {
          throw new IndexOutOfBoundsException(index);
        }
      };

  /** How many bytes there are. */
  int length();

  /**
   * One byte, 0–255.
   *
   * @param index 0 to {@link #length}, exclusive
   * @throws IndexOutOfBoundsException for any other
   */
  int at(int index);

  /** These bytes, not copied; for tests and for those who embed the engine. */
  static Payload of(byte... bytes) {
    return new Payload() {
      @Override
      public int length() {
        return bytes.length;
      }

      @Override
      public int at(int index) {
        return bytes[index] & 0xff;
      }
    };
  }
}
