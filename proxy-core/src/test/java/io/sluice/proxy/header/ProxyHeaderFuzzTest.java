package io.sluice.proxy.header;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.ProxyProtocolOut;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Valid headers that are changed, cut, joined and repeated, and plain noise, for {@value #SECONDS}
 * seconds: no exception, no reading beyond the header, no byte of payload lost. Longer by hand:
 * {@code -Dsluice.fuzz.seconds=3600}; one case again: {@code -Dsluice.fuzz.seed=N}, which a failure
 * names.
 */
class ProxyHeaderFuzzTest {
  private static final int SECONDS = 60;
  private static final byte[] NONE = {};
  private static final byte[][] WORDS = {
    ProxyHeader.SIGNATURE,
    "PROXY ".getBytes(US_ASCII),
    "TCP4 ".getBytes(US_ASCII),
    "UNKNOWN".getBytes(US_ASCII),
    "\r\n".getBytes(US_ASCII),
    "::ffff:1.2.3.4".getBytes(US_ASCII),
    {0x21, 0x11, 0, 12},
    {3, 0, 4, 0, 0, 0, 0},
    {(byte) 0xff, (byte) 0xff}
  };

  private final ProxyHeader whole = new ProxyHeader();
  private final ProxyHeader pieces = new ProxyHeader();
  private long headers;

  @Test
  void noInputIsReadWrongly() {
    Long only = Long.getLong("sluice.fuzz.seed");
    if (only != null) {
      runOne(only);
      return;
    }
    long first = System.nanoTime();
    long end =
        first + Duration.ofSeconds(Integer.getInteger("sluice.fuzz.seconds", SECONDS)).toNanos();
    long seed = first;
    do {
      runOne(seed++);
    } while (System.nanoTime() < end);
    System.out.printf("PROXY header fuzz: %d inputs, %d of them headers%n", seed - first, headers);
    assertThat(headers).as("the mutations leave some headers whole").isPositive();
  }

  private void runOne(long seed) {
    Random random = new Random(seed);
    byte[] input = input(random);
    try {
      check(input, random.nextInt(5) == 0 ? Protocol.UDP : Protocol.TCP, random);
    } catch (RuntimeException | AssertionError failure) {
      throw new AssertionError(
          "seed " + seed + ", input " + HexFormat.of().formatHex(input), failure);
    }
  }

  private static byte[] input(Random random) {
    byte[] input = header(random);
    if (random.nextInt(4) == 0) {
      input = joined(input, header(random));
    }
    for (int changes = random.nextInt(5); changes > 0; changes--) {
      input = changed(input, random);
    }
    byte[] payload = new byte[random.nextInt(64)];
    random.nextBytes(payload);
    return joined(input, payload);
  }

  private static byte[] header(Random random) {
    LookupContext context =
        new LookupContext()
            .of(
                random.nextBoolean() ? Protocol.TCP : Protocol.UDP,
                address(random, Family.IPV4),
                random.nextInt(65536),
                address(random, Family.IPV4),
                random.nextInt(65536),
                0);
    if (random.nextBoolean()) {
      context.of(
          context.protocol(),
          address(random, Family.IPV6),
          random.nextInt(65536),
          address(random, Family.IPV6),
          random.nextInt(65536),
          0);
    }
    ProxyProtocolOut spec =
        new ProxyProtocolOut(
            1 + random.nextInt(2),
            random.nextBoolean(),
            random.nextBoolean(),
            List.of(new ProxyProtocolOut.Tlv(0xe0, "x".repeat(random.nextInt(300)))),
            true,
            true);
    return new ProxyHeaderWriter(spec).header(context, NONE);
  }

  private static IpAddress address(Random random, Family family) {
    return family == Family.IPV4
        ? IpAddress.ipv4(random.nextInt())
        : IpAddress.ipv6(random.nextLong(), random.nextLong());
  }

  private static byte[] changed(byte[] input, Random random) {
    int at = random.nextInt(input.length + 1);
    return switch (random.nextInt(6)) {
      case 0 -> with(input, at, at < input.length ? input[at] ^ 1 << random.nextInt(8) : 0);
      case 1 -> with(input, at, random.nextInt());
      case 2 -> with(input, 12 + random.nextInt(4), random.nextInt()); // fields of version 2
      case 3 -> spliced(input, at, at, WORDS[random.nextInt(WORDS.length)]);
      case 4 -> spliced(input, at, Math.min(input.length, at + random.nextInt(8)), NONE);
      default -> Arrays.copyOf(input, at);
    };
  }

  private static byte[] with(byte[] input, int at, int value) {
    byte[] changed = input.clone();
    if (at < changed.length) {
      changed[at] = (byte) value;
    }
    return changed;
  }

  private static byte[] spliced(byte[] input, int from, int to, byte[] between) {
    byte[] end = Arrays.copyOfRange(input, to, input.length);
    return joined(joined(Arrays.copyOf(input, from), between), end);
  }

  private static byte[] joined(byte[] first, byte[] second) {
    byte[] both = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    return both;
  }

  private void check(byte[] input, Protocol transport, Random random) {
    int before = random.nextInt(8);
    ByteBuffer in = ByteBuffer.wrap(joined(new byte[before], input)).position(before);
    int length = whole.read(in, transport);
    assertThat(in.position()).isEqualTo(before);
    assertThat(in.limit()).isEqualTo(before + input.length);
    assertThat(length)
        .isBetween(ProxyHeader.MALFORMED, Math.min(input.length, ProxyHeader.MAX_BYTES));
    if (length > 0) {
      headers++;
      byte[] tlvs = whole.tlvs(in);
      assertThat(tlvs.length).isLessThan(length);
      // What follows makes no difference: nothing beyond the header was looked at.
      byte[] other = input.clone();
      for (int i = length; i < other.length; i++) {
        other[i] ^= (byte) 0xff;
      }
      assertThat(pieces.read(ByteBuffer.wrap(other), transport)).isEqualTo(length);
      assertThat(pieces.tlvs(ByteBuffer.wrap(other))).isEqualTo(tlvs);
      assertThat(pieces.read(ByteBuffer.wrap(input, 0, length), transport)).isEqualTo(length);
    } else {
      assertThat(whole.hasAddresses()).isFalse();
    }
    if (transport == Protocol.TCP) {
      checkPieces(input, length, random);
    }
  }

  /** As it comes in segments: the outcome is the same, and no wake-up point lies behind it. */
  private void checkPieces(byte[] input, int expected, Random random) {
    int have = 0;
    int outcome = ProxyHeader.INCOMPLETE;
    while (outcome == ProxyHeader.INCOMPLETE && have < input.length) {
      have = Math.min(input.length, have + 1 + random.nextInt(20));
      outcome = pieces.read(ByteBuffer.wrap(input, 0, have), Protocol.TCP);
      if (outcome == ProxyHeader.INCOMPLETE) {
        assertThat(pieces.neededBytes()).isGreaterThan(have);
        if (expected > 0) {
          assertThat(pieces.neededBytes()).isLessThanOrEqualTo(expected);
        }
      }
    }
    if (input.length > 0) {
      assertThat(outcome).isEqualTo(expected);
    }
  }
}
