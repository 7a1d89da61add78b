package io.sluice.config;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class CaptureChecksTest {
  /** Seeded: the seed of a failing round is in its message. */
  @Test
  void theIndexAgreesWithAScanOfAllCaptures() {
    int reached = 0;
    int asked = 0;
    for (long seed = 0; seed < 2_000; seed++) {
      Random random = new Random(seed);
      List<CaptureSpec> captures = new ArrayList<>();
      for (int i = random.nextInt(5); i >= 0; i--) {
        captures.add(capture(random));
      }
      CaptureChecks checks = new CaptureChecks(captures);
      for (int i = 0; i < 20; i++) {
        Protocol protocol = random.nextBoolean() ? Protocol.TCP : Protocol.UDP;
        IpPrefix prefix = prefix(random);
        int port = random.nextInt(4) == 0 ? Binding.ANY_PORT : 1 + random.nextInt(8);
        boolean expected = captures.stream().anyMatch(c -> scan(c, protocol, prefix, port));
        asked++;
        reached += expected ? 1 : 0;

        assertThat(checks.overlaps(protocol, prefix, port))
            .as("seed %d: %s %s %d in %s", seed, protocol, prefix, port, captures)
            .isEqualTo(expected);
      }
    }
    assertThat(reached).isBetween(asked / 10, asked * 9 / 10);
  }

  private static boolean scan(CaptureSpec capture, Protocol protocol, IpPrefix prefix, int port) {
    return capture.protocols().contains(protocol)
        && capture.addresses().stream().anyMatch(a -> a.contains(prefix) || prefix.contains(a))
        && capture.ports().stream().anyMatch(p -> port == Binding.ANY_PORT || p.contains(port));
  }

  private static CaptureSpec capture(Random random) {
    List<IpPrefix> addresses = new ArrayList<>();
    for (int i = random.nextInt(4); i >= 0; i--) {
      addresses.add(prefix(random));
    }
    int first = 1 + random.nextInt(8);
    return new CaptureSpec(
        "c",
        random.nextBoolean() ? EnumSet.allOf(Protocol.class) : EnumSet.of(Protocol.UDP),
        addresses,
        List.of(new PortRange(first, first + random.nextInt(4))),
        CaptureSpec.Method.BIND,
        false);
  }

  /** Few distinct bits, at both ends of each family, so that prefixes often overlap. */
  private static IpPrefix prefix(Random random) {
    if (random.nextBoolean()) {
      int address = random.nextInt(4) << 30 | random.nextInt(4);
      int[] lengths = {0, 1, 2, 30, 31, 32};
      return IpPrefix.containing(IpAddress.ipv4(address), lengths[random.nextInt(lengths.length)]);
    }
    int[] lengths = {0, 1, 2, 62, 63, 64, 65, 66, 126, 127, 128};
    return IpPrefix.containing(
        IpAddress.ipv6(
            (long) random.nextInt(4) << 62 | random.nextInt(4),
            (long) random.nextInt(4) << 62 | random.nextInt(4)),
        lengths[random.nextInt(lengths.length)]);
  }
}
