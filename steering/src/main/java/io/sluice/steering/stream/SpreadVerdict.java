package io.sluice.steering.stream;

import io.sluice.steering.map.SockMap;
import java.util.Arrays;

/**
 * Spreads messages over the sockets of a map, in proportion to their weights. Belongs to one
 * stream, and to its thread.
 */
public final class SpreadVerdict implements StreamVerdict {
  private static final long SEED = 0x51_1c_e0_01;

  /** What the choice goes by. */
  public sealed interface By {
    /**
     * In turn, those of greater weight more often but spread out (nginx's smooth weighted order).
     */
    record Turn() implements By {}

    /**
     * Equal bytes go to the same socket. A message too short to have them goes by all it has.
     *
     * @param length how many; 0 is to the message's end
     */
    record Hash(int offset, int length) implements By {}
  }

  /** Says who can be had. */
  @FunctionalInterface
  public interface Availability {
    /**
     * Whether a socket can be had.
     *
     * @param evenDown nobody is left of those that are up: whether it is worth a try
     */
    boolean isUsable(int index, boolean evenDown);
  }

  private final SockMap map;
  private final int[] weights;
  private final By by;
  private final Availability availability;
  private final long total;
  private final long[] current;

  /**
   * A verdict for one stream.
   *
   * @param map its sockets have the indexes of the weights
   * @param weights at least 0; 0 is never chosen. Not copied
   * @param start how many turns are over at the beginning: different from stream to stream, or the
   *     first sockets would get more than their share
   */
  public SpreadVerdict(SockMap map, int[] weights, By by, int start, Availability availability) {
    this.map = map;
    this.weights = weights;
    this.by = by;
    this.availability = availability;
    this.total = Arrays.stream(weights).asLongStream().sum();
    this.current = new long[weights.length];
    for (int i = 0; i < Math.floorMod(start, weights.length); i++) {
      int _ = turn((_, _) -> true, false);
    }
  }

  @Override
  public int run(MessageContext context) {
    int index = choose(context.message(), false);
    if (index < 0) {
      index = choose(context.message(), true);
    }
    return index < 0 ? SK_DROP : context.redirect(map, index, 0);
  }

  private int choose(MessageView message, boolean evenDown) {
    return switch (by) {
      case By.Turn _ -> turn(availability, evenDown);
      case By.Hash hash -> from(at(hash, message), evenDown);
    };
  }

  private int turn(Availability who, boolean evenDown) {
    int best = -1;
    long sum = 0;
    for (int i = 0; i < weights.length; i++) {
      if (weights[i] > 0 && who.isUsable(i, evenDown)) {
        current[i] += weights[i];
        sum += weights[i];
        if (best < 0 || current[i] > current[best]) {
          best = i;
        }
      }
    }
    if (best >= 0) {
      current[best] -= sum;
    }
    return best;
  }

  /** The index whose weight covers the hash: ⌊hash · total / 2³²⌋, as in the kernel's groups. */
  private int at(By.Hash range, MessageView message) {
    int wanted = range.length == 0 ? message.length() - range.offset : range.length;
    boolean isThere = wanted > 0 && range.offset <= message.length() - wanted;
    long hash = isThere ? hash(message, range.offset, wanted) : hash(message, 0, message.length());
    long point = (hash >>> 32) * total >>> 32;
    int index = 0;
    for (long end = weights[0]; end <= point && index < weights.length - 1; ) {
      index++;
      end += weights[index];
    }
    return index;
  }

  private int from(int first, boolean evenDown) {
    for (int i = 0; i < weights.length; i++) {
      int index = (first + i) % weights.length;
      if (weights[index] > 0 && availability.isUsable(index, evenDown)) {
        return index;
      }
    }
    return -1;
  }

  private static long hash(MessageView message, int offset, int length) {
    long hash = mix(SEED ^ (long) length << 32);
    int index = offset;
    int end = offset + length;
    for (; index <= end - Long.BYTES; index += Long.BYTES) {
      hash = mix(hash ^ message.number(index, Long.BYTES, true));
    }
    return index == end ? hash : mix(hash ^ message.number(index, end - index, true));
  }

  /** SplitMix64's finalizer (Steele, Lea, Flood, OOPSLA 2014), after one step of its sequence. */
  private static long mix(long value) {
    long z = value + 0x9e37_79b9_7f4a_7c15L;
    z = (z ^ z >>> 30) * 0xbf58_476d_1ce4_e5b9L;
    z = (z ^ z >>> 27) * 0x94d0_49bb_1331_11ebL;
    return z ^ z >>> 31;
  }
}
