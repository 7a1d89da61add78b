package io.sluice.proxy.loop;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.linux.NativeBuffer;
import io.sluice.proxy.linux.Syscalls;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Memory comes from the kernel in few calls, and goes back to it by and by. */
final class BuffersTest {
  private static final int USUAL = Buffers.USUAL_BYTES;

  private final BufferLimit limit = new BufferLimit(4096L * USUAL);
  private final Buffers buffers = new Buffers(new Syscalls(), limit);
  private final List<NativeBuffer> taken = new ArrayList<>();

  @AfterEach
  void giveAllBack() {
    taken.forEach(buffers::give);
    buffers.freeSpare();
    assertThat(limit.used()).isZero();
  }

  @Test
  void buffersOfOneMappingDontOverlap() {
    take(100);
    for (int i = 0; i < taken.size(); i++) {
      taken.get(i).copyFrom(new byte[] {(byte) i});
    }
    for (int i = 0; i < taken.size(); i++) {
      assertThat(taken.get(i).at(0)).isEqualTo(i);
      assertThat(taken.get(i).capacity()).isEqualTo(USUAL);
    }
  }

  @Test
  void firstBufferIsMappedAlone() {
    take(1);
    assertThat(limit.used()).isEqualTo(USUAL);
  }

  @Test
  void oneTickFreesPartOfWhatThousandsGaveBack() {
    take(1000);
    giveBack();
    long given = limit.used();
    assertThat(given).isGreaterThanOrEqualTo(1000L * USUAL);

    assertThat(buffers.tick()).isTrue();

    assertThat(limit.used()).isBetween(given - 200L * USUAL, given - USUAL);
  }

  @Test
  void everythingIsFreedWhenTicksGoOn() {
    take(1000);
    giveBack();
    int ticks = 0;
    while (buffers.tick()) {
      ticks++;
      assertThat(ticks).isLessThan(100);
    }
    assertThat(limit.used()).isZero();
  }

  @Test
  void someAreKeptWhileSomeAreTaken() {
    take(1000);
    giveBack();
    for (int i = 0; i < 100; i++) {
      buffers.give(one());
      assertThat(buffers.tick()).isTrue();
    }
    assertThat(limit.used()).isBetween(16L * USUAL, 100L * USUAL);
  }

  @Test
  void spentLimitTakesSpareOnesBack() {
    take(100);
    giveBack();
    limit.set(10L * USUAL);
    assertThat(buffers.hasRoom()).isTrue();
    assertThat(limit.used()).isLessThan(10L * USUAL);
  }

  @Test
  void nothingIsKeptInStoreOnceHalfOfTheLimitIsSpent() {
    take(100);
    limit.set(150L * USUAL);
    long used = limit.used();
    buffers.give(taken.removeLast());
    assertThat(limit.used()).isEqualTo(used - USUAL);
  }

  private NativeBuffer one() {
    return Objects.requireNonNull(buffers.take(USUAL));
  }

  private void take(int count) {
    for (int i = 0; i < count; i++) {
      taken.add(one());
    }
  }

  private void giveBack() {
    taken.forEach(buffers::give);
    taken.clear();
  }
}
