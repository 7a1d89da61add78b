package io.sluice.proxy.loop;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import org.junit.jupiter.api.Test;

final class TurnsTest {
  private final ArrayDeque<Runnable> afterRound = new ArrayDeque<>();
  private final Turns turns = new Turns(afterRound::add);

  /** So many begin a turn in one round; how many bytes they may move all together. */
  private long round(int busy) {
    long bytes = 0;
    for (int i = 0; i < busy; i++) {
      bytes += turns.begin();
    }
    assertThat(afterRound).as("one task ends the round").hasSize(1);
    afterRound.remove().run();
    return bytes;
  }

  @Test
  void whoIsAloneHasTheWholeRound() {
    assertThat(round(1)).isEqualTo(Turns.ROUND_BYTES);
    assertThat(round(1)).isEqualTo(Turns.ROUND_BYTES);
  }

  @Test
  void manyShareARoundFromTheSecondOneOn() {
    for (int busy : new int[] {2, 16, 250}) {
      long first = round(busy);
      assertThat(first).isLessThan(8L * Turns.ROUND_BYTES);
      assertThat(round(busy)).isBetween(Turns.ROUND_BYTES / 2L, (long) Turns.ROUND_BYTES);
    }
  }

  @Test
  void eachMovesTheLeastHoweverManyThereAre() {
    int busy = 10_000;
    long _ = round(busy);
    assertThat(round(busy)).isEqualTo((long) busy * Turns.LEAST_BYTES);
  }

  @Test
  void whoIsLeftAloneHasTheWholeRoundAgain() {
    long _ = round(250);
    assertThat(round(1)).isLessThan(Turns.ROUND_BYTES);
    assertThat(round(1)).isEqualTo(Turns.ROUND_BYTES);
  }
}
