package io.sluice.proxy.loop;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

final class TurnsTest {
  private final ArrayDeque<Runnable> afterRound = new ArrayDeque<>();
  private int nextRounds;
  private final Turns turns = new Turns(afterRound::add, () -> nextRounds++);

  /** Who moved bytes, in this order. */
  private final List<Download> moved = new ArrayList<>();

  /** Has more to move than its turns allow. */
  private final class Download implements Turns.Waiting {
    private int leftBytes;
    private boolean isOpen = true;

    Download(int bytes) {
      this.leftBytes = bytes;
    }

    /** What a session does when epoll says that there is something to read. */
    void read() {
      int bytes = Math.min(leftBytes, turns.turnBytes());
      leftBytes -= bytes;
      turns.spend(bytes);
      moved.add(this);
      if (leftBytes > 0) {
        turns.await(this);
      }
    }

    @Override
    public boolean isOpen() {
      return isOpen;
    }

    @Override
    public void goOn() {
      assertThat(isOpen).isTrue();
      read();
    }
  }

  private List<Download> downloads(int count, int bytes) {
    List<Download> made = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      made.add(new Download(bytes));
    }
    return made;
  }

  /** One round of events: how many bytes it moved. */
  private long round(List<Download> all) {
    long before = left(all);
    assertThat(nextRounds).as("asked for once").isOne();
    nextRounds = 0;
    turns.goOn();
    endRound();
    return before - left(all);
  }

  private void endRound() {
    while (!afterRound.isEmpty()) {
      afterRound.remove().run();
    }
  }

  private static long left(List<Download> all) {
    return all.stream().mapToLong(it -> it.leftBytes).sum();
  }

  @Test
  void aRoundMovesItsBytesHoweverManyWait() {
    List<Download> all = downloads(2_000, 1 << 20);
    all.forEach(Download::read);
    for (int i = 0; i < 100; i++) {
      assertThat(round(all)).isEqualTo(Turns.ROUND_BYTES);
    }
  }

  @Test
  void eachHasItsTurnBeforeAnyHasItsNext() {
    List<Download> all = downloads(300, 8 << 20);
    all.forEach(Download::read);
    moved.clear();
    while (moved.size() < all.size()) {
      assertThat(round(all)).isPositive();
    }
    assertThat(moved.subList(0, all.size())).doesNotHaveDuplicates();
  }

  @Test
  void allIsMovedInTheEndThoughSomeClose() {
    List<Download> all = downloads(50, 8 << 20);
    all.forEach(Download::read);
    for (int i = 0; i < all.size(); i += 7) {
      all.get(i).isOpen = false;
    }
    while (nextRounds > 0) {
      long _ = round(all);
    }
    assertThat(all).allMatch(it -> it.isOpen == (it.leftBytes == 0));
    assertThat(all).anyMatch(it -> it.isOpen);
  }

  @Test
  void whoIsAloneMovesMuchAtATime() {
    Download alone = new Download(64 << 20);
    alone.read();
    assertThat(round(List.of(alone))).isEqualTo(Turns.ROUND_BYTES / 2);
  }

  @Test
  void whoIsNewInASpentRoundReadsLittle() {
    assertThat(turns.readBytes()).isEqualTo(Loop.BUFFER_BYTES);
    turns.spend(Turns.ROUND_BYTES);
    assertThat(turns.readBytes()).isEqualTo(Turns.SMALL_BYTES);
    assertThat(turns.turnBytes()).isZero();
    endRound();
    assertThat(turns.readBytes()).isEqualTo(Loop.BUFFER_BYTES);
  }

  @Test
  void littleIsNotCounted() {
    turns.spend(Turns.SMALL_BYTES - 1);
    assertThat(afterRound).isEmpty();
  }
}
