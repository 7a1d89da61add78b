package io.sluice.proxy.limit;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLongArray;
import org.junit.jupiter.api.Test;

/** A table of sources stays bounded and useful, whatever comes. */
final class SourceTableTest {
  private static final long SECOND = 1_000_000_000;
  private static final int SPOOFED = 1_000_000;

  private final SourceTable table = new SourceTable(100_000);

  @Test
  void whoHasSomethingOpenKeepsItsPlaceThroughAMillionOthers() {
    List<Integer> places = new ArrayList<>();
    for (int client = 0; client < 1_000; client++) {
      places.add(table.enter(table.key(1, 0, client), SourceTable.CONNECTION));
    }
    for (long spoofed = 0; spoofed < SPOOFED; spoofed++) {
      int place = table.enter(table.key(2, 0, spoofed), SourceTable.FLOW);
      assertThat(place).isNotEqualTo(SourceTable.FULL);
      table.leave(place, SourceTable.FLOW);
    }
    for (int client = 0; client < 1_000; client++) {
      int place = table.enter(table.key(1, 0, client), SourceTable.CONNECTION);
      assertThat(place).isEqualTo(places.get(client));
      assertThat(table.connections(place)).isEqualTo(2);
      assertThat(table.flows(place)).isZero();
    }
    assertThat(table.used()).isLessThanOrEqualTo(table.places());
  }

  @Test
  void halfOfItsPlacesCanBeTakenForGoodBeforeOneFindsNone() {
    for (long source = 0; source < table.places() / 2; source++) {
      assertThat(table.enter(table.key(1, 0, source), SourceTable.FLOW))
          .isNotEqualTo(SourceTable.FULL);
    }
  }

  @Test
  void aFullTableSaysSo() {
    boolean isFull = false;
    for (long source = 0; source < 2L * table.places() && !isFull; source++) {
      isFull = table.enter(table.key(1, 0, source), SourceTable.FLOW) == SourceTable.FULL;
    }
    assertThat(isFull).isTrue();
  }

  /** Loops that share a few sources, in a table where these are pushed out all the time. */
  @Test
  void nothingIsLostWhenLoopsMeet() throws Exception {
    SourceTable small = new SourceTable(1);
    List<Thread> loops = new ArrayList<>();
    for (int loop = 0; loop < 4; loop++) {
      int id = loop;
      loops.add(
          Thread.ofPlatform()
              .start(() -> {
                for (long i = 0; i < 200_000; i++) {
                  int shared = small.enter(small.key(1, 0, i % 7), SourceTable.CONNECTION);
                  int own = small.enter(small.key(2, id, i), SourceTable.FLOW);
                  small.leave(own, SourceTable.FLOW);
                  small.leave(shared, SourceTable.CONNECTION);
                }
              }));
    }
    for (Thread loop : loops) {
      loop.join();
    }
    for (int place = 0; place < small.places(); place++) {
      assertThat(small.cells().get(place * 4)).isZero();
    }
  }

  @Test
  void aRateLetsThroughWhatASecondBringsAndNoMore() {
    AtomicLongArray cells = new AtomicLongArray(1);
    Rate rate = Rate.perSecond(10);
    long now = SECOND;
    int taken = 0;
    for (int i = 0; i < 1_000; i++) { // ten seconds
      taken += rate.tryTake(cells, 0, now) ? 1 : 0;
      now += SECOND / 100;
    }
    assertThat(taken).isBetween(109, 110);
  }

  @Test
  void bytesAreAllowedAsTheyComeDue() {
    AtomicLongArray cells = new AtomicLongArray(1);
    Rate rate = Rate.perSecond(1_000_000);
    assertThat(rate.allowed(cells, 0, SECOND)).isEqualTo(1_000_000);
    rate.spend(cells, 0, SECOND, 1_500_000);
    assertThat(rate.allowed(cells, 0, SECOND)).isZero();
    assertThat(rate.allowed(cells, 0, SECOND + SECOND / 2)).isZero();
    assertThat(rate.allowed(cells, 0, SECOND + SECOND)).isEqualTo(500_000);
  }
}
