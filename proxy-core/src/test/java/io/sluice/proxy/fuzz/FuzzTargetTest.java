package io.sluice.proxy.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Every parser with valid input, and with valid input that was damaged: a bounded run with fixed
 * seeds. {@link ParserFuzz} goes on from the same targets for as long as one likes.
 */
final class FuzzTargetTest {
  private static final int ROUNDS = 5_000;

  private static final String[] PIECES = {
    "",
    "\n",
    "\0",
    " ",
    ":",
    "::",
    ".",
    "/",
    "-",
    "[",
    "]",
    "%",
    "any",
    "0",
    "00",
    "65536",
    "256",
    "99999999999999999999",
    "ffff",
    "unix:",
    "original",
    "${VAR}",
    "\"",
    "'",
    "{",
    "}",
    ",",
    "\t",
    "\u00e4",
    "\u00ff\u00fe",
    "\u00ed\u00a0\u0080"
  };

  @ParameterizedTest
  @EnumSource
  void seedsAndTheEmptyInputAreFine(FuzzTarget target) {
    assertThat(target.seeds()).isNotEmpty();
    target.run(new byte[0]);
    target.seeds().forEach(target::run);
  }

  @ParameterizedTest
  @EnumSource
  void damagedInputIsRefusedOrRead(FuzzTarget target) {
    for (long seed = 0; seed < ROUNDS; seed++) {
      byte[] input = damaged(target.seeds(), new Random(seed));
      try {
        target.run(input);
      } catch (RuntimeException | Error failure) {
        String shown = new String(input, StandardCharsets.ISO_8859_1);
        throw new AssertionError(target + " with seed " + seed + ": " + shown, failure);
      }
    }
  }

  @Test
  void damageIsTheSameForTheSameSeedAndSeldomNone() {
    List<byte[]> seeds = FuzzTarget.ADDRESS.seeds();
    int intact = 0;
    for (long seed = 0; seed < 1_000; seed++) {
      byte[] damaged = damaged(seeds, new Random(seed));
      assertThat(damaged(seeds, new Random(seed))).isEqualTo(damaged);
      intact += seeds.stream().anyMatch(it -> java.util.Arrays.equals(it, damaged)) ? 1 : 0;
    }
    assertThat(intact).isLessThan(200);
  }

  private static byte[] damaged(List<byte[]> seeds, Random random) {
    byte[] input = seeds.get(random.nextInt(seeds.size()));
    for (int i = random.nextInt(4); i >= 0; i--) {
      input = damagedOnce(input, seeds, random);
    }
    return input;
  }

  private static byte[] damagedOnce(byte[] input, List<byte[]> seeds, Random random) {
    int from = random.nextInt(input.length + 1);
    int to = Math.min(input.length, from + random.nextInt(random.nextInt(16) + 1));
    byte[] other = seeds.get(random.nextInt(seeds.size()));
    String piece = PIECES[random.nextInt(PIECES.length)];
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(input, 0, from);
    switch (random.nextInt(5)) {
      case 0 -> {} // deleted
      case 1 -> out.writeBytes(piece.getBytes(StandardCharsets.ISO_8859_1));
      case 2 -> out.write(random.nextInt(256));
      case 3 -> { // twice
        out.write(input, from, to - from);
        out.write(input, from, to - from);
      }
      default -> {
        int start = random.nextInt(other.length);
        out.write(other, start, random.nextInt(other.length - start + 1));
      }
    }
    out.write(input, to, input.length - to);
    return out.toByteArray();
  }
}
