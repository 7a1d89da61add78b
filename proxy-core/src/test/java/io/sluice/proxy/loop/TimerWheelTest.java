package io.sluice.proxy.loop;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class TimerWheelTest {
  private static final long TICK = TimerWheel.TICK_MILLIS;
  private static final long START = 1_234_567;

  private final TimerWheel wheel = new TimerWheel(START);
  private final List<Timed> expired = new ArrayList<>();

  private class Timed extends TimerWheel.Entry {
    long deadline;
    Runnable action = () -> {};

    Timed(long deadline) {
      this.deadline = deadline;
    }

    @Override
    protected long deadlineMillis() {
      return deadline;
    }

    @Override
    protected void expired() {
      expired.add(this);
      action.run();
    }
  }

  private Timed scheduled(long deadline) {
    Timed entry = new Timed(deadline);
    wheel.schedule(entry);
    return entry;
  }

  @Test
  void anEntryExpiresNeverEarlyAndAtMostOneTickLate() {
    Timed entry = scheduled(START + 250);
    wheel.advance(START + 249);
    assertThat(expired).isEmpty();
    wheel.advance(START + 250 + TICK);
    assertThat(expired).containsExactly(entry);
    assertThat(wheel.size()).isZero();
  }

  @Test
  void anEntryThatWasActiveIsPutOff() {
    Timed entry = scheduled(START + 200);
    entry.deadline = START + 1_000;
    wheel.advance(START + 900);
    assertThat(expired).isEmpty();
    wheel.advance(START + 1_000 + TICK);
    assertThat(expired).containsExactly(entry);
  }

  @Test
  void anEntryMayBeFurtherAheadThanTheWheelIsRound() {
    Timed entry = scheduled(START + 3_600_000);
    for (long now = START; now < START + 3_600_000; now += 50_000) {
      wheel.advance(now);
      assertThat(expired).isEmpty();
    }
    wheel.advance(START + 3_600_000 + TICK);
    assertThat(expired).containsExactly(entry);
  }

  @Test
  void aDeadlineThatHasPassedExpiresAtTheNextTickEvenAfterALongRest() {
    wheel.advance(START + 10 * 3_600_000);
    Timed entry = scheduled(0);
    wheel.advance(START + 10 * 3_600_000 + TICK);
    assertThat(expired).containsExactly(entry);
  }

  @Test
  void anEntryThatExpiresMayScheduleItselfAndCancelItsNeighbours() {
    Timed first = scheduled(START + 200);
    Timed second = scheduled(START + 200);
    Timed third = scheduled(START + 200);
    for (Timed each : List.of(first, second, third)) {
      each.action =
          () -> {
            for (Timed other : List.of(first, second, third)) {
              wheel.cancel(other); // each itself is out already
            }
            each.deadline = START + 500;
            wheel.schedule(each);
          };
    }
    wheel.advance(START + 300);
    assertThat(expired).hasSize(1);
    assertThat(wheel.size()).isEqualTo(1);
    wheel.advance(START + 600);
    assertThat(expired).hasSize(2);
    assertThat(expired.get(1)).isSameAs(expired.get(0));
  }

  /** Against a list that is searched through. */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void theWheelExpiresWhatANaiveListWould(long seed) {
    Random random = new Random(seed);
    Set<Timed> naive = new HashSet<>();
    List<Timed> all = new ArrayList<>();
    long now = START;
    for (int step = 0; step < 20_000; step++) {
      switch (random.nextInt(6)) {
        case 0, 1 -> {
          Timed entry = scheduled(now + horizon(random));
          all.add(entry);
          naive.add(entry);
        }
        case 2 -> { // active: its deadline moves away, and nobody tells the wheel
          if (!all.isEmpty()) {
            all.get(random.nextInt(all.size())).deadline += horizon(random);
          }
        }
        case 3 -> { // nearer: the wheel must be told
          if (!all.isEmpty()) {
            Timed entry = all.get(random.nextInt(all.size()));
            entry.deadline = now + random.nextInt(500);
            wheel.schedule(entry);
            naive.add(entry);
          }
        }
        case 4 -> {
          if (!all.isEmpty()) {
            Timed entry = all.get(random.nextInt(all.size()));
            wheel.cancel(entry);
            naive.remove(entry);
          }
        }
        default -> {
          now += random.nextInt(20) == 0 ? random.nextInt(300_000) : random.nextInt(400);
          expired.clear();
          wheel.advance(now);
          long until = now;
          assertThat(expired).as("seed %d step %d", seed, step).doesNotHaveDuplicates();
          assertThat(naive).as("seed %d step %d", seed, step).containsAll(expired);
          assertThat(expired)
              .as("seed %d step %d: none early", seed, step)
              .allMatch(it -> it.deadline <= until);
          naive.removeAll(expired);
          assertThat(naive)
              .as("seed %d step %d: none more than a tick late", seed, step)
              .allMatch(it -> it.deadline + TICK > until - TICK);
        }
      }
      assertThat(wheel.size()).as("seed %d step %d", seed, step).isEqualTo(naive.size());
    }
  }

  private static int horizon(Random random) {
    return random.nextInt(4) == 0 ? random.nextInt(400_000) : random.nextInt(3_000);
  }
}
