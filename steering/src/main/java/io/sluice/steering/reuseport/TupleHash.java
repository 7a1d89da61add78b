package io.sluice.steering.reuseport;

import io.sluice.steering.LookupContext;
import io.sluice.steering.Payload;

/**
 * Seeded 32-bit hashes of a lookup, or of its payload. The same in every process, so that {@code
 * sluice explain} and the daemon agree; not secret, so a client can choose its own share of them.
 */
public final class TupleHash {
  private TupleHash() {}

  /** Over the 4-tuple: both addresses, both ports. */
  static int ofFlow(LookupContext context, int seed) {
    long hash = ofClient64(context, seed);
    hash = mix(hash ^ context.localHigh());
    hash = mix(hash ^ context.localLow());
    hash = mix(hash ^ ((long) context.remotePort() << 16 | context.localPort()));
    return (int) (hash >>> 32);
  }

  /** Over the client's address alone. */
  static int ofClient(LookupContext context, int seed) {
    return (int) (ofClient64(context, seed) >>> 32);
  }

  private static long ofClient64(LookupContext context, int seed) {
    return mix(mix(mix(seed) ^ context.remoteHigh()) ^ context.remoteLow());
  }

  /** Over bytes of a payload, which has them. */
  static int ofBytes(Payload payload, int offset, int length, int seed) {
    long hash = mix(seed ^ (long) length << 32);
    long word = 0;
    for (int i = 0; i < length; i++) {
      word = word << 8 | payload.at(offset + i);
      if ((i & 7) == 7 || i == length - 1) {
        hash = mix(hash ^ word);
        word = 0;
      }
    }
    return (int) (hash >>> 32);
  }

  /** Over a name, 64 bits. */
  static long ofName(String name, long seed) {
    long hash = mix(seed);
    for (int i = 0; i < name.length(); i++) {
      hash = mix(hash ^ name.charAt(i));
    }
    return hash;
  }

  /** SplitMix64's finalizer (Steele, Lea, Flood, OOPSLA 2014), after one step of its sequence. */
  public static long mix(long value) {
    long z = value + 0x9e37_79b9_7f4a_7c15L;
    z = (z ^ z >>> 30) * 0xbf58_476d_1ce4_e5b9L;
    z = (z ^ z >>> 27) * 0x94d0_49bb_1331_11ebL;
    return z ^ z >>> 31;
  }
}
