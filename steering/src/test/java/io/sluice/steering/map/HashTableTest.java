package io.sluice.steering.map;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.sluice.steering.Errno;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** HASH and LRU_HASH. */
class HashTableTest {
  @ParameterizedTest
  @CsvSource({
    "HASH, 1, 1, 1, 0, ",
    "HASH, 1000, 1, 1, 0, ",
    "HASH, 4, 8, 2147483647, 0x1, ",
    "HASH, 4, 8, 1, 0x4, ",
    "HASH, 4, 8, 1, 0x40, ",
    "HASH, 4, 8, 1, 0x98, ",
    "LRU_HASH, 4, 8, 1, 0, ",
    "LRU_HASH, 4, 8, 1, 0x2, ",
    "HASH, 4, 8, 1, 0x2, EINVAL",
    "HASH, 4, 8, 1, 0x400, EINVAL",
    "HASH, 4, 8, 1, 0x1000, EINVAL",
    "HASH, 4, 8, 1, 0x180, EINVAL",
    "HASH, 0, 8, 1, 0, EINVAL",
    "HASH, 4, 0, 1, 0, EINVAL",
    "HASH, 4, 8, 0, 0, EINVAL",
    "HASH, 4, 8, -1, 0, EINVAL",
    "HASH, 4, 4194304, 1, 0, E2BIG",
    "HASH, 2147483647, 2147483647, 1, 0, E2BIG",
    "LRU_HASH, 4, 8, 1, 0x1, ENOTSUPP",
    "LRU_HASH, 0, 8, 1, 0x1, ENOTSUPP",
    "LRU_HASH, 0, 8, 1, 0, EINVAL",
    "ARRAY, 4, 8, 1, 0, EINVAL",
  })
  void createValidates(
      MapType type,
      int keySize,
      int valueSize,
      int maxEntries,
      String flags,
      @Nullable String errno) {
    int number = Integer.decode(flags);
    if (errno == null) {
      HashTable map = new HashTable(type, keySize, valueSize, maxEntries, number);
      assertThat(map.type()).isEqualTo(type);
      assertThat(map.keySize()).isEqualTo(keySize);
    } else {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new HashTable(type, keySize, valueSize, maxEntries, number))
          .withMessageStartingWith(errno);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"HASH", "LRU_HASH"})
  void checksComeInTheKernelsOrder(MapType type) {
    HashTable map = new HashTable(type, 4, 4, 2, 0);
    byte[] value = new byte[4];

    for (long flags : new long[] {3, 4, 5, -1, 1L << 32}) {
      assertThat(map.update(key(1), key(1), flags)).isEqualTo(Errno.EINVAL.negative());
    }
    assertThat(map.lookupCopy(key(1), value)).isEqualTo(Errno.ENOENT.negative());
    assertThat(map.lookup(key(1))).isNull();
    assertThat(map.delete(key(1))).isEqualTo(Errno.ENOENT.negative());
    assertThat(map.lookupAndDelete(key(1), value)).isEqualTo(Errno.ENOENT.negative());
    assertThat(map.update(key(1), key(7), UpdateFlags.EXIST)).isEqualTo(Errno.ENOENT.negative());
    assertThat(map.update(key(1), key(7), UpdateFlags.NOEXIST)).isZero();
    assertThat(map.update(key(1), key(8), UpdateFlags.NOEXIST)).isEqualTo(Errno.EEXIST.negative());
    assertThat(map.update(key(1), key(8), UpdateFlags.EXIST)).isZero();
    assertThat(map.update(key(2), key(9), 0)).isZero();
    assertThat(map.update(key(3), key(1), UpdateFlags.EXIST)).isEqualTo(Errno.ENOENT.negative());
    assertThat(map.update(key(2), key(6), 0)).isZero(); // full, and replaces
    assertThat(map.update(key(3), key(1), UpdateFlags.NOEXIST))
        .isEqualTo(type == MapType.HASH ? Errno.E2BIG.negative() : 0);
    assertThat(map.size()).isEqualTo(2);
  }

  @Test
  void lookupAndDeleteGivesTheValueAndRemovesTheKey() {
    HashTable map = new HashTable(4, 4, 2);
    byte[] value = new byte[4];
    assertThat(map.update(key(1), key(7), 0)).isZero();

    assertThat(map.lookupAndDelete(key(1), value)).isZero();

    assertThat(value).isEqualTo(key(7));
    assertThat(map.lookup(key(1))).isNull();
    assertThat(map.size()).isZero();
  }

  @Test
  void anUpdateReplacesTheValueAndWhoHoldsTheOldOneKeepsIt() {
    HashTable map = new HashTable(4, 4, 2);
    assertThat(map.update(key(1), key(7), 0)).isZero();
    MapValue old = requireNonNull(map.lookup(key(1)));
    old.setInt(0, 70); // a program writes into the live value

    byte[] value = new byte[4];
    assertThat(map.lookupCopy(key(1), value)).isZero();
    assertThat(value).isEqualTo(key(70));
    assertThat(map.update(key(1), key(8), 0)).isZero();
    assertThat(old.getInt(0)).isEqualTo(70);
    assertThat(requireNonNull(map.lookup(key(1))).getInt(0)).isEqualTo(8);
  }

  @ParameterizedTest
  @CsvSource({"1", "3", "4", "7", "8"})
  void aKeyIsFoundByItsBytesAndByItsNumber(int keySize) {
    HashTable map = new HashTable(keySize, 4, 10);
    byte[] key = new byte[keySize];
    long number = 0;
    for (int i = keySize - 1; i >= 0; i--) {
      key[i] = (byte) (0xf1 - i);
      number = number << 8 | key[i] & 0xff;
    }
    assertThat(map.update(key, key(5), 0)).isZero();

    MapValue value = requireNonNull(map.lookup(key));
    assertThat(value.getInt(0)).isEqualTo(5);
    assertThat(map.lookup(number)).isSameAs(value);
    assertThat(map.lookup(number + 1)).isNull();
    byte[] within = new byte[keySize + 2];
    System.arraycopy(key, 0, within, 1, keySize);
    assertThat(map.lookup(within, 1)).isSameAs(value);
    assertThatIllegalArgumentException().isThrownBy(() -> map.lookup(new byte[keySize + 1]));
    assertThatIllegalArgumentException().isThrownBy(() -> new HashTable(9, 4, 1).lookup(1L));
  }

  @ParameterizedTest
  @EnumSource(names = {"HASH", "LRU_HASH"})
  void agreesWithANaiveMap(MapType type) {
    long seed = 77;
    Random random = new Random(seed);
    int maxEntries = type == MapType.HASH ? 64 : 100; // an LRU that never has to evict
    HashTable map = new HashTable(type, 4, 12, maxEntries, 0);
    Map<Integer, byte[]> naive = new HashMap<>();
    for (int step = 0; step < 60_000; step++) {
      int key = random.nextInt(100);
      String where = "seed " + seed + ", step " + step;
      switch (random.nextInt(10)) {
        case 0, 1, 2 ->
            assertThat(map.delete(key(key)))
                .as(where)
                .isEqualTo(naive.remove(key) == null ? Errno.ENOENT.negative() : 0);
        case 3 -> {
          byte[] out = new byte[12];
          byte[] was = naive.remove(key);
          assertThat(map.lookupAndDelete(key(key), out))
              .as(where)
              .isEqualTo(was == null ? Errno.ENOENT.negative() : 0);
          assertThat(out).as(where).isEqualTo(was == null ? new byte[12] : was);
        }
        default -> {
          byte[] value = new byte[12];
          random.nextBytes(value);
          int flags = random.nextInt(3);
          int expected =
              UpdateOutcome.of(
                  naive.containsKey(key), flags, naive.size() == maxEntries, Errno.E2BIG);
          assertThat(map.update(key(key), value, flags)).as(where).isEqualTo(expected);
          if (expected == 0) {
            naive.put(key, value);
          }
        }
      }
      int probe = random.nextInt(100);
      byte[] out = new byte[12];
      int rc = map.lookupCopy(key(probe), out);
      assertThat(rc == 0 ? out : null).as(where).isEqualTo(naive.get(probe));
      assertThat(map.lookup(probe) != null).as(where).isEqualTo(naive.containsKey(probe));
    }
    assertThat(keys(map)).containsExactlyInAnyOrderElementsOf(naive.keySet());
  }

  @Test
  void iterationStartsAnewAtAKeyThatIsNotThere() {
    HashTable map = new HashTable(4, 1, 50);
    byte[] next = new byte[4];
    assertThat(map.nextKey(null, next)).isEqualTo(Errno.ENOENT.negative());
    for (int i = 0; i < 50; i++) {
      assertThat(map.update(key(i * 977), new byte[1], 0)).isZero();
    }
    List<Integer> keys = keys(map);

    assertThat(keys).hasSize(50).doesNotHaveDuplicates();
    assertThat(map.nextKey(key(1), next)).isZero();
    assertThat(number(next)).isEqualTo(keys.getFirst());
    assertThat(map.nextKey(key(keys.getLast()), next)).isEqualTo(Errno.ENOENT.negative());
  }

  @Test
  void anLruEvictsTheOldestThatNoProgramHasUsed() {
    HashTable map = new HashTable(MapType.LRU_HASH, 4, 4, 4, 0);
    for (int i = 0; i < 4; i++) {
      assertThat(map.update(key(i), key(i), UpdateFlags.NOEXIST)).isZero();
    }
    assertThat(map.lookup(key(0))).isNotNull(); // a program: used
    assertThat(map.lookupCopy(key(1), new byte[4])).isZero(); // from outside: not
    assertThat(map.update(key(2), key(22), UpdateFlags.EXIST)).isZero(); // used

    assertThat(map.update(key(4), key(4), 0)).isZero();
    assertThat(keys(map)).containsExactlyInAnyOrder(0, 2, 3, 4); // 0 was spared, 1 went
    assertThat(map.update(key(5), key(5), 0)).isZero();
    assertThat(keys(map)).containsExactlyInAnyOrder(0, 2, 4, 5); // 2 was spared, 3 went
    assertThat(map.update(key(6), key(6), 0)).isZero();
    assertThat(keys(map)).containsExactlyInAnyOrder(2, 4, 5, 6); // 0's second chance is used up
  }

  @Test
  void anLruWhoseKeysAreAllInUseStillTakesNewOnes() {
    HashTable map = new HashTable(MapType.LRU_HASH, 4, 4, 1000, 0);
    for (int i = 0; i < 3000; i++) {
      assertThat(map.update(key(i), key(i), UpdateFlags.NOEXIST)).isZero();
      assertThat(map.lookup(i)).isNotNull();
    }
    assertThat(map.size()).isEqualTo(1000);
    assertThat(keys(map)).hasSize(1000).contains(2999);
  }

  @Test
  void aReaderSeesTheOldValueOrTheNewWholeAndNeverNone() throws InterruptedException {
    int words = 16;
    HashTable map = new HashTable(4, words * 8, 8);
    assertThat(map.update(key(1), filled(words, 0), 0)).isZero();
    AtomicBoolean done = new AtomicBoolean();
    AtomicInteger torn = new AtomicInteger();
    AtomicInteger missing = new AtomicInteger();
    Thread reader =
        Thread.ofPlatform()
            .start(() -> {
              while (!done.get()) {
                MapValue value = map.lookup(1);
                if (value == null) {
                  missing.incrementAndGet();
                  continue;
                }
                long first = value.getLong(0);
                for (int i = 1; i < words; i++) {
                  if (value.getLong(i * 8) != first) {
                    torn.incrementAndGet();
                  }
                }
              }
            });
    for (int i = 0; i < 300_000; i++) {
      assertThat(map.update(key(1), filled(words, i), 0)).isZero();
      if (i % 8 == 0) { // neighbours come and go
        assertThat(map.update(key(2 + i % 5), filled(words, i), 0)).isZero();
        assertThat(map.delete(key(2 + i % 5))).isZero();
      }
    }
    done.set(true);
    reader.join();

    assertThat(torn).hasValue(0);
    assertThat(missing).hasValue(0);
  }

  private static byte[] filled(int words, long value) {
    ByteBuffer buffer = ByteBuffer.allocate(words * 8).order(ByteOrder.LITTLE_ENDIAN);
    while (buffer.hasRemaining()) {
      buffer.putLong(value);
    }
    return buffer.array();
  }

  private static List<Integer> keys(HashTable map) {
    List<Integer> keys = new ArrayList<>();
    byte[] key = new byte[4];
    for (int rc = map.nextKey(null, key); rc == 0; rc = map.nextKey(key, key)) {
      keys.add(number(key));
    }
    return keys;
  }

  private static int number(byte[] key) {
    return ByteBuffer.wrap(key).order(ByteOrder.LITTLE_ENDIAN).getInt();
  }

  private static byte[] key(int value) {
    return ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array();
  }
}
