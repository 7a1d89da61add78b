package io.sluice.proxy.arrival;

import io.sluice.steering.PortRange;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Some of the ports 1–65535. Immutable. */
public final class PortSet {
  /** What {@link #toBitmap} takes. */
  public static final int BITMAP_BYTES = 65536 / 8;

  static final PortSet NONE = of(List.of());

  private final char[] bounds; // first, last, first, last …; ascending, with gaps between

  private PortSet(BitSet ports) {
    char[] found = new char[16];
    int size = 0;
    for (int first = ports.nextSetBit(1); first >= 0; ) {
      int gap = ports.nextClearBit(first);
      if (size == found.length) {
        found = Arrays.copyOf(found, size * 2);
      }
      found[size++] = (char) first;
      found[size++] = (char) (gap - 1);
      first = ports.nextSetBit(gap);
    }
    bounds = Arrays.copyOf(found, size);
  }

  static PortSet of(List<PortRange> ranges) {
    BitSet ports = new BitSet(65536);
    ranges.forEach(range -> ports.set(range.first(), range.last() + 1));
    return new PortSet(ports);
  }

  private BitSet bits() {
    BitSet ports = new BitSet(65536);
    for (int i = 0; i < bounds.length; i += 2) {
      ports.set(bounds[i], bounds[i + 1] + 1);
    }
    return ports;
  }

  PortSet plus(PortSet other) {
    BitSet ports = bits();
    ports.or(other.bits());
    return new PortSet(ports);
  }

  PortSet minus(PortSet other) {
    BitSet ports = bits();
    ports.andNot(other.bits());
    return new PortSet(ports);
  }

  boolean isEmpty() {
    return bounds.length == 0;
  }

  /** Allocates nothing. */
  public boolean contains(int port) {
    int from = 0;
    int to = bounds.length / 2;
    while (from < to) {
      int middle = (from + to) >>> 1;
      if (bounds[2 * middle + 1] < port) {
        from = middle + 1;
      } else {
        to = middle;
      }
    }
    return from < bounds.length / 2 && bounds[2 * from] <= port;
  }

  /** In ascending order, as few as there can be. */
  public List<PortRange> ranges() {
    List<PortRange> ranges = new ArrayList<>();
    for (int i = 0; i < bounds.length; i += 2) {
      ranges.add(new PortRange(bounds[i], bounds[i + 1]));
    }
    return ranges;
  }

  /** Port p is bit p % 8 of byte p / 8. */
  public byte[] toBitmap() {
    return Arrays.copyOf(bits().toByteArray(), BITMAP_BYTES);
  }

  @Override
  public boolean equals(@Nullable Object other) {
    return other instanceof PortSet ports && Arrays.equals(bounds, ports.bounds);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bounds);
  }

  @Override
  public String toString() {
    return ranges().toString();
  }
}
