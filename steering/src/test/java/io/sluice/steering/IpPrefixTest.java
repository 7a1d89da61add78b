package io.sluice.steering;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.math.BigInteger;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class IpPrefixTest {
  @ParameterizedTest
  @CsvSource({
    "192.0.2.0/24, 192.0.2.0/24",
    "192.0.2.1, 192.0.2.1/32",
    "192.0.2.1/32, 192.0.2.1/32",
    "0.0.0.0/0, 0.0.0.0/0",
    "128.0.0.0/1, 128.0.0.0/1",
    "::/0, ::/0",
    "::1, ::1/128",
    "8000::/1, 8000::/1",
    "2001:DB8:0:0::/64, 2001:db8::/64",
    "2001:db8::8000:0:0:0/65, 2001:db8:0:0:8000::/65",
    "::ffff:0:0/95, ",
    "::fffe:0:0/95, ::fffe:0:0/95",
    "::/95, ::/95",
  })
  void parsesAndWrites(String text, String expected) {
    if (expected == null) {
      assertThatIllegalArgumentException().isThrownBy(() -> IpPrefix.parse(text));
    } else {
      assertThat(IpPrefix.parse(text)).hasToString(expected);
      assertThat(IpPrefix.parse(expected)).isEqualTo(IpPrefix.parse(text));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "192.0.2.0/33, \"33\" is no prefix length; ipv4 has 0–32",
    "::/129, \"129\" is no prefix length; ipv6 has 0–128",
    "192.0.2.0/, \"\" is no prefix length",
    "192.0.2.0/08, \"08\" is no prefix length",
    "192.0.2.0/-1, \"-1\" is no prefix length",
    "192.0.2.0/+8, \"+8\" is no prefix length",
    "192.0.2.0/2 4, \"2 4\" is no prefix length",
    "192.0.2.0/1000, \"1000\" is no prefix length",
    "192.0.2.0/255.255.255.0, \"255.255.255.0\" is no prefix length",
    "192.0.2.0/24/24, \"24/24\" is no prefix length",
    "10/8, \"10\" is no IP address",
    "/8, an address is missing",
    "192.0.2.1/24, 192.0.2.1/24 has host bits set; was 192.0.2.0/24 meant",
    "192.0.2.1/24, or 192.0.2.1/32?",
    "192.0.2.1/0, was 0.0.0.0/0 meant",
    "2001:db8::1/32, was 2001:db8::/32 meant",
    "2001:db8::1/32, or 2001:db8::1/128?",
    "8000::1/1, was 8000::/1 meant",
    "2001:db8:0:1::/63, was 2001:db8::/63 meant",
    "::ffff:192.0.2.0/120, is an IPv4-mapped IPv6 prefix",
    "::ffff:192.0.2.0/120, write 192.0.2.0/24",
    "::ffff:192.0.2.1, write 192.0.2.1/32",
    "::ffff:192.0.2.1/120, write 192.0.2.0/24",
    "::ffff:0:0/96, write 0.0.0.0/0",
  })
  void refusesAndSaysWhatWouldBeRight(String text, String message) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> IpPrefix.parse(text))
        .withMessageContaining(message);
  }

  @Test
  void containsWhatItsLeadingBitsSay() {
    long seed = 1519;
    Random random = new Random(seed);
    for (int i = 0; i < 50_000; i++) {
      Family family = random.nextInt(3) == 0 ? Family.IPV4 : Family.IPV6;
      int length = random.nextInt(family.bits() + 1);
      IpAddress inside = randomAddress(random, family);
      IpPrefix prefix = IpPrefix.containing(inside, length);
      // Differs from the first in the one bit that is flipped, just before or behind the length.
      int flipped = Math.clamp(length + random.nextInt(3) - 1, 0, family.bits() - 1);
      byte[] bytes = inside.toBytes();
      bytes[flipped / 8] ^= (byte) (0x80 >> flipped % 8);
      IpAddress other = IpAddress.ofBytes(bytes);
      String where = "seed " + seed + ", round " + i + ": " + prefix + " and " + other;

      assertThat(prefix.contains(inside)).describedAs(where).isTrue();
      assertThat(prefix.contains(other)).describedAs(where).isEqualTo(flipped >= length);
      assertThat(prefix.contains(IpPrefix.single(other)))
          .describedAs(where)
          .isEqualTo(flipped >= length);
      assertThat(new BigInteger(1, prefix.address().toBytes()).getLowestSetBit())
          .describedAs(where)
          .matches(bit -> bit < 0 || bit >= family.bits() - length);
      assertThat(IpPrefix.containing(prefix.address(), length)).isEqualTo(prefix);
    }
  }

  @Test
  void theFamiliesStayApart() {
    assertThat(IpPrefix.parse("0.0.0.0/0").contains(IpAddress.parse("::"))).isFalse();
    assertThat(IpPrefix.parse("::/0").contains(IpAddress.parse("0.0.0.0"))).isFalse();
    assertThat(IpPrefix.parse("::/0").contains(IpPrefix.parse("0.0.0.0/0"))).isFalse();
  }

  @Test
  void aShorterPrefixContainsALongerOneOnly() {
    IpPrefix wide = IpPrefix.parse("10.0.0.0/8");
    IpPrefix narrow = IpPrefix.parse("10.1.0.0/16");

    assertThat(wide.contains(narrow)).isTrue();
    assertThat(narrow.contains(wide)).isFalse();
    assertThat(wide.contains(wide)).isTrue();
    assertThat(wide.isSingle()).isFalse();
    assertThat(IpPrefix.parse("10.0.0.1").isSingle()).isTrue();
  }

  private static IpAddress randomAddress(Random random, Family family) {
    return family == Family.IPV4
        ? IpAddress.ipv4(random.nextInt())
        : IpAddress.ipv6(random.nextLong(), random.nextLong());
  }
}
