package io.sluice.steering.map;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import java.lang.management.ManagementFactory;
import java.util.List;
import java.util.function.IntToLongFunction;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A program's lookup allocates nothing, whether it finds something or not. */
class MapAllocationTest {
  private static final int WARM_UP = 200_000;
  private static final int LOOKUPS = 1_000_000;

  /** What the measuring itself and a late compilation may cost, far below a byte per lookup. */
  private static final long TOLERATED_BYTES = 64 * 1024;

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  static Stream<Arguments> lookups() {
    EventLoops loops = EventLoops.of(List.of(Runnable::run)); // this thread
    ReadSections sections = new ReadSections();
    ReuseportSockArray sockArray = new ReuseportSockArray(2);
    Socket socket = Socket.bound(Protocol.TCP, IpAddress.ANY_IPV4, 80).build();
    socket.group((_, hit) -> hit.assign());
    assertThat(sockArray.update(0, socket)).isZero();
    ArrayMap array = new ArrayMap(12, 2);
    PerLoopArray perLoopArray = new PerLoopArray(8, 2, loops);
    HashTable hash = new HashTable(4, 8, 16);
    HashTable lru = new HashTable(MapType.LRU_HASH, 4, 8, 16, 0);
    PerLoopHash perLoopHash = new PerLoopHash(4, 8, 16, loops);
    LpmTrie trie = new LpmTrie(8, 8, 16);
    LpmTrie trie6 = new LpmTrie(20, 8, 16);
    byte[] key = new byte[4];
    byte[] key6 = new byte[20];
    key6[0] = 16;
    for (HashTable table : List.of(hash, lru)) {
      assertThat(table.update(key, new byte[8], 0)).isZero();
    }
    assertThat(perLoopHash.update(key, new byte[8], 0)).isZero();
    assertThat(trie.update(new byte[] {8, 0, 0, 0, 10, 0, 0, 0}, new byte[8], 0)).isZero();
    assertThat(trie.update(new byte[] {24, 0, 0, 0, 10, 1, 2, 0}, new byte[8], 0)).isZero();
    assertThat(trie6.update(key6, new byte[8], 0)).isZero();
    ArrayOfMaps<ArrayMap> arrayOfMaps = new ArrayOfMaps<>(1, array, sections);
    HashOfMaps<ArrayMap> hashOfMaps = new HashOfMaps<>(4, 1, array, sections);
    assertThat(arrayOfMaps.update(0, array, 0)).isZero();
    assertThat(hashOfMaps.update(key, array, 0)).isZero();
    byte[] trieKey = {32, 0, 0, 0, 10, 1, 2, 3};
    return Stream.of(
        Arguments.of("sockarray", of(i -> sockArray.lookup(i & 3) == null ? 0 : 1)),
        Arguments.of("array", of(i -> read(array.lookup(i & 3)))),
        Arguments.of("per-loop array", of(i -> read(perLoopArray.lookup(i & 3)))),
        Arguments.of("hash", of(i -> read(hash.lookup(with(key, i))))),
        Arguments.of("hash by number", of(i -> read(hash.lookup(i & 3)))),
        Arguments.of("LRU hash", of(i -> read(lru.lookup(with(key, i))))),
        Arguments.of("per-loop hash", of(i -> read(perLoopHash.lookup(with(key, i))))),
        Arguments.of("trie", of(i -> read(trie.lookup(with(trieKey, 8 + (i & 31)))))),
        Arguments.of("trie, IPv4", of(i -> read(trie.lookupIpv4(0x0a010200 + (i & 0x1ff))))),
        Arguments.of("trie, IPv6", of(i -> read(trie6.lookupIpv6((long) i << 40, 1)))),
        Arguments.of("maps of maps", of(i -> through(sections, arrayOfMaps, hashOfMaps, i))));
  }

  private static IntToLongFunction of(IntToLongFunction lookup) {
    return lookup;
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("lookups")
  void lookupsAllocateNothing(String name, IntToLongFunction lookup) {
    assertThat(THREADS.isThreadAllocatedMemoryEnabled()).isTrue();
    long found = run(lookup, WARM_UP);
    long best = Long.MAX_VALUE;
    for (int attempt = 0; attempt < 3 && best > TOLERATED_BYTES; attempt++) {
      long before = THREADS.getCurrentThreadAllocatedBytes();
      found += run(lookup, LOOKUPS);
      best = Math.min(best, THREADS.getCurrentThreadAllocatedBytes() - before);
    }
    assertThat(best)
        .describedAs("bytes in %d lookups of %s", LOOKUPS, name)
        .isLessThan(TOLERATED_BYTES);
    assertThat(found).isPositive();
  }

  private static long run(IntToLongFunction lookup, int times) {
    long found = 0;
    for (int i = 0; i < times; i++) {
      found += lookup.applyAsLong(i);
    }
    return found;
  }

  private static byte[] with(byte[] key, int first) {
    key[0] = (byte) (first & 31);
    return key;
  }

  /** 1 and the value's first byte; 0 for none. */
  private static long read(@Nullable MapValue value) {
    return value == null ? 0 : 1 + value.getByte(0);
  }

  private static long through(
      ReadSections sections, ArrayOfMaps<ArrayMap> array, HashOfMaps<ArrayMap> hash, int i) {
    int section = sections.enter();
    ArrayMap inner = (i & 1) == 0 ? array.lookup(i & 2) : hash.lookup(i & 2);
    long read = inner == null ? 0 : read(inner.lookup(0));
    sections.exit(section);
    return read;
  }
}
