package io.sluice.proxy.arrival;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.PortRange;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;

final class PortSetTest {
  private final long seed = System.nanoTime();
  private final Random random = new Random(seed);

  @Test
  void anyIsEveryPortButZero() {
    PortSet any = PortSet.of(List.of(PortRange.ANY));
    assertThat(any.ranges()).containsExactly(new PortRange(1, 65535));
    assertThat(any.contains(0)).isFalse();
    assertThat(any.contains(1)).isTrue();
    assertThat(any.contains(65535)).isTrue();
    assertThat(any.minus(any)).isEqualTo(PortSet.NONE);
    assertThat(PortSet.NONE.isEmpty()).isTrue();
    assertThat(PortSet.NONE.contains(80)).isFalse();
  }

  @RepeatedTest(20)
  void plusAndMinusAreThoseOfSets() {
    List<PortRange> left = ranges();
    List<PortRange> right = ranges();
    BitSet plus = bits(left);
    plus.or(bits(right));
    BitSet minus = bits(left);
    minus.andNot(bits(right));
    assertSame(PortSet.of(left).plus(PortSet.of(right)), plus);
    assertSame(PortSet.of(left).minus(PortSet.of(right)), minus);
  }

  private void assertSame(PortSet ports, BitSet expected) {
    byte[] bitmap = ports.toBitmap();
    assertThat(bitmap).hasSize(PortSet.BITMAP_BYTES);
    for (int port = 0; port < 65536; port++) {
      boolean isIn = expected.get(port);
      if (ports.contains(port) != isIn || (bitmap[port >> 3] >> (port & 7) & 1) == 1 != isIn) {
        throw new AssertionError("port " + port + " of " + ports + ", seed " + seed);
      }
    }
    assertThat(PortSet.of(ports.ranges())).as("seed " + seed).isEqualTo(ports);
  }

  private List<PortRange> ranges() {
    List<PortRange> ranges = new ArrayList<>();
    for (int i = random.nextInt(20); i >= 0; i--) {
      int first = 1 + random.nextInt(65535);
      ranges.add(new PortRange(first, Math.min(65535, first + random.nextInt(5000))));
    }
    return ranges;
  }

  private static BitSet bits(List<PortRange> ranges) {
    BitSet bits = new BitSet();
    ranges.forEach(it -> bits.set(it.first(), it.last() + 1));
    return bits;
  }
}
