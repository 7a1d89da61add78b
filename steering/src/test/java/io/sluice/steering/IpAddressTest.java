package io.sluice.steering;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.net.Inet6Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Locale;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class IpAddressTest {
  /** Text, and its canonical form (RFC 5952). */
  @ParameterizedTest
  @CsvSource({
    "0.0.0.0, 0.0.0.0",
    "255.255.255.255, 255.255.255.255",
    "192.0.2.1, 192.0.2.1",
    "::, ::",
    "0:0:0:0:0:0:0:0, ::",
    "::1, ::1",
    "1::, 1::",
    "2001:DB8::A, 2001:db8::a",
    "2001:0db8:0000:0000:0001:0000:0000:0001, 2001:db8::1:0:0:1", // the first of equal runs
    "2001:db8:0:0:1:0:0:0, 2001:db8:0:0:1::", // the longer run
    "2001:db8:0:1:1:1:1:1, 2001:db8:0:1:1:1:1:1", // a single group isn't shortened
    "2001:db8::1:1:1:1:1, 2001:db8:0:1:1:1:1:1", // but may be written so
    "1:2:3:4:5:6:7::, 1:2:3:4:5:6:7:0",
    "::2:3:4:5:6:7:8, 0:2:3:4:5:6:7:8",
    "1:0:0:0:0:0:0:8, 1::8",
    "::1.2.3.4, ::102:304",
    "::ffff:192.0.2.1, ::ffff:192.0.2.1",
    "::FFFF:c000:201, ::ffff:192.0.2.1",
    "0:0:0:0:0:ffff:192.0.2.1, ::ffff:192.0.2.1",
    "64:ff9b::192.0.2.33, 64:ff9b::c000:221",
    "1:2:3:4:5:6:1.2.3.4, 1:2:3:4:5:6:102:304",
    "1:2:3:4:5::1.2.3.4, 1:2:3:4:5:0:102:304",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff, ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "8000::, 8000::",
  })
  void parsesAndWritesTheCanonicalForm(String text, String canonical) {
    IpAddress address = IpAddress.parse(text);

    assertThat(address).hasToString(canonical);
    assertThat(IpAddress.parse(canonical)).isEqualTo(address);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "127.1",
        "127",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.",
        ".1.2.3",
        "1..2.3",
        "1.2.3.4.",
        "01.2.3.4",
        "1.2.3.00",
        "0177.0.0.1",
        "0x7f.0.0.1",
        "256.0.0.1",
        "1.2.3.1000",
        "99999999999.0.0.1",
        "-1.2.3.4",
        "+1.2.3.4",
        " 1.2.3.4",
        "1.2.3.4 ",
        "1.2.3.a",
        "١.٢.٣.٤",
        "localhost",
        "1.2.3.4/32",
        "1.2.3.4:80",
        "2130706433",
        ":",
        ":::",
        "1:",
        ":1",
        "1::2::3",
        "::1::",
        "1:::2",
        "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::",
        "::1:2:3:4:5:6:7:8",
        "1:2:3:4::5:6:7:8",
        "12345::",
        "::g",
        "::-1",
        "[::1]",
        "::1 ",
        " ::1",
        "::/0",
        "::１",
        "::ａ",
        "::1.2.3",
        "::1.2.3.4.5",
        "::1.2.3.256",
        "::01.2.3.4",
        "1.2.3.4::",
        "::1.2.3.4:5",
        "1:2:3:4:5:6:7:1.2.3.4",
        "::1:2:3:4:5:6:1.2.3.4",
        "1:2:3:4:5:1.2.3.4",
        "1.2.3.4:5::",
      })
  void refusesWhatIsNoAddress(String text) {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> IpAddress.parse(text))
        .withMessageContaining("\"" + text + "\"");
  }

  @Test
  void saysWhyAZoneOrAnEmptyTextIsRefused() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> IpAddress.parse("fe80::1%eth0"))
        .withMessage("\"fe80::1%eth0\" has a zone id; an address here has none, write it without");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> IpAddress.parse(""))
        .withMessage("an address is missing");
  }

  @Test
  void readsAndWritesWhatInetAddressDoes() throws UnknownHostException {
    long seed = 5952;
    Random random = new Random(seed);
    for (int i = 0; i < 20_000; i++) {
      byte[] bytes = randomBytes(random);
      InetAddress theirs = InetAddress.getByAddress(bytes);
      IpAddress ours = IpAddress.ofBytes(bytes);
      String where = "seed " + seed + ", round " + i + ", " + theirs;

      assertThat(ours.toBytes()).describedAs(where).isEqualTo(bytes);
      assertThat(IpAddress.parse(ours.toString())).describedAs(where).isEqualTo(ours);
      // Their canonical text has no "::", which ours reads all the same; and they read ours.
      assertThat(IpAddress.parse(theirs.getHostAddress()).toBytes())
          .describedAs(where)
          .isEqualTo(theirs.getAddress());
      assertThat(InetAddress.getByName(ours.toString())).describedAs(where).isEqualTo(theirs);
      assertThat(IpAddress.parse(ours.toString().toUpperCase(Locale.ROOT)))
          .describedAs(where)
          .isEqualTo(ours);
    }
  }

  @Test
  void acceptsNoTextThatInetAddressReadsOtherwise() throws UnknownHostException {
    long seed = 4291;
    Random random = new Random(seed);
    String alphabet = "0123456789abF:::...";
    int valid = 0;
    for (int i = 0; i < 300_000; i++) {
      StringBuilder text = new StringBuilder(random.nextBoolean() ? "::" : "");
      for (int length = 1 + random.nextInt(12); length > 0; length--) {
        text.append(alphabet.charAt(random.nextInt(alphabet.length())));
      }
      IpAddress ours;
      try {
        ours = IpAddress.parse(text.toString());
      } catch (IllegalArgumentException _) {
        continue;
      }
      valid++;
      InetAddress theirs = InetAddress.ofLiteral(text.toString());
      byte[] bytes =
          ours.isIpv4Mapped() ? IpAddress.ipv4((int) ours.low()).toBytes() : ours.toBytes();
      assertThat(bytes)
          .describedAs("seed %d, round %d: %s", seed, i, text)
          .isEqualTo(theirs.getAddress());
    }
    assertThat(valid).isGreaterThan(1_000);
  }

  private static byte[] randomBytes(Random random) {
    byte[] bytes = new byte[random.nextInt(4) == 0 ? 4 : 16];
    random.nextBytes(bytes);
    if (bytes.length == 16) {
      int zeros = random.nextInt(0x10000); // many zero groups, in all places
      for (int i = 0; i < 8; i++) {
        if ((zeros >> 2 * i & 3) != 0) {
          bytes[2 * i] = 0;
          bytes[2 * i + 1] = (byte) ((zeros >> 2 * i & 3) == 1 ? random.nextInt(3) : 0);
        }
      }
    }
    return bytes;
  }

  @Test
  void theFamiliesStayApart() throws UnknownHostException {
    assertThat(IpAddress.parse("::ffff:192.0.2.1")).isNotEqualTo(IpAddress.parse("192.0.2.1"));
    assertThat(IpAddress.parse("::ffff:192.0.2.1").family()).isEqualTo(Family.IPV6);
    assertThat(InetAddress.getByName("::ffff:192.0.2.1")).isNotInstanceOf(Inet6Address.class);
  }

  @ParameterizedTest
  @CsvSource({
    "0.0.0.0, true, false",
    "::, true, false",
    "::ffff:0.0.0.0, true, true",
    "::ffff:127.0.0.1, false, true",
    "127.0.0.1, false, false",
    "::1, false, false",
    "1::, false, false",
    "::fffe:0.0.0.0, false, false",
    "0:0:0:1::, false, false",
  })
  void knowsWildcardsAndMappedAddresses(String text, boolean wildcard, boolean mapped) {
    assertThat(IpAddress.parse(text).isWildcard()).isEqualTo(wildcard);
    assertThat(IpAddress.parse(text).isIpv4Mapped()).isEqualTo(mapped);
  }

  @Test
  void sortsIpv4FirstAndThenByUnsignedNumber() {
    assertThat(
            Stream.of("ffff::", "::ff:1", "255.0.0.0", "1::", "1.0.0.0", "8000::")
                .map(IpAddress::parse)
                .sorted()
                .map(IpAddress::toString))
        .containsExactly("1.0.0.0", "255.0.0.0", "::ff:1", "1::", "8000::", "ffff::");
  }

  @Test
  void refusesOtherLengthsAndWiderIpv4() {
    assertThatIllegalArgumentException().isThrownBy(() -> IpAddress.ofBytes(new byte[5]));
    assertThatIllegalArgumentException().isThrownBy(() -> IpAddress.of(Family.IPV4, 0, 1L << 32));
    assertThatIllegalArgumentException().isThrownBy(() -> IpAddress.of(Family.IPV4, 1, 0));
  }

  @Test
  void writesPortsBehindBothFamilies() {
    assertThat(IpAddress.withPort(IpAddress.parse("192.0.2.1"), 80)).isEqualTo("192.0.2.1:80");
    assertThat(IpAddress.withPort(IpAddress.parse("2001:db8::1"), 80))
        .isEqualTo("[2001:db8::1]:80");
  }
}
