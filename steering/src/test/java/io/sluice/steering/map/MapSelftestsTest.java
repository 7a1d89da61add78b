package io.sluice.steering.map;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.Errno;
import io.sluice.steering.IpAddress;
import io.sluice.steering.ListenerTable;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Program;
import io.sluice.steering.ProgramChain;
import io.sluice.steering.Protocol;
import io.sluice.steering.SkLookup;
import io.sluice.steering.Socket;
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
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Kernel selftests of maps, under their names: prog_tests/sockmap_basic.c, map_in_map.c,
 * btf_map_in_map.c and map_tests/lpm_trie_map_basic_ops.c (test_lpm_map.c before).
 */
class MapSelftestsTest {
  private static final byte[] KEY = {0, 0, 0, 0};

  @ParameterizedTest(name = "{0} create_update_free")
  @ValueSource(strings = {"sockmap", "sockhash"})
  void aMapWithASocketGoesAndTheSocketStays(String kind) {
    Socket socket = socket(Protocol.TCP, Socket.State.ESTABLISHED);
    if (kind.equals("sockmap")) {
      SockMap map = new SockMap(1);
      assertThat(map.update(0, socket, UpdateFlags.NOEXIST)).isZero();
      map.clear();
      assertThat(map.lookup(0)).isNull();
    } else {
      SockHash map = new SockHash(4, 1);
      assertThat(map.update(KEY, socket, UpdateFlags.NOEXIST)).isZero();
      map.clear();
      assertThat(map.lookup(KEY)).isNull();
    }
    assertThat(socket.isClosed()).isFalse();
  }

  @ParameterizedTest(name = "{0} update")
  @ValueSource(strings = {"sockmap", "sockhash"})
  void aProgramCopiesASocketToAnotherMap(String kind) {
    SockMap source = new SockMap(1);
    SockMap map = new SockMap(1);
    SockHash hash = new SockHash(4, 1);
    Socket socket = socket(Protocol.TCP, Socket.State.LISTEN);
    assertThat(source.update(0, socket)).isZero();
    AtomicInteger result = new AtomicInteger(1);
    boolean toMap = kind.equals("sockmap");

    run(_ -> {
      Socket found = source.lookup(0);
      result.set(toMap ? map.update(0, found, 0) : hash.update(KEY, found, 0));
      return Program.SK_PASS;
    });

    assertThat(result).hasValue(0);
    assertThat(toMap ? map.lookup(0) : hash.lookup(KEY)).isSameAs(socket);
    run(_ -> {
      result.set(map.delete(0));
      return Program.SK_PASS;
    });
    assertThat(result).hasValue(toMap ? 0 : Errno.EINVAL.negative());
  }

  @ParameterizedTest(name = "{0} copy")
  @ValueSource(strings = {"sockmap", "sockhash"})
  void iterationCopiesAMap(String kind) {
    List<Socket> sockets = new ArrayList<>();
    for (int i = 0; i < 64; i++) {
      sockets.add(socket(i % 2 == 0 ? Protocol.TCP : Protocol.UDP, Socket.State.ESTABLISHED));
    }
    if (kind.equals("sockmap")) {
      SockMap source = new SockMap(65);
      SockMap copy = new SockMap(65);
      for (int i = 0; i < 64; i++) {
        assertThat(source.update(i, sockets.get(i))).isZero();
      }
      int seen = 0;
      for (int i = source.nextKey(-1); i >= 0; i = source.nextKey(i), seen++) {
        Socket socket = source.lookup(i);
        assertThat(copy.update(i, socket, 0))
            .isEqualTo(socket == null ? Errno.EINVAL.negative() : 0);
      }
      assertThat(seen).isEqualTo(65); // the empty index as well
      for (int i = 0; i < 64; i++) {
        assertThat(copy.lookup(i)).isSameAs(sockets.get(i));
      }
    } else {
      SockHash source = new SockHash(4, 64);
      SockHash copy = new SockHash(4, 64);
      for (int i = 0; i < 64; i++) {
        assertThat(source.update(number(i), sockets.get(i))).isZero();
      }
      byte[] key = new byte[4];
      for (int rc = source.nextKey(null, key); rc == 0; rc = source.nextKey(key, key)) {
        assertThat(copy.update(key, source.lookup(key), UpdateFlags.NOEXIST)).isZero();
      }
      assertThat(copy.size()).isEqualTo(64);
      for (int i = 0; i < 64; i++) {
        assertThat(copy.lookup(number(i))).isSameAs(sockets.get(i));
      }
    }
  }

  @Test
  @DisplayName("sockmap one socket to many map entries")
  void oneSocketIsInManyEntries() {
    SockMap map = new SockMap(2);
    for (Protocol protocol : Protocol.values()) {
      Socket socket = socket(protocol, Socket.State.ESTABLISHED);
      for (int i = 0; i < 2; i++) {
        assertThat(map.update(i, socket)).isZero();
      }
      for (int i = 0; i < 2; i++) {
        assertThat(map.lookupCookie(i)).isEqualTo(socket.cookie());
        assertThat(map.delete(i)).isZero();
      }
    }
  }

  @Test
  @DisplayName("sockmap one socket to many maps")
  void oneSocketIsInManyMaps() {
    List<SockMap> maps = List.of(new SockMap(1), new SockMap(1));
    for (Protocol protocol : Protocol.values()) {
      Socket socket = socket(protocol, Socket.State.ESTABLISHED);
      for (SockMap map : maps) {
        assertThat(map.update(0, socket)).isZero();
      }
      for (SockMap map : maps) {
        assertThat(map.lookup(0)).isSameAs(socket);
        assertThat(map.delete(0)).isZero();
      }
    }
  }

  @Test
  @DisplayName("sockmap same socket replace")
  void aSocketReplacesItself() {
    SockMap map = new SockMap(1);
    for (Protocol protocol : Protocol.values()) {
      Socket socket = socket(protocol, Socket.State.ESTABLISHED);
      for (int i = 0; i < 2; i++) {
        assertThat(map.update(0, socket)).isZero();
      }
      socket.close();
      assertThat(map.lookup(0)).isNull();
      assertThat(map.delete(0)).isEqualTo(Errno.EINVAL.negative());
    }
  }

  /**
   * What the kernel's test does with its maps of maps: an inner map is replaced while it is used.
   */
  @ParameterizedTest(name = "{0}")
  @ValueSource(strings = {"acc_map_in_array", "acc_map_in_htab"})
  void anInnerMapIsReplacedWhileAProgramUsesIt(String name) throws Exception {
    ExecutorService executor = Executors.newSingleThreadExecutor();
    EventLoops loops = EventLoops.of(List.of(executor));
    ArrayOfMaps<ArrayMap> array = new ArrayOfMaps<>(1, new ArrayMap(4, 1), loops);
    HashOfMaps<ArrayMap> hash = new HashOfMaps<>(4, 1, new ArrayMap(4, 1), loops);
    boolean inArray = name.endsWith("array");
    AtomicBoolean done = new AtomicBoolean();
    AtomicInteger missing = new AtomicInteger();
    for (int i = 0; i < 2; i++) {
      assertThat(update(inArray, array, hash)).isZero();
    }
    Runnable program =
        new Runnable() {
          @Override
          public void run() {
            ArrayMap inner = inArray ? array.lookup(0) : hash.lookup(0);
            if (inner == null) {
              missing.incrementAndGet();
            } else {
              int _ = inner.update(0, KEY, 0);
              requireNonNull(inner.lookup(0)).setInt(0, 1);
            }
            if (!done.get()) {
              executor.execute(this);
            }
          }
        };
    executor.execute(program);
    for (int i = 0; i < 500; i++) {
      assertThat(update(inArray, array, hash)).isZero();
    }
    done.set(true);
    executor.close();

    assertThat(missing).hasValue(0);
  }

  private static int update(
      boolean inArray, ArrayOfMaps<ArrayMap> array, HashOfMaps<ArrayMap> hash) {
    ArrayMap inner = new ArrayMap(4, 1);
    return inArray ? array.update(0, inner, 0) : hash.update(KEY, inner, 0);
  }

  @ParameterizedTest(name = "{0}")
  @ValueSource(strings = {"update_map_in_htab", "update_map_in_alloc_htab"})
  void mapsInAHashAreAddedReplacedAndDeleted(String name) {
    int flags = name.contains("alloc") ? CreateFlags.NO_PREALLOC : 0;
    ArrayMap first = new ArrayMap(4, 1);
    ArrayMap second = new ArrayMap(4, 1);
    HashOfMaps<ArrayMap> outer = new HashOfMaps<>(4, 4, 2, flags, first, () -> {});

    assertThat(outer.update(KEY, first, UpdateFlags.NOEXIST)).isZero();
    assertThat(outer.update(number(1), second, UpdateFlags.NOEXIST)).isZero();
    assertThat(outer.update(number(2), second, UpdateFlags.NOEXIST))
        .isEqualTo(Errno.E2BIG.negative());
    assertThat(outer.delete(KEY)).isZero();
    assertThat(outer.update(KEY, first, UpdateFlags.NOEXIST)).isZero();
    assertThat(outer.update(KEY, second, UpdateFlags.EXIST)).isZero();
    assertThat(outer.lookupId(KEY)).isEqualTo(second.id());
    assertThat(outer.delete(KEY)).isZero();
    assertThat(outer.lookupId(KEY)).isEqualTo(Errno.ENOENT.negative());
  }

  @Test
  @DisplayName("lookup_update")
  void aProgramSeesTheInnerMapThatIsInForce() {
    ArrayMap first = new ArrayMap(4, 1);
    ArrayMap second = new ArrayMap(4, 1);
    ArrayOfMaps<ArrayMap> outer = new ArrayOfMaps<>(1, first, () -> {});
    Program program =
        context -> {
          ArrayMap inner = outer.lookup(0);
          int _ = inner == null ? 0 : inner.update(0, number(context.remotePort()), 0);
          return Program.SK_PASS;
        };

    assertThat(outer.update(0, first, 0)).isZero();
    run(program, 1);
    assertThat(outer.update(0, second, 0)).isZero();
    run(program, 2);

    assertThat(requireNonNull(first.lookup(0)).getInt(0)).isEqualTo(1);
    assertThat(requireNonNull(second.lookup(0)).getInt(0)).isEqualTo(2);
    assertThat(outer.lookupId(0)).isEqualTo(second.id());
  }

  @Test
  @DisplayName("diff_size")
  void innerMapsMayDifferInSizeUnlessTheyArePlainArrays() {
    ArrayOfMaps<BpfMap> ofSockMaps = new ArrayOfMaps<>(1, new SockMap(1), () -> {});
    ArrayOfMaps<BpfMap> ofArrays = new ArrayOfMaps<>(1, new ArrayMap(4, 1), () -> {});
    ArrayOfMaps<BpfMap> ofInnerArrays =
        new ArrayOfMaps<>(1, new ArrayMap(4, 4, 1, CreateFlags.INNER_MAP), () -> {});

    assertThat(ofSockMaps.update(0, new SockMap(3), 0)).isZero();
    assertThat(ofArrays.update(0, new ArrayMap(4, 3), 0)).isEqualTo(Errno.EINVAL.negative());
    assertThat(ofInnerArrays.update(0, new ArrayMap(4, 4, 3, CreateFlags.INNER_MAP), 0)).isZero();
    assertThat(ofInnerArrays.update(0, new ArrayMap(4, 3), 0)).isEqualTo(Errno.EINVAL.negative());
  }

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

  private static void run(Program program) {
    run(program, 1000);
  }

  private static void run(Program program, int remotePort) {
    SkLookup engine =
        new SkLookup(
            ProgramChain.of(List.of(new ProgramChain.Link("program", program))),
            ListenerTable.of(List.of()));
    LookupContext context = new LookupContext();
    LookupContext _ = context.ipv4(Protocol.TCP, 0x7f000001, remotePort, 0x7f000001, 80, 1);
    var _ = engine.lookup(context);
  }

  private static Socket socket(Protocol protocol, Socket.State state) {
    return Socket.bound(protocol, IpAddress.ANY_IPV4, 80).state(state).build();
  }
}
