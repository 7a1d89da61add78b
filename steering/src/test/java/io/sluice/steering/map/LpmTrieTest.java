package io.sluice.steering.map;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.sluice.steering.Errno;
import io.sluice.steering.IpPrefix;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** LPM_TRIE: what the kernel answers, and what a list of prefixes would. */
class LpmTrieTest {
  @ParameterizedTest
  @CsvSource({
    "5, 1, 1, 0x1, ",
    "8, 8, 100000, 0x1, ",
    "260, 1, 1, 0x1, ",
    "8, 8, 1, 0x5, ",
    "8, 8, 1, 0x9, ",
    "8, 8, 1, 0x11, ",
    "8, 8, 1, 0x81, ",
    "8, 8, 1, 0x101, ",
    "8, 8, 1, 0, EINVAL",
    "8, 8, 1, 0x8, EINVAL", // NO_PREALLOC is required
    "8, 8, 1, 0x3, EINVAL",
    "8, 8, 1, 0x41, EINVAL",
    "8, 8, 1, 0x401, EINVAL",
    "8, 8, 1, 0x181, EINVAL", // RDONLY_PROG and WRONLY_PROG
    "4, 8, 1, 0x1, EINVAL",
    "0, 8, 1, 0x1, EINVAL",
    "261, 8, 1, 0x1, EINVAL",
    "8, 0, 1, 0x1, EINVAL",
    "8, 8, 0, 0x1, EINVAL",
    "8, 8, -1, 0x1, EINVAL",
  })
  void createValidates(
      int keySize, int valueSize, int maxEntries, String flags, @Nullable String errno) {
    int number = Integer.decode(flags);
    if (errno == null) {
      LpmTrie trie = new LpmTrie(keySize, valueSize, maxEntries, number);
      assertThat(trie.flags()).isEqualTo(number);
      assertThat(trie.type()).isEqualTo(MapType.LPM_TRIE);
    } else {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new LpmTrie(keySize, valueSize, maxEntries, number))
          .withMessageStartingWith(errno);
    }
  }

  @Test
  void checksComeInTheKernelsOrder() {
    LpmTrie trie = new LpmTrie(8, 4, 2);
    byte[] value = new byte[4];
    byte[] tooLong = raw(33, 10, 0, 0, 0);

    for (long flags : new long[] {3, 4, 5, -1, 1L << 32}) {
      assertThat(trie.update(key("10.0.0.0/8"), value, flags)).isEqualTo(Errno.EINVAL.negative());
    }
    assertThat(trie.update(tooLong, value, 0)).isEqualTo(Errno.EINVAL.negative());
    assertThat(trie.update(raw(-1, 10, 0, 0, 0), value, 0)).isEqualTo(Errno.EINVAL.negative());
    assertThat(trie.delete(tooLong)).isEqualTo(Errno.EINVAL.negative());
    assertThat(trie.delete(raw(-1, 10, 0, 0, 0))).isEqualTo(Errno.EINVAL.negative());
    assertThat(trie.lookupCopy(tooLong, value)).isEqualTo(Errno.ENOENT.negative());
    assertThat(trie.lookup(raw(-1, 10, 0, 0, 0))).isNull();
    assertThat(put(trie, "10.0.0.0/8", 1, UpdateFlags.EXIST)).isEqualTo(Errno.ENOENT.negative());
    assertThat(put(trie, "10.0.0.0/8", 1, UpdateFlags.NOEXIST)).isZero();
    assertThat(put(trie, "10.0.0.0/8", 2, UpdateFlags.NOEXIST)).isEqualTo(Errno.EEXIST.negative());
    assertThat(put(trie, "10.0.0.0/8", 2, UpdateFlags.EXIST)).isZero();
    assertThat(put(trie, "10.0.0.0/16", 3, 0)).isZero();
    // Full.
    assertThat(put(trie, "10.0.0.0/24", 4, UpdateFlags.EXIST)).isEqualTo(Errno.ENOENT.negative());
    assertThat(put(trie, "10.0.0.0/24", 4, UpdateFlags.NOEXIST)).isEqualTo(Errno.ENOSPC.negative());
    assertThat(put(trie, "10.0.0.0/24", 4, 0)).isEqualTo(Errno.ENOSPC.negative());
    assertThat(put(trie, "10.0.0.0/16", 5, 0)).isZero();
    assertThat(trie.delete(key("10.0.0.0/24"))).isEqualTo(Errno.ENOENT.negative());
    assertThat(trie.lookupAndDelete(key("10.0.0.0/8"), value)).isEqualTo(Errno.ENOTSUPP.negative());
    assertThat(trie.size()).isEqualTo(2);
  }

  @ParameterizedTest
  @CsvSource({
    "10.1.2.3/32, 24",
    "10.1.9.9/32, 16",
    "10.9.9.9/32, 8",
    "11.0.0.0/32, 0",
    "10.1.2.0/24, 24",
    "10.1.2.0/23, 16",
    "10.1.2.3/20, 16",
    "10.1.2.3/12, 8",
    "10.1.2.3/8, 8",
    "10.1.2.3/7, 0",
    "10.1.2.3/0, 0",
  })
  void aLookupFindsTheLongestPrefixThatIsNoLongerThanTheKeys(String key, int expected) {
    LpmTrie trie = new LpmTrie(8, 4, 10);
    for (String prefix : List.of("10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24")) {
      assertThat(put(trie, prefix, IpPrefix.parse(prefix).length(), 0)).isZero();
    }

    MapValue found = trie.lookup(key(key));

    assertThat(found == null ? 0 : found.getInt(0)).isEqualTo(expected);
    byte[] within = new byte[11];
    System.arraycopy(key(key), 0, within, 2, 8);
    assertThat(trie.lookup(within, 2)).isSameAs(found);
  }

  @Test
  void thePrefixLengthIsInHostByteOrderAndTheDataMostSignificantFirst() {
    LpmTrie trie = new LpmTrie(8, 4, 1);
    assertThat(trie.update(new byte[] {24, 0, 0, 0, (byte) 192, 0, 2, 0}, new byte[4], 0)).isZero();

    assertThat(trie.lookupIpv4(0xc0000201)).isNotNull();
    assertThat(trie.lookupIpv4(0xc0000301)).isNull();
    assertThatIllegalArgumentException().isThrownBy(() -> trie.lookupIpv6(0, 0));
    assertThatIllegalArgumentException().isThrownBy(() -> new LpmTrie(20, 1, 1).lookupIpv4(0));
  }

  @Test
  void theEmptyPrefixIsADefault() {
    LpmTrie trie = new LpmTrie(8, 4, 2);
    assertThat(put(trie, "0.0.0.0/0", 1, 0)).isZero();
    assertThat(put(trie, "128.0.0.0/1", 2, 0)).isZero();

    assertThat(value(trie.lookupIpv4(1))).isEqualTo(1);
    assertThat(value(trie.lookupIpv4(0x80000000))).isEqualTo(2);
    assertThat(value(trie.lookup(key("128.0.0.0/0")))).isEqualTo(1);
    assertThat(trie.delete(key("0.0.0.0/0"))).isZero();
    assertThat(trie.lookupIpv4(1)).isNull();
  }

  @Test
  void bitsBehindThePrefixDoNotCountButAreKeptAsTheyWereGiven() {
    LpmTrie trie = new LpmTrie(8, 4, 2);
    byte[] next = new byte[8];
    assertThat(trie.update(raw(16, 10, 1, 0, 0), new byte[4], 0)).isZero();

    assertThat(trie.update(raw(16, 10, 1, 9, 9), new byte[4], UpdateFlags.NOEXIST))
        .isEqualTo(Errno.EEXIST.negative());
    assertThat(trie.nextKey(null, next)).isZero();
    assertThat(next).isEqualTo(raw(16, 10, 1, 0, 0));
    assertThat(trie.update(raw(16, 10, 1, 9, 9), new byte[4], UpdateFlags.EXIST)).isZero();
    assertThat(trie.nextKey(null, next)).isZero();
    assertThat(next).isEqualTo(raw(16, 10, 1, 9, 9));
    assertThat(trie.size()).isEqualTo(1);
    assertThat(trie.delete(raw(16, 10, 1, 200, 7))).isZero();
    assertThat(trie.size()).isZero();
  }

  @Test
  void nodesThatOnlyBranchAreInvisible() {
    LpmTrie trie = new LpmTrie(8, 4, 3);
    assertThat(put(trie, "192.168.0.0/24", 1, 0)).isZero();
    assertThat(put(trie, "192.168.1.0/24", 2, 0)).isZero(); // they part at /23

    assertThat(trie.size()).isEqualTo(2);
    assertThat(trie.lookup(key("192.168.0.0/23"))).isNull();
    assertThat(put(trie, "192.168.0.0/23", 3, UpdateFlags.EXIST))
        .isEqualTo(Errno.ENOENT.negative());
    assertThat(trie.delete(key("192.168.0.0/23"))).isEqualTo(Errno.ENOENT.negative());
    byte[] next = new byte[8];
    assertThat(trie.nextKey(key("192.168.0.0/23"), next)).isZero(); // unknown: from the beginning
    assertThat(next).isEqualTo(key("192.168.0.0/24"));
    assertThat(put(trie, "192.168.0.0/23", 3, UpdateFlags.NOEXIST)).isZero();
    assertThat(keys(trie)).containsExactly("192.168.0.0/24", "192.168.1.0/24", "192.168.0.0/23");
    assertThat(trie.delete(key("192.168.0.0/23"))).isZero(); // it goes on branching
    assertThat(keys(trie)).containsExactly("192.168.0.0/24", "192.168.1.0/24");
    assertThat(trie.delete(key("192.168.0.0/24"))).isZero();
    assertThat(value(trie.lookup(key("192.168.1.7/32")))).isEqualTo(2);
    assertThat(trie.delete(key("192.168.1.0/24"))).isZero();
    assertThat(keys(trie)).isEmpty();
  }

  @Test
  void deletingAPrefixLeavesThoseWithinIt() {
    LpmTrie trie = new LpmTrie(8, 4, 3);
    for (String prefix : List.of("10.0.0.0/8", "10.1.0.0/16", "10.1.2.0/24")) {
      assertThat(put(trie, prefix, IpPrefix.parse(prefix).length(), 0)).isZero();
    }
    assertThat(trie.delete(key("10.1.0.0/16"))).isZero();

    assertThat(value(trie.lookup(key("10.1.2.3/32")))).isEqualTo(24);
    assertThat(value(trie.lookup(key("10.1.3.3/32")))).isEqualTo(8);
    assertThat(trie.delete(key("10.1.0.0/16"))).isEqualTo(Errno.ENOENT.negative());
  }

  @Test
  void iterationGoesFromTheMoreSpecificToTheLessWithTheZeroBitFirst() {
    LpmTrie trie = new LpmTrie(8, 4, 10);
    byte[] next = new byte[8];
    assertThat(trie.nextKey(null, next)).isEqualTo(Errno.ENOENT.negative());
    assertThat(trie.nextKey(key("1.2.3.4/32"), next)).isEqualTo(Errno.ENOENT.negative());
    for (String prefix : List.of("192.168.0.0/24", "0.0.0.0/0", "10.0.0.0/8", "192.168.1.0/24")) {
      assertThat(put(trie, prefix, 0, 0)).isZero();
    }
    assertThat(trie.update(raw(16, 10, 1, 9, 9), new byte[4], 0)).isZero();
    assertThat(put(trie, "10.1.2.0/24", 0, 0)).isZero();

    assertThat(keys(trie))
        .containsExactly(
            "10.1.2.0/24",
            "10.1.9.9/16",
            "10.0.0.0/8",
            "192.168.0.0/24",
            "192.168.1.0/24",
            "0.0.0.0/0");
    assertThat(trie.nextKey(raw(40, 1, 2, 3, 4), next)).isZero(); // unknown: from the beginning
    assertThat(next).isEqualTo(key("10.1.2.0/24"));
    assertThat(trie.nextKey(key("0.0.0.0/0"), next)).isEqualTo(Errno.ENOENT.negative());
  }

  /** Data of one byte, of an IPv4 address, of an IPv6 address, and of more than words hold. */
  @ParameterizedTest
  @ValueSource(ints = {1, 4, 16, 19})
  void agreesWithAListOfPrefixes(int dataSize) {
    long seed = 4L + dataSize;
    Random random = new Random(seed);
    LpmTrie trie = new LpmTrie(4 + dataSize, 4, 200);
    Map<String, byte[]> naive = new TreeMap<>(LpmTrieTest::postOrder); // bits → key
    Map<String, Integer> values = new TreeMap<>();
    for (int step = 0; step < 30_000; step++) {
      String where = "seed " + seed + ", step " + step;
      byte[] key = randomKey(random, dataSize);
      String bits = bits(key);
      if (random.nextInt(3) == 0) {
        assertThat(trie.delete(key))
            .as(where)
            .isEqualTo(naive.remove(bits) == null ? Errno.ENOENT.negative() : 0);
        values.remove(bits);
      } else {
        int flags = random.nextInt(3);
        int expected =
            UpdateOutcome.of(naive.containsKey(bits), flags, naive.size() == 200, Errno.ENOSPC);
        assertThat(trie.update(key, number(step), flags)).as(where).isEqualTo(expected);
        if (expected == 0) {
          naive.put(bits, key);
          values.put(bits, step);
        }
      }
      byte[] probe = randomKey(random, dataSize);
      assertThat(value(trie.lookup(probe))).as(where).isEqualTo(longest(values, bits(probe)));
      if (dataSize == 4) {
        int address = ByteBuffer.wrap(probe, 4, 4).getInt();
        assertThat(value(trie.lookupIpv4(address)))
            .as(where)
            .isEqualTo(longest(values, bits(full(probe))));
      } else if (dataSize == 16) {
        ByteBuffer address = ByteBuffer.wrap(probe, 4, 16);
        assertThat(value(trie.lookupIpv6(address.getLong(), address.getLong())))
            .as(where)
            .isEqualTo(longest(values, bits(full(probe))));
      }
      assertThat(trie.size()).as(where).isEqualTo(naive.size());
      if (step % 500 == 0) {
        assertThat(rawKeys(trie)).as(where).containsExactlyElementsOf(naive.values());
      }
    }
  }

  @Test
  void aReaderAlwaysFindsWhatStaysWhileNeighboursComeAndGo() throws InterruptedException {
    LpmTrie trie = new LpmTrie(8, 16, 1000);
    byte[] value = new byte[16];
    assertThat(trie.update(key("10.1.0.0/16"), value, 0)).isZero();
    AtomicBoolean done = new AtomicBoolean();
    AtomicInteger wrong = new AtomicInteger();
    Thread reader =
        Thread.ofPlatform()
            .start(() -> {
              while (!done.get()) {
                MapValue found = trie.lookupIpv4(0x0a01ffff);
                if (found == null || found.getLong(0) != found.getLong(8)) {
                  wrong.incrementAndGet(); // gone, or torn
                }
              }
            });
    List<String> neighbours =
        List.of("10.0.0.0/8", "10.1.0.0/17", "10.0.0.0/15", "0.0.0.0/0", "10.1.254.0/24");
    for (int i = 0; i < 150_000; i++) {
      String neighbour = neighbours.get(i % neighbours.size());
      if (i / neighbours.size() % 2 == 0) {
        assertThat(trie.update(key(neighbour), new byte[16], 0)).isZero();
      } else {
        assertThat(trie.delete(key(neighbour))).isZero();
      }
      ByteBuffer.wrap(value).putLong(i).putLong(i);
      assertThat(trie.update(key("10.1.0.0/16"), value, 0)).isZero();
    }
    done.set(true);
    reader.join();

    assertThat(wrong).hasValue(0);
  }

  /** Those within a prefix before it, and otherwise in the order of their bits. */
  private static int postOrder(String a, String b) {
    if (a.startsWith(b) || b.startsWith(a)) {
      return b.length() - a.length();
    }
    return a.compareTo(b);
  }

  private static int longest(Map<String, Integer> values, String bits) {
    for (int length = bits.length(); length >= 0; length--) {
      Integer value = values.get(bits.substring(0, length));
      if (value != null) {
        return value;
      }
    }
    return -1;
  }

  /** Few different bits, so that prefixes often lie within one another. */
  private static byte[] randomKey(Random random, int dataSize) {
    byte[] data = new byte[dataSize];
    for (int i = 0; i < dataSize; i++) {
      data[i] = (byte) (random.nextInt(4) == 0 ? 0x80 >> random.nextInt(8) : 0);
    }
    int length = random.nextInt(dataSize * 8 + 1);
    return ByteBuffer.allocate(4 + dataSize)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(length)
        .put(data)
        .array();
  }

  private static byte[] full(byte[] key) {
    byte[] full = key.clone();
    full[0] = (byte) ((key.length - 4) * 8);
    return full;
  }

  private static String bits(byte[] key) {
    int length = ByteBuffer.wrap(key).order(ByteOrder.LITTLE_ENDIAN).getInt();
    StringBuilder bits = new StringBuilder();
    for (int bit = 0; bit < length; bit++) {
      bits.append(key[4 + (bit >> 3)] >> (7 - (bit & 7)) & 1);
    }
    return bits.toString();
  }

  private static List<byte[]> rawKeys(LpmTrie trie) {
    List<byte[]> keys = new ArrayList<>();
    byte[] key = new byte[trie.keySize()];
    for (int rc = trie.nextKey(null, key); rc == 0; rc = trie.nextKey(key, key)) {
      keys.add(key.clone());
    }
    return keys;
  }

  private static List<String> keys(LpmTrie trie) {
    return rawKeys(trie).stream()
        .map(key ->
            "%d.%d.%d.%d/%d"
                .formatted(key[4] & 0xff, key[5] & 0xff, key[6] & 0xff, key[7] & 0xff, key[0]))
        .toList();
  }

  private static int value(@Nullable MapValue value) {
    return value == null ? -1 : value.getInt(0);
  }

  private static int put(LpmTrie trie, String prefix, int value, long flags) {
    return trie.update(key(prefix), number(value), flags);
  }

  private static byte[] number(int value) {
    return ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array();
  }

  /** An address with a prefix length; bits behind it are left as they are. */
  private static byte[] key(String prefix) {
    String[] parts = prefix.split("[./]", -1);
    return raw(
        Integer.parseInt(parts[4]),
        Integer.parseInt(parts[0]),
        Integer.parseInt(parts[1]),
        Integer.parseInt(parts[2]),
        Integer.parseInt(parts[3]));
  }

  private static byte[] raw(int length, int a, int b, int c, int d) {
    return ByteBuffer.allocate(8)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(length)
        .put((byte) a)
        .put((byte) b)
        .put((byte) c)
        .put((byte) d)
        .array();
  }
}
