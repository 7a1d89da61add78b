package io.sluice.steering.reuseport;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.Payload;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class QuicHeaderTest {
  private static final int SHORT_LENGTH = 4;
  private static final int ROUNDS = 200_000;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      nullValues = "-",
      textBlock =
          """
          # datagram                                        | destination | server's own
          c3 00000001 08 8394c8f03e515708 00 00             | 8394c8f03e515708 | -
          c3 00000001 08 8394c8f03e515708 02 abcd ff        | 8394c8f03e515708 | abcd
          c1 00000001 00 08 f067a5502a4262b5 40             | -                | f067a5502a4262b5
          e2 00000001 01 aa 01 bb                           | aa               | bb
          f0 00000001 00 03 010203 746f6b656e               | -                | 010203
          80 1a2a3a4a 01 aa 01 bb                           | aa               | bb
          # Version Negotiation: its source is what the client chose as destination
          80 00000000 01 aa 01 bb 00000001                  | aa               | -
          # 21 bytes are too many for version 1, but other versions may have them
          c0 00000002 15 000102030405060708090a0b0c0d0e0f1011121314 00 | 000102030405060708090a0b0c0d0e0f1011121314 | -
          # short headers
          40 01020304 9999                                  | 01020304         | -
          00 01020304                                       | 01020304         | -
          40 010203                                         | -                | -
          # cut off
          c3                                                | -                | -
          c3 00000001                                       | -                | -
          c3 00000001 08                                    | -                | -
          c3 00000001 08 8394c8f03e5157                     | -                | -
          c3 00000001 08 8394c8f03e515708                   | 8394c8f03e515708 | -
          c3 00000001 01 aa 02 bb                           | aa               | -
          """)
  void connectionIdsStandWhereTheHeaderSays(
      String datagram, String destination, String serversOwn) {
    byte[] bytes = hex(datagram);
    Payload payload = Payload.of(bytes);
    assertPlace(bytes, QuicHeader.destination(payload, SHORT_LENGTH), destination);
    assertPlace(bytes, QuicHeader.serversOwn(payload), serversOwn);
  }

  @Test
  void anEmptyDatagramHasNone() {
    assertThat(QuicHeader.destination(Payload.EMPTY, SHORT_LENGTH)).isEqualTo(QuicHeader.NONE);
    assertThat(QuicHeader.serversOwn(Payload.EMPTY)).isEqualTo(QuicHeader.NONE);
  }

  /** {@link Payload#of} throws for every byte that isn't there, so reading past the end fails. */
  @Test
  void randomBytesAreReadWithinTheirBounds() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    int found = 0;
    for (int round = 0; round < ROUNDS; round++) {
      byte[] bytes = new byte[random.nextInt(48)];
      random.nextBytes(bytes);
      if (bytes.length > 5 && random.nextBoolean()) {
        bytes[5] = (byte) random.nextInt(24); // a length that may fit
      }
      int shortLength = 1 + random.nextInt(20);
      String what = "seed " + seed + ", round " + round + ": " + HexFormat.of().formatHex(bytes);
      for (int place :
          new int[] {
            QuicHeader.destination(Payload.of(bytes), shortLength),
            QuicHeader.serversOwn(Payload.of(bytes))
          }) {
        if (place != QuicHeader.NONE) {
          found++;
          assertThat(QuicHeader.offset(place)).as(what).isPositive();
          assertThat(QuicHeader.length(place)).as(what).isPositive();
          assertThat(QuicHeader.offset(place) + QuicHeader.length(place))
              .as(what)
              .isLessThanOrEqualTo(bytes.length);
        }
      }
    }
    assertThat(found).as("seed " + seed).isGreaterThan(ROUNDS / 4);
  }

  private static byte[] hex(String text) {
    return HexFormat.of().parseHex(text.replace(" ", ""));
  }

  private static void assertPlace(byte[] datagram, int place, String expected) {
    if (expected == null) {
      assertThat(place).isEqualTo(QuicHeader.NONE);
      return;
    }
    int from = QuicHeader.offset(place);
    assertThat(Arrays.copyOfRange(datagram, from, from + QuicHeader.length(place)))
        .isEqualTo(hex(expected));
  }
}
