package io.sluice.steering.reuseport;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.Payload;
import io.sluice.steering.reuseport.ConnectionIds.Entry;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class ConnectionIdsTest {
  private static final long EXPIRY = 1000;

  private final AtomicLong clock = new AtomicLong();
  private final ConnectionIds ids = new ConnectionIds(64, EXPIRY, clock::get);

  private static Payload id(int number) {
    return Payload.of(ByteBuffer.allocate(8).putInt(0, number).putInt(4, ~number).array());
  }

  private @Nullable Entry find(Payload id) {
    return ids.find(id, 0, id.length());
  }

  private @Nullable Entry learn(Payload id, int owner) {
    return ids.learn(id, 0, id.length(), owner);
  }

  private Entry learnt(Payload id, int owner) {
    return Objects.requireNonNull(learn(id, owner));
  }

  @Test
  void whatIsLearnedIsFound() {
    assertThat(find(id(1))).isNull();
    Entry learned = learnt(id(1), 7);
    assertThat(find(id(1))).isSameAs(learned);
    assertThat(learned.owner()).isEqualTo(7);
    assertThat(learned.length()).isEqualTo(8);
    assertThat(learn(id(1), 7)).describedAs("again").isSameAs(learned);
    assertThat(learn(id(1), 8)).describedAs("by another").isNotSameAs(learned);
    assertThat(find(id(1))).extracting(Entry::owner).isEqualTo(8);
  }

  @Test
  void everyByteAndTheLengthCount() {
    byte[] bytes = new byte[20];
    Entry all = learn(Payload.of(bytes), 1);
    assertThat(all).isNotNull();
    for (int i = 0; i < 20; i++) {
      byte[] other = bytes.clone();
      other[i] = 1;
      assertThat(find(Payload.of(other))).as("byte %d", i).isNull();
    }
    for (int length = 1; length < 20; length++) {
      assertThat(find(Payload.of(new byte[length]))).as("%d bytes", length).isNull();
      assertThat(learnt(Payload.of(new byte[length]), length).owner()).isEqualTo(length);
    }
    assertThat(find(Payload.of(bytes))).isSameAs(all);
    assertThat(ids.find(Payload.of(new byte[22]), 1, 20)).isSameAs(all);
  }

  @Test
  void anIdOfNoBytesOrMoreThanTwentyIsNotLearned() {
    assertThat(learn(Payload.EMPTY, 1)).isNull();
    assertThat(learn(Payload.of(new byte[21]), 1)).isNull();
  }

  @Test
  void anIdIsForgottenWhenItHasNotBeenSeenForLong() {
    Entry learned = learnt(id(1), 7);
    clock.set(EXPIRY);
    assertThat(find(id(1))).isSameAs(learned);
    learned.seen(EXPIRY);
    clock.set(2 * EXPIRY);
    assertThat(find(id(1))).isSameAs(learned);
    clock.set(2 * EXPIRY + 1);
    assertThat(find(id(1))).isNull();
  }

  @Test
  void aFloodPushesOutWhatIsQuietAndNotWhatIsInUse() {
    Entry inUse = learnt(id(-1), 7);
    learn(id(-2), 7);
    int remembered = 0;
    for (int i = 0; i < 10_000; i++) {
      clock.incrementAndGet();
      inUse.seen(clock.get());
      learn(id(i), 1);
    }
    for (int i = 0; i < 10_000; i++) {
      remembered += find(id(i)) == null ? 0 : 1;
    }
    assertThat(find(id(-1))).isSameAs(inUse);
    assertThat(find(id(-2))).isNull();
    assertThat(remembered).describedAs("bounded").isBetween(32, 64);
  }

  @Test
  void ownersAreNumberedByTheirNames() {
    assertThat(List.of(ids.owner("a"), ids.owner("b"), ids.owner("a"))).containsExactly(0, 1, 0);
  }

  @Test
  void threadsThatLearnAtOnceNeverFindAnothersOwner() throws InterruptedException {
    ConnectionIds shared = new ConnectionIds(1024, EXPIRY, clock::get);
    List<Thread> threads = new ArrayList<>();
    AtomicLong wrong = new AtomicLong();
    AtomicLong hits = new AtomicLong();
    for (int t = 0; t < 4; t++) {
      int from = t * 500;
      threads.add(
          Thread.ofPlatform()
              .start(() ->
                  IntStream.range(0, 200_000)
                      .forEach(i -> {
                        int number = (from + i) % 2000;
                        Payload id = id(number);
                        shared.learn(id, 0, 8, number);
                        Entry found = shared.find(id((number + 777) % 2000), 0, 8);
                        if (found != null) {
                          hits.incrementAndGet();
                          wrong.addAndGet(found.owner() == (number + 777) % 2000 ? 0 : 1);
                        }
                      })));
    }
    for (Thread thread : threads) {
      thread.join();
    }
    assertThat(wrong.get()).isZero();
    assertThat(hits.get()).isPositive();
  }
}
