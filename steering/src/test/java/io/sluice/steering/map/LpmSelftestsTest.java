package io.sluice.steering.map;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.Errno;
import io.sluice.steering.IpAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The kernel's selftest map_tests/lpm_trie_map_basic_ops.c (test_lpm_map.c before), under its
 * names.
 */
class LpmSelftestsTest {
  @Test
  @DisplayName("test_lpm_basic")
  void theLongerPrefixWins() {
    LpmTrie trie = new LpmTrie(5, 4, 3);
    assertThat(trie.update(lpm(8, 0xff), number(1), 0)).isZero();
    assertThat(value(trie, lpm(8, 0xff))).isEqualTo(1);
    assertThat(value(trie, lpm(8, 0xfe))).isEqualTo(-1);
    assertThat(trie.update(lpm(4, 0xf0), number(2), 0)).isZero();
    assertThat(value(trie, lpm(8, 0xff))).isEqualTo(1);
    assertThat(value(trie, lpm(8, 0xfe))).isEqualTo(2);
    assertThat(value(trie, lpm(8, 0x0f))).isEqualTo(-1);
  }

  @Test
  @DisplayName("test_lpm_order")
  void theOrderOfInsertionDoesNotMatter() {
    long seed = 0xf00ba1;
    Random random = new Random(seed);
    List<byte[]> keys = new ArrayList<>();
    for (int i = 0; i < 256; i++) {
      int length = random.nextInt(17);
      keys.add(lpm(length, random.nextInt(256), random.nextInt(256)));
    }
    LpmTrie forwards = new LpmTrie(6, 4, 256);
    LpmTrie backwards = new LpmTrie(6, 4, 256);
    Map<String, byte[]> distinct = new LinkedHashMap<>();
    keys.forEach(key -> distinct.put(prefix(key), key));
    List<byte[]> unique = List.copyOf(distinct.values());
    for (int i = 0; i < unique.size(); i++) {
      assertThat(forwards.update(unique.get(i), number(i), 0)).isZero();
      int other = unique.size() - 1 - i;
      assertThat(backwards.update(unique.get(other), number(other), 0)).isZero();
    }
    for (int address = 0; address < 1 << 16; address++) {
      byte[] key = lpm(16, address >> 8, address & 0xff);
      assertThat(value(forwards, key)).as("seed %d", seed).isEqualTo(value(backwards, key));
    }
    assertThat(all(forwards)).containsExactlyElementsOf(all(backwards));
  }

  /** With a list; {@link LpmTrieTest#agreesWithAListOfPrefixes} goes on from here. */
  @ParameterizedTest(name = "test_lpm_map({0})")
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
  void aTrieFindsWhatAListFinds(int keySize) {
    long seed = 0xf00ba1L + keySize;
    Random random = new Random(seed);
    LpmTrie trie = new LpmTrie(4 + keySize, 4, 256);
    Map<String, Integer> list = new LinkedHashMap<>();
    List<byte[]> keys = new ArrayList<>();
    for (int i = 0; i < 256; i++) {
      byte[] key = random(random, keySize, random.nextInt(keySize * 8 + 1));
      assertThat(trie.update(key, number(i), 0)).isZero();
      list.put(prefix(key), i);
      keys.add(key);
    }
    check(seed, random, keySize, trie, list);
    for (byte[] key : keys.subList(0, 128)) { // half of them goes again
      assertThat(trie.delete(key))
          .isEqualTo(list.remove(prefix(key)) == null ? Errno.ENOENT.negative() : 0);
    }
    check(seed, random, keySize, trie, list);
  }

  private static void check(
      long seed, Random random, int keySize, LpmTrie trie, Map<String, Integer> list) {
    for (int i = 0; i < 2_000; i++) {
      byte[] key = random(random, keySize, keySize * 8);
      String bits = prefix(key);
      int expected = -1;
      int longest = -1;
      for (Map.Entry<String, Integer> entry : list.entrySet()) {
        if (bits.startsWith(entry.getKey()) && entry.getKey().length() > longest) {
          longest = entry.getKey().length();
          expected = entry.getValue();
        }
      }
      assertThat(value(trie, key)).as("seed %d, key %s", seed, bits).isEqualTo(expected);
    }
  }

  @Test
  @DisplayName("test_lpm_ipaddr")
  void addressesOfBothFamiliesFindTheirNetworks() {
    LpmTrie v4 = new LpmTrie(8, 4, 100);
    LpmTrie v6 = new LpmTrie(20, 4, 100);
    assertThat(v4.update(lpm(16, 192, 168, 0, 0), number(1), 0)).isZero();
    assertThat(v4.update(lpm(24, 192, 168, 0, 0), number(2), 0)).isZero();
    assertThat(v4.update(lpm(24, 192, 168, 128, 0), number(3), 0)).isZero();
    assertThat(v4.update(lpm(24, 192, 168, 1, 0), number(5), 0)).isZero();
    assertThat(v4.update(lpm(23, 192, 168, 0, 0), number(4), 0)).isZero();
    IpAddress network = IpAddress.parse("2a00:1450:4001:814::");
    byte[] key =
        ByteBuffer.allocate(20)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(64)
            .order(ByteOrder.BIG_ENDIAN)
            .putLong(network.high())
            .putLong(network.low())
            .array();
    assertThat(v6.update(key, number(0xdeadbeef), 0)).isZero();

    assertThat(value(v4, lpm(32, 192, 168, 128, 23))).isEqualTo(3);
    assertThat(value(v4, lpm(32, 192, 168, 0, 1))).isEqualTo(2);
    assertThat(value(v4, lpm(32, 192, 168, 1, 1))).isEqualTo(5);
    assertThat(value(v4, lpm(32, 192, 168, 2, 1))).isEqualTo(1);
    assertThat(value(v4, lpm(23, 192, 168, 0, 0))).isEqualTo(4);
    assertThat(value(v4, lpm(32, 10, 0, 0, 1))).isEqualTo(-1);
    IpAddress inside = IpAddress.parse("2a00:1450:4001:814::200e");
    IpAddress outside = IpAddress.parse("2a00:ffff::1");
    assertThat(requireNonNull(v6.lookupIpv6(inside.high(), inside.low())).getInt(0))
        .isEqualTo(0xdeadbeef);
    assertThat(v6.lookupIpv6(outside.high(), outside.low())).isNull();
  }

  @Test
  @DisplayName("test_lpm_delete")
  void leavesBranchesAndTheRootCanBeDeleted() {
    LpmTrie trie = new LpmTrie(8, 4, 100);
    assertThat(trie.update(lpm(16, 192, 168, 0, 0), number(1), 0)).isZero();
    assertThat(trie.update(lpm(24, 192, 168, 0, 0), number(2), 0)).isZero();
    assertThat(trie.update(lpm(24, 192, 168, 128, 0), number(3), 0)).isZero();
    assertThat(trie.update(lpm(24, 192, 168, 1, 0), number(4), 0)).isZero();

    assertThat(trie.delete(lpm(32, 10, 0, 0, 1))).isEqualTo(Errno.ENOENT.negative());
    assertThat(trie.delete(lpm(30, 192, 255, 0, 0))).isEqualTo(Errno.ENOENT.negative());
    assertThat(trie.delete(lpm(16, 192, 255, 0, 0))).isEqualTo(Errno.ENOENT.negative());
    assertThat(trie.delete(lpm(24, 192, 168, 0, 0))).isZero();
    assertThat(value(trie, lpm(32, 192, 168, 0, 1))).isEqualTo(1);
    assertThat(trie.delete(lpm(24, 192, 168, 1, 0))).isZero();
    assertThat(value(trie, lpm(32, 192, 168, 1, 1))).isEqualTo(1);
    assertThat(trie.delete(lpm(16, 192, 168, 0, 0))).isZero();
    assertThat(value(trie, lpm(32, 192, 168, 128, 1))).isEqualTo(3);
    assertThat(trie.delete(lpm(24, 192, 168, 128, 0))).isZero();
    assertThat(value(trie, lpm(32, 192, 168, 128, 1))).isEqualTo(-1);
  }

  @Test
  @DisplayName("test_lpm_get_next_key")
  void iterationIsInPostOrder() {
    LpmTrie trie = new LpmTrie(8, 4, 100);
    byte[] next = new byte[8];
    assertThat(trie.nextKey(null, next)).isEqualTo(Errno.ENOENT.negative());
    List<byte[]> inOrder =
        List.of(
            lpm(24, 192, 168, 0, 0),
            lpm(24, 192, 168, 1, 0),
            lpm(28, 192, 168, 1, 128),
            lpm(24, 192, 168, 128, 0),
            lpm(16, 192, 168, 0, 0));
    for (int i : new int[] {4, 3, 0, 1}) {
      assertThat(trie.update(inOrder.get(i), number(0), 0)).isZero();
    }
    assertThat(all(trie))
        .containsExactly(inOrder.get(0), inOrder.get(1), inOrder.get(3), inOrder.get(4));
    // Within 192.168.1.0/24, and so before it.
    assertThat(trie.update(inOrder.get(2), number(0), 0)).isZero();
    assertThat(all(trie))
        .containsExactly(
            inOrder.get(0), inOrder.get(2), inOrder.get(1), inOrder.get(3), inOrder.get(4));
    assertThat(trie.nextKey(lpm(22, 192, 168, 1, 0), next)).isZero(); // not there: the first
    assertThat(next).isEqualTo(inOrder.get(0));
  }

  @Test
  @DisplayName("test_lpm_multi_thread")
  void severalThreadsUpdateDeleteLookUpAndIterate() throws Exception {
    LpmTrie trie = new LpmTrie(8, 4, 100);
    int keys = 4;
    List<Future<?>> commands = new ArrayList<>();
    try (ExecutorService executor = Executors.newFixedThreadPool(4)) {
      for (int command = 0; command < 4; command++) {
        int what = command;
        commands.add(
            executor.submit(() -> {
              byte[] next = new byte[8];
              for (int i = 0; i < 20_000 * keys; i++) {
                byte[] key = lpm(16 + i % keys, 192, 168, i % keys, 0);
                int rc =
                    switch (what) {
                      case 0 -> trie.update(key, number(i), 0);
                      case 1 -> trie.delete(key);
                      case 2 -> trie.lookupCopy(key, new byte[4]);
                      default -> trie.nextKey(key, next);
                    };
                assertThat(rc).isIn(0, what == 0 ? 0 : Errno.ENOENT.negative());
              }
            }));
      }
      for (Future<?> command : commands) {
        command.get();
      }
    }
    assertThat(trie.size()).isLessThanOrEqualTo(keys).isEqualTo(all(trie).size());
  }

  private static List<byte[]> all(LpmTrie trie) {
    List<byte[]> keys = new ArrayList<>();
    byte[] key = new byte[trie.keySize()];
    for (int rc = trie.nextKey(null, key); rc == 0; rc = trie.nextKey(key, key)) {
      keys.add(key.clone());
    }
    return keys;
  }

  private static int value(LpmTrie trie, byte[] key) {
    MapValue value = trie.lookup(key);
    return value == null ? -1 : value.getInt(0);
  }

  private static String prefix(byte[] key) {
    int length = ByteBuffer.wrap(key).order(ByteOrder.LITTLE_ENDIAN).getInt();
    StringBuilder bits = new StringBuilder();
    for (int bit = 0; bit < length; bit++) {
      bits.append(key[4 + (bit >> 3)] >> (7 - (bit & 7)) & 1);
    }
    return bits.toString();
  }

  private static byte[] random(Random random, int size, int length) {
    int[] data = random.ints(size, 0, 256).toArray();
    data[0] &= 0x81; // so that some match
    return lpm(length, data);
  }

  private static byte[] lpm(int length, int... data) {
    ByteBuffer key = ByteBuffer.allocate(4 + data.length).order(ByteOrder.LITTLE_ENDIAN);
    key.putInt(length);
    for (int each : data) {
      key.put((byte) each);
    }
    return key.array();
  }

  private static byte[] number(int value) {
    return ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array();
  }
}
