package io.sluice.steering.map;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.steering.Errno;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** ARRAY, and the values of all data maps. */
class ArrayMapTest {
  @ParameterizedTest
  @CsvSource({
    "4, 1, 1, 0, ",
    "4, 100000, 1, 0, ",
    "4, 8, 100000, 0x4, ",
    "4, 8, 1, 0x400, ",
    "4, 8, 1, 0x1000, ",
    "4, 8, 1, 0x8, ",
    "4, 8, 1, 0x10, ",
    "4, 8, 1, 0x80, ",
    "3, 8, 1, 0, EINVAL",
    "8, 8, 1, 0, EINVAL",
    "4, 0, 1, 0, EINVAL",
    "4, 8, 0, 0, EINVAL",
    "4, 8, -1, 0, EINVAL",
    "4, 8, 1, 0x1, EINVAL",
    "4, 8, 1, 0x2, EINVAL",
    "4, 8, 1, 0x40, EINVAL",
    "4, 8, 1, 0x180, EINVAL",
    "4, 8, 1, 0x800000, EINVAL",
    "4, 1048576, 1048576, 0, ENOMEM",
    "0, 8, 1, 0x1, EINVAL",
  })
  void createValidates(
      int keySize, int valueSize, int maxEntries, String flags, @Nullable String errno) {
    int number = Integer.decode(flags);
    if (errno == null) {
      ArrayMap map = new ArrayMap(keySize, valueSize, maxEntries, number);
      assertThat(map.type()).isEqualTo(MapType.ARRAY);
      assertThat(map.valueSize()).isEqualTo(valueSize);
      assertThat(map.maxEntries()).isEqualTo(maxEntries);
      assertThat(map.flags()).isEqualTo(number);
    } else {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new ArrayMap(keySize, valueSize, maxEntries, number))
          .withMessageStartingWith(errno);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0, ",
    "1, 0, ",
    "0, 2, ", // ANY and EXIST: every index exists
    "0, 1, EEXIST",
    "2, 0, E2BIG",
    "-1, 0, E2BIG",
    "2, 2, E2BIG",
    "2, 1, E2BIG", // before EEXIST
    "0, 3, EINVAL",
    "0, 4, EINVAL",
    "0, 5, EINVAL",
    "0, -1, EINVAL",
    "2, 3, EINVAL",
    "0, 4294967296, EINVAL",
  })
  void updateAnswers(int index, long flags, @Nullable Errno errno) {
    ArrayMap map = new ArrayMap(3, 2);
    byte[] value = new byte[3];

    assertThat(map.update(index, new byte[] {1, 2, 3}, flags))
        .isEqualTo(errno == null ? 0 : errno.negative());
    if (errno == null) {
      assertThat(map.lookupCopy(index, value)).isZero();
      assertThat(value).containsExactly(1, 2, 3);
    } else if (map.has(index)) {
      assertThat(map.lookupCopy(index, value)).isZero();
      assertThat(value).containsOnly(0);
    }
  }

  @Test
  void everyIndexIsThereFromTheBeginningAndNoneCanBeDeleted() {
    ArrayMap map = new ArrayMap(3, 2);
    byte[] value = {9, 9, 9};

    assertThat(map.lookupCopy(1, value)).isZero();
    assertThat(value).containsOnly(0);
    assertThat(map.lookupCopy(2, value)).isEqualTo(Errno.ENOENT.negative());
    assertThat(map.lookupCopy(-1, value)).isEqualTo(Errno.ENOENT.negative());
    assertThat(map.lookup(2)).isNull();
    assertThat(map.lookup(-1)).isNull();
    assertThat(map.delete(0)).isEqualTo(Errno.EINVAL.negative());
    assertThat(map.delete(2)).isEqualTo(Errno.EINVAL.negative());
    assertThat(map.lookupAndDelete(0, value)).isEqualTo(Errno.ENOTSUPP.negative());
  }

  @Test
  void iterationVisitsEveryIndex() {
    ArrayMap map = new ArrayMap(1, 3);
    assertThat(Visits.of(map::nextKey)).containsExactly(0, 1, 2);
    assertThat(map.nextKey(2)).isEqualTo(Errno.ENOENT.negative());
    assertThat(map.nextKey(3)).isZero();
  }

  @Test
  void aLookedUpValueIsLive() {
    ArrayMap map = new ArrayMap(12, 2);
    MapValue value = requireNonNull(map.lookup(1));

    assertThat(map.update(1, new byte[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 0)).isZero();

    assertThat(value.getInt(0)).isEqualTo(0x04030201);
    assertThat(value.getInt(4)).isEqualTo(0x08070605);
    assertThat(value.getInt(8)).isEqualTo(0x0c0b0a09);
    assertThat(value.getLong(0)).isEqualTo(0x0807060504030201L);
    assertThat(value.getByte(11)).isEqualTo((byte) 12);
    value.setInt(4, -1);
    value.addLong(0, 1);
    byte[] copy = new byte[12];
    assertThat(map.lookupCopy(1, copy)).isZero();
    assertThat(copy).containsExactly(2, 2, 3, 4, -1, -1, -1, -1, 9, 10, 11, 12);
    value.setLong(0, 5);
    assertThat(value.getLong(0)).isEqualTo(5);
    assertThat(requireNonNull(map.lookup(0)).getLong(0)).isZero(); // the neighbour
  }

  @Test
  void anOffsetOutsideOfTheValueOrNotAlignedThrows() {
    MapValue value = requireNonNull(new ArrayMap(6, 1).lookup(0));

    assertThatThrownBy(() -> value.getByte(6)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> value.getInt(4)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> value.getLong(0)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> value.getInt(2)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> value.setInt(-4, 0)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> value.copyTo(new byte[5], 0))
        .isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> new ArrayMap(6, 1).update(0, new byte[7], 0))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void bytesGoInAndComeOutAsTheyWereAtEverySize() {
    long seed = 20261121;
    Random random = new Random(seed);
    for (int size = 1; size <= 40; size++) {
      ArrayMap map = new ArrayMap(size, 3);
      byte[][] expected = new byte[3][size];
      for (int step = 0; step < 30; step++) {
        int index = random.nextInt(3);
        random.nextBytes(expected[index]);
        assertThat(map.update(index, expected[index], 0)).isZero();
        byte[] value = new byte[size];
        for (int i = 0; i < 3; i++) {
          assertThat(map.lookupCopy(i, value)).isZero();
          assertThat(value).as("seed %d, size %d", seed, size).isEqualTo(expected[i]);
          assertThat(requireNonNull(map.lookup(i)).getByte(size - 1))
              .isEqualTo(expected[i][size - 1]);
        }
      }
    }
  }

  @Test
  void additionsOfSeveralThreadsAreNotLost() throws InterruptedException {
    MapValue counter = requireNonNull(new ArrayMap(16, 1).lookup(0));
    Runnable counting =
        () -> {
          for (int i = 0; i < 200_000; i++) {
            counter.addLong(8, 1);
            counter.setInt(0, i); // the neighbour's half is left alone
          }
        };
    Thread other = Thread.ofPlatform().start(counting);
    counter.setInt(4, 77);
    counting.run();
    other.join();

    assertThat(counter.getLong(8)).isEqualTo(400_000);
    assertThat(counter.getInt(4)).isEqualTo(77);
  }

  @Test
  void eachMapHasAnIdOfItsOwn() {
    assertThat(new ArrayMap(1, 1).id()).isPositive().isLessThan(new SockMap(1).id());
  }
}
