package io.sluice.steering.reuseport;

import io.sluice.steering.Payload;

/**
 * Selects by a hash over some bytes of the payload, so that equal bytes go to the same member. What
 * is too short for them goes by the 4-tuple.
 *
 * @param offset of the first byte in the payload
 * @param length how many bytes, at least 1
 */
public record PayloadProgram(int offset, int length) implements ReuseportProgram {
  public PayloadProgram {
    if (offset < 0 || length < 1) {
      throw new IllegalArgumentException(length + " bytes at " + offset + " are none");
    }
  }

  @Override
  public int run(ReuseportContext context) {
    Payload payload = context.payload();
    if (length <= payload.length() - offset) {
      context.selectByHash(TupleHash.ofBytes(payload, offset, length, ReuseportGroup.DEFAULT_SEED));
    }
    return SK_PASS;
  }
}
