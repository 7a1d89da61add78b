package io.sluice.steering.map;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.sluice.steering.Errno;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** PERCPU_ARRAY, PERCPU_HASH and LRU_PERCPU_HASH, with event loops for CPUs. */
class PerLoopMapTest {
  private final List<ExecutorService> executors =
      List.of(Executors.newSingleThreadExecutor(), Executors.newSingleThreadExecutor());
  private final EventLoops loops = EventLoops.of(executors);

  @AfterEach
  void shutDown() {
    executors.forEach(ExecutorService::shutdownNow);
  }

  @ParameterizedTest
  @CsvSource({
    "4, 1, 1, 0, ",
    "4, 32768, 1, 0x4, ",
    "4, 8, 1, 0x198, EINVAL",
    "4, 32769, 1, 0, E2BIG",
    "4, 8, 1, 0x400, EINVAL",
    "4, 8, 1, 0x1000, EINVAL",
    "4, 8, 1, 0x1, EINVAL",
    "8, 8, 1, 0, EINVAL",
    "4, 0, 1, 0, EINVAL",
    "4, 8, 0, 0, EINVAL",
    "4, 32769, 0, 0, EINVAL",
  })
  void createValidatesAnArray(
      int keySize, int valueSize, int maxEntries, String flags, @Nullable String errno) {
    check(
        () -> new PerLoopArray(keySize, valueSize, maxEntries, Integer.decode(flags), loops),
        errno);
  }

  @ParameterizedTest
  @CsvSource({
    "PERCPU_HASH, 1, 1, 1, 0, ", "PERCPU_HASH, 4, 32768, 1, 0x1, ",
    "LRU_PERCPU_HASH, 4, 8, 1, 0x2, ", "LRU_PERCPU_HASH, 4, 8, 1, 0x1, ENOTSUPP",
    "PERCPU_HASH, 4, 8, 1, 0x2, EINVAL", "PERCPU_HASH, 4, 32769, 1, 0, E2BIG",
    "PERCPU_HASH, 0, 8, 1, 0, EINVAL", "PERCPU_HASH, 4, 0, 1, 0, EINVAL",
    "PERCPU_HASH, 4, 8, 0, 0, EINVAL", "HASH, 4, 8, 1, 0, EINVAL",
  })
  void createValidatesAHash(
      MapType type,
      int keySize,
      int valueSize,
      int maxEntries,
      String flags,
      @Nullable String errno) {
    check(
        () -> new PerLoopHash(type, keySize, valueSize, maxEntries, Integer.decode(flags), loops),
        errno);
  }

  private static void check(Callable<BpfMap> creation, @Nullable String errno) {
    if (errno == null) {
      assertThat(catchThrowable(creation::call)).isNull();
    } else {
      assertThatIllegalArgumentException()
          .isThrownBy(creation::call)
          .withMessageStartingWith(errno);
    }
  }

  @Test
  void eachLoopOfAnArraySeesItsOwnValue() throws Exception {
    PerLoopArray map = new PerLoopArray(8, 2, loops);
    on(0, () -> map.update(1, bytes(8, 10), UpdateFlags.EXIST));
    on(1, () -> map.update(1, bytes(8, 20), UpdateFlags.ANY));

    assertThat(on(0, () -> live(map.lookup(1)).getLong(0))).isEqualTo(10);
    assertThat(on(1, () -> live(map.lookup(1)).getLong(0))).isEqualTo(20);
    assertThat(on(1, () -> live(map.lookup(0)).getLong(0))).isZero();
    assertThat(live(map.lookup(1, 0)).getLong(0)).isEqualTo(10); // from anywhere, by its number
    assertThat(map.lookup(1, 2)).isNull();
    assertThat(map.lookup(1, -1)).isNull();
    assertThat(map.lookup(2, 0)).isNull();
    byte[] all = new byte[16];
    assertThat(map.lookupCopy(1, all)).isZero();
    assertThat(all[0]).isEqualTo((byte) 10);
    assertThat(all[8]).isEqualTo((byte) 20);
    assertThatIllegalStateException().isThrownBy(() -> map.lookup(1));
  }

  @Test
  void fromOutsideAValueHasEightBytesPerLoopOrAMultipleAndAllAreKept() {
    PerLoopArray array = new PerLoopArray(4, 1, loops);
    PerLoopHash hash = new PerLoopHash(4, 4, 1, loops);
    byte[] in = new byte[16];
    byte[] out = new byte[16];
    for (int i = 0; i < 16; i++) {
      in[i] = (byte) (i + 1);
    }
    assertThat(array.totalValueSize()).isEqualTo(16);
    assertThat(hash.totalValueSize()).isEqualTo(16);

    assertThat(array.updateAll(0, in, 0)).isZero();
    assertThat(array.lookupCopy(0, out)).isZero();
    assertThat(out).isEqualTo(in);
    assertThat(hash.updateAll(bytes(4, 1), in, UpdateFlags.NOEXIST)).isZero();
    assertThat(hash.lookupCopy(bytes(4, 1), out)).isZero();
    assertThat(out).isEqualTo(in);
    assertThat(live(hash.lookup(bytes(4, 1), 1)).getInt(0)).isEqualTo(0x0c0b0a09);
    assertThatIllegalArgumentException().isThrownBy(() -> array.updateAll(0, new byte[8], 0));
  }

  @ParameterizedTest
  @CsvSource({
    "0, 1, EEXIST",
    "1, 0, E2BIG",
    "1, 1, E2BIG",
    "-1, 2, E2BIG",
    "0, 3, EINVAL",
    "1, 4, EINVAL",
  })
  void anArraysUpdateAnswersAsAnArrays(int index, long flags, Errno errno) throws Exception {
    PerLoopArray map = new PerLoopArray(8, 1, loops);

    assertThat(map.updateAll(index, new byte[16], flags)).isEqualTo(errno.negative());
    assertThat(on(0, () -> map.update(index, new byte[8], flags))).isEqualTo(errno.negative());
    assertThat(map.lookupCopy(1, new byte[16])).isEqualTo(Errno.ENOENT.negative());
    assertThat(map.delete(0)).isEqualTo(Errno.EINVAL.negative());
    assertThat(map.delete(1)).isEqualTo(Errno.EINVAL.negative());
    assertThat(map.lookupAndDelete(0, new byte[16])).isEqualTo(Errno.ENOTSUPP.negative());
    assertThat(map.nextKey(-1)).isZero();
    assertThat(map.nextKey(0)).isEqualTo(Errno.ENOENT.negative());
  }

  @ParameterizedTest
  @EnumSource(names = {"PERCPU_HASH", "LRU_PERCPU_HASH"})
  void eachLoopOfAHashSeesItsOwnValue(MapType type) throws Exception {
    PerLoopHash map = new PerLoopHash(type, 4, 8, 1, 0, loops);
    byte[] key = bytes(4, 1);
    byte[] all = new byte[16];

    assertThat(on(0, () -> map.update(key, bytes(8, 1), 3))).isEqualTo(Errno.EINVAL.negative());
    assertThat(map.updateAll(key, all, UpdateFlags.EXIST)).isEqualTo(Errno.ENOENT.negative());
    assertThat(map.lookupCopy(key, all)).isEqualTo(Errno.ENOENT.negative());
    assertThat(on(0, () -> map.lookup(key))).isNull();
    assertThat(on(1, () -> map.update(key, bytes(8, 20), UpdateFlags.NOEXIST))).isZero();
    assertThat(on(0, () -> live(map.lookup(key)).getLong(0))).isZero(); // new for the others
    assertThat(on(0, () -> map.update(key, bytes(8, 10), UpdateFlags.EXIST))).isZero();
    assertThat(on(1, () -> live(map.lookup(1)).getLong(0))).isEqualTo(20);
    assertThat(on(0, () -> map.update(key, bytes(8, 9), UpdateFlags.NOEXIST)))
        .isEqualTo(Errno.EEXIST.negative());
    assertThat(live(map.lookup(key, 0)).getLong(0)).isEqualTo(10);
    assertThat(map.lookup(key, 2)).isNull();
    assertThat(map.updateAll(bytes(4, 2), all, 0))
        .isEqualTo(type == MapType.PERCPU_HASH ? Errno.E2BIG.negative() : 0);
    byte[] left = type == MapType.PERCPU_HASH ? key : bytes(4, 2);
    assertThat(map.nextKey(null, new byte[4])).isZero();
    assertThat(map.nextKey(left, new byte[4])).isEqualTo(Errno.ENOENT.negative());
    assertThat(map.lookupAndDelete(left, all)).isZero();
    assertThat(all[0]).isEqualTo((byte) (type == MapType.PERCPU_HASH ? 10 : 0));
    assertThat(map.lookupAndDelete(left, all)).isEqualTo(Errno.ENOENT.negative());
    assertThat(map.delete(left)).isEqualTo(Errno.ENOENT.negative());
    assertThat(map.size()).isZero();
    assertThatIllegalStateException().isThrownBy(() -> map.lookup(key));
  }

  private <T extends @Nullable Object> T on(int loop, Callable<T> task) throws Exception {
    Future<T> future = executors.get(loop).submit(task);
    return future.get();
  }

  private static MapValue live(@Nullable MapValue value) {
    return requireNonNull(value);
  }

  private static byte[] bytes(int size, int first) {
    byte[] bytes = new byte[size];
    bytes[0] = (byte) first;
    return bytes;
  }
}
