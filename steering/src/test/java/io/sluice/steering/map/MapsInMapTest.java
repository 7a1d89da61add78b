package io.sluice.steering.map;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.sluice.steering.Errno;
import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** ARRAY_OF_MAPS and HASH_OF_MAPS (kernel/bpf/map_in_map.c). */
class MapsInMapTest {
  private static final GracePeriod NO_READERS = () -> {};

  private final AtomicInteger waits = new AtomicInteger();
  private final GracePeriod counting = waits::incrementAndGet;

  @ParameterizedTest
  @CsvSource({
    "4, 4, 1, 0, ",
    "4, 4, 1, 0x1c, ",
    "8, 4, 1, 0, EINVAL",
    "4, 8, 1, 0, EINVAL",
    "4, 4, 0, 0, EINVAL",
    "4, 4, 1, 0x1, EINVAL",
    "4, 4, 1, 0x80, EINVAL",
    "4, 4, 1, 0x100, EINVAL",
    "4, 4, 1, 0x400, EINVAL",
    "4, 4, 1, 0x1000, EINVAL",
  })
  void createValidatesAnArray(
      int keySize, int valueSize, int maxEntries, String flags, @Nullable String errno) {
    check(
        () ->
            new ArrayOfMaps<>(
                keySize, valueSize, maxEntries, Integer.decode(flags), new SockMap(1), NO_READERS),
        errno);
  }

  @ParameterizedTest
  @CsvSource({
    "1, 4, 1, 0, ",
    "100, 4, 5, 0x5d, ",
    "0, 4, 1, 0, EINVAL",
    "4, 8, 1, 0, EINVAL",
    "4, 4, 0, 0, EINVAL",
    "4, 4, 1, 0x2, EINVAL",
    "4, 4, 1, 0x80, EINVAL",
    "4, 4, 1, 0x100, EINVAL",
    "4, 4, 1, 0x400, EINVAL",
    "4194304, 4, 1, 0, E2BIG",
  })
  void createValidatesAHash(
      int keySize, int valueSize, int maxEntries, String flags, @Nullable String errno) {
    check(
        () ->
            new HashOfMaps<>(
                keySize, valueSize, maxEntries, Integer.decode(flags), new SockMap(1), NO_READERS),
        errno);
  }

  private static void check(Runnable creation, @Nullable String errno) {
    if (errno == null) {
      creation.run();
    } else {
      assertThatIllegalArgumentException().isThrownBy(creation::run).withMessageStartingWith(errno);
    }
  }

  @Test
  void aTemplateHoldsNoMapsItself() {
    ArrayOfMaps<SockMap> array = new ArrayOfMaps<>(1, new SockMap(1), NO_READERS);
    HashOfMaps<SockMap> hash = new HashOfMaps<>(1, 1, new SockMap(1), NO_READERS);

    check(() -> new ArrayOfMaps<BpfMap>(1, array, NO_READERS), "EINVAL");
    check(() -> new ArrayOfMaps<BpfMap>(1, hash, NO_READERS), "EINVAL");
    check(() -> new HashOfMaps<BpfMap>(1, 1, array, NO_READERS), "EINVAL");
    assertThat(new ArrayOfMaps<BpfMap>(1, new SockMap(1), NO_READERS).update(0, array, 0))
        .isEqualTo(Errno.EINVAL.negative());
  }

  static Stream<Arguments> likeATemplate() {
    EventLoops loops = EventLoops.of(List.of(Runnable::run));
    return Stream.of(
        Arguments.of("same", new SockMap(1), new SockMap(1), true),
        Arguments.of("more entries", new SockMap(1), new SockMap(9), true),
        Arguments.of("other type", new SockMap(1), new ReuseportSockArray(1), false),
        Arguments.of("other value size", new SockMap(1), new SockMap(4, 4, 1), false),
        Arguments.of("other key size", new SockHash(4, 1), new SockHash(8, 1), false),
        Arguments.of("hash, more entries", new SockHash(4, 1), new SockHash(4, 9), true),
        Arguments.of("other flags", new SockMap(1), new SockMap(4, 8, 1, 0x4), false),
        Arguments.of("modes are forgotten", new SockMap(1), new SockMap(4, 8, 1, 0x18), true),
        Arguments.of(
            "modes of the template", new SockMap(4, 8, 1, 0x8), new SockMap(4, 8, 1, 0x10), true),
        Arguments.of(
            "programs' modes count", new ArrayMap(8, 1), new ArrayMap(4, 8, 1, 0x80), false),
        Arguments.of("array", new ArrayMap(8, 2), new ArrayMap(8, 2), true),
        Arguments.of("array, more entries", new ArrayMap(8, 2), new ArrayMap(8, 3), false),
        Arguments.of(
            "arrays to be inner maps",
            new ArrayMap(4, 8, 2, 0x1000),
            new ArrayMap(4, 8, 3, 0x1000),
            true),
        Arguments.of("one of them", new ArrayMap(8, 2), new ArrayMap(4, 8, 2, 0x1000), false),
        Arguments.of("the other", new ArrayMap(4, 8, 2, 0x1000), new ArrayMap(8, 2), false),
        Arguments.of(
            "per-loop array, more entries",
            new PerLoopArray(8, 1, loops),
            new PerLoopArray(8, 2, loops),
            true),
        Arguments.of("hash", new HashTable(4, 8, 1), new HashTable(4, 8, 2), true),
        Arguments.of(
            "another kind of hash",
            new HashTable(4, 8, 1),
            new HashTable(MapType.LRU_HASH, 4, 8, 1, 0),
            false),
        Arguments.of("trie", new LpmTrie(8, 8, 1), new LpmTrie(8, 8, 7), true));
  }

  @ParameterizedTest(name = "{0}: {3}")
  @MethodSource("likeATemplate")
  void innerMapsAreLikeTheTemplate(String name, BpfMap template, BpfMap inner, boolean alike) {
    ArrayOfMaps<BpfMap> array = new ArrayOfMaps<>(1, template, NO_READERS);
    HashOfMaps<BpfMap> hash = new HashOfMaps<>(1, 1, template, NO_READERS);
    int expected = alike ? 0 : Errno.EINVAL.negative();

    assertThat(array.update(0, inner, 0)).as(name).isEqualTo(expected);
    assertThat(hash.update(new byte[1], inner, 0)).as(name).isEqualTo(expected);
    assertThat(array.lookup(0)).isSameAs(alike ? inner : null);
    assertThat(hash.lookup(new byte[1])).isSameAs(alike ? inner : null);
  }

  @Test
  void anArraysOperationsAnswerInTheKernelsOrder() {
    ArrayOfMaps<BpfMap> outer = new ArrayOfMaps<>(2, new SockMap(1), counting);
    SockMap inner = new SockMap(1);
    ArrayMap unlike = new ArrayMap(1, 1);

    assertThat(outer.update(9, unlike, UpdateFlags.NOEXIST)).isEqualTo(Errno.EINVAL.negative());
    assertThat(outer.update(0, inner, UpdateFlags.EXIST)).isEqualTo(Errno.EINVAL.negative());
    assertThat(outer.update(0, inner, 4)).isEqualTo(Errno.EINVAL.negative());
    assertThat(outer.update(2, unlike, 0)).isEqualTo(Errno.E2BIG.negative());
    assertThat(outer.update(-1, null, 0)).isEqualTo(Errno.E2BIG.negative());
    assertThat(outer.update(0, null, 0)).isEqualTo(Errno.EINVAL.negative());
    assertThat(outer.update(0, unlike, 0)).isEqualTo(Errno.EINVAL.negative());
    assertThat(outer.delete(0)).isEqualTo(Errno.ENOENT.negative());
    assertThat(outer.delete(2)).isEqualTo(Errno.E2BIG.negative());
    assertThat(outer.delete(-1)).isEqualTo(Errno.E2BIG.negative());
    assertThat(outer.lookupId(0)).isEqualTo(Errno.ENOENT.negative());
    assertThat(outer.lookupId(2)).isEqualTo(Errno.ENOENT.negative());
    assertThat(waits).hasValue(0);
    assertThat(outer.update(0, inner, 0)).isZero();
    assertThat(waits).hasValue(1);
    assertThat(outer.lookupId(0)).isEqualTo(inner.id());
    assertThat(outer.lookup(0)).isSameAs(inner);
    assertThat(outer.lookup(1)).isNull();
    assertThat(outer.lookup(2)).isNull();
    assertThat(outer.nextKey(-1)).isZero();
    assertThat(outer.nextKey(0)).isEqualTo(1);
    assertThat(outer.nextKey(1)).isEqualTo(Errno.ENOENT.negative());
    assertThat(outer.delete(0)).isZero();
    assertThat(waits).hasValue(2);
    assertThat(outer.lookup(0)).isNull();
  }

  @Test
  void aHashsOperationsAnswerInTheKernelsOrder() {
    HashOfMaps<BpfMap> outer = new HashOfMaps<>(4, 1, new SockMap(1), counting);
    SockMap inner = new SockMap(1);
    SockMap other = new SockMap(1);
    byte[] key = {1, 0, 0, 0};
    byte[] next = new byte[4];

    assertThat(outer.update(key, new ArrayMap(1, 1), 9)).isEqualTo(Errno.EINVAL.negative());
    assertThat(outer.update(key, null, 0)).isEqualTo(Errno.EINVAL.negative());
    assertThat(outer.update(key, inner, 3)).isEqualTo(Errno.EINVAL.negative());
    assertThat(outer.update(key, inner, 4)).isEqualTo(Errno.EINVAL.negative());
    assertThat(outer.update(key, inner, UpdateFlags.EXIST)).isEqualTo(Errno.ENOENT.negative());
    assertThat(outer.delete(key)).isEqualTo(Errno.ENOENT.negative());
    assertThat(outer.nextKey(null, next)).isEqualTo(Errno.ENOENT.negative());
    assertThat(waits).hasValue(0);
    assertThat(outer.update(key, inner, UpdateFlags.NOEXIST)).isZero();
    assertThat(outer.update(key, other, UpdateFlags.NOEXIST)).isEqualTo(Errno.EEXIST.negative());
    assertThat(outer.update(new byte[4], other, UpdateFlags.EXIST))
        .isEqualTo(Errno.ENOENT.negative());
    assertThat(outer.update(new byte[4], other, 0)).isEqualTo(Errno.E2BIG.negative());
    assertThat(waits).hasValue(1);
    assertThat(outer.update(key, other, UpdateFlags.EXIST)).isZero();
    assertThat(waits).hasValue(2);
    assertThat(outer.lookup(key)).isSameAs(other);
    assertThat(outer.lookup(1)).isSameAs(other);
    assertThat(outer.lookup(new byte[] {9, 1, 0, 0, 0}, 1)).isSameAs(other);
    assertThat(outer.lookupId(key)).isEqualTo(other.id());
    assertThat(outer.lookupId(new byte[4])).isEqualTo(Errno.ENOENT.negative());
    assertThat(outer.nextKey(null, next)).isZero();
    assertThat(next).isEqualTo(key);
    assertThat(outer.nextKey(key, next)).isEqualTo(Errno.ENOENT.negative());
    assertThat(outer.delete(key)).isZero();
    assertThat(waits).hasValue(3);
    assertThat(outer.size()).isZero();
  }

  @Test
  void aSwappedOutMapLivesOnAndSoDoItsSockets() {
    ArrayOfMaps<ReuseportSockArray> outer =
        new ArrayOfMaps<>(1, new ReuseportSockArray(1), NO_READERS);
    ReuseportSockArray old = new ReuseportSockArray(1);
    Socket socket = Socket.bound(Protocol.TCP, IpAddress.ANY_IPV4, 80).build();
    socket.group((_, hit) -> hit.assign());
    assertThat(old.update(0, socket)).isZero();
    assertThat(outer.update(0, old, 0)).isZero();

    assertThat(outer.update(0, new ReuseportSockArray(1), 0)).isZero();

    assertThat(old.lookup(0)).isSameAs(socket);
    assertThat(socket.isClosed()).isFalse();
    assertThat(socket.group()).isNotNull();
  }

  @Test
  void anEventLoopMayNotUpdateAndThenNothingHasChanged() throws Exception {
    try (ExecutorService executor = Executors.newSingleThreadExecutor()) {
      EventLoops loops = EventLoops.of(List.of(executor));
      ArrayOfMaps<SockMap> array = new ArrayOfMaps<>(1, new SockMap(1), loops);
      HashOfMaps<SockMap> hash = new HashOfMaps<>(1, 1, new SockMap(1), loops);
      SockMap inner = new SockMap(1);
      assertThat(array.update(0, inner, 0)).isZero();
      assertThat(hash.update(new byte[1], inner, 0)).isZero();

      executor
          .submit(() -> {
            assertThatIllegalStateException().isThrownBy(() -> array.update(0, new SockMap(1), 0));
            assertThatIllegalStateException().isThrownBy(() -> array.delete(0));
            assertThatIllegalStateException()
                .isThrownBy(() -> hash.update(new byte[1], new SockMap(1), 0));
            assertThatIllegalStateException().isThrownBy(() -> hash.delete(new byte[1]));
          })
          .get();

      assertThat(array.lookup(0)).isSameAs(inner);
      assertThat(hash.lookup(new byte[1])).isSameAs(inner);
    }
  }

  @Test
  void whenLookupsDoNotFinishTheMapIsInItsPlaceNonetheless() {
    ReadSections sections = new ReadSections(Duration.ofMillis(50));
    ArrayOfMaps<SockMap> outer = new ArrayOfMaps<>(1, new SockMap(1), sections);
    SockMap inner = new SockMap(1);
    int _ = sections.enter();

    assertThatExceptionOfType(GraceTimeoutException.class)
        .isThrownBy(() -> outer.update(0, inner, 0));

    assertThat(outer.lookup(0)).isSameAs(inner);
  }

  @Test
  void afterAnUpdateReturnsNoLookupUsesTheOldMap() throws Exception {
    List<ExecutorService> executors =
        List.of(Executors.newSingleThreadExecutor(), Executors.newSingleThreadExecutor());
    EventLoops loops = EventLoops.of(executors);
    ArrayOfMaps<ArrayMap> array = new ArrayOfMaps<>(1, new ArrayMap(8, 1), loops);
    HashOfMaps<ArrayMap> hash = new HashOfMaps<>(4, 1, new ArrayMap(8, 1), loops);
    byte[] key = new byte[4];
    assertThat(array.update(0, new ArrayMap(8, 1), 0)).isZero();
    assertThat(hash.update(key, new ArrayMap(8, 1), 0)).isZero();
    AtomicBoolean done = new AtomicBoolean();
    AtomicInteger violations = new AtomicInteger();
    AtomicInteger lookups = new AtomicInteger();
    for (ExecutorService executor : executors) {
      executor.execute(
          new Runnable() {
            @Override
            public void run() { // one lookup a task, one after the other
              ArrayMap inner =
                  lookups.incrementAndGet() % 2 == 0 ? array.lookup(0) : hash.lookup(0);
              for (int i = 0; i < 100; i++) {
                // Who swapped it out marks it as unused by a 1.
                if (inner == null || live(inner).getLong(0) != 0) {
                  violations.incrementAndGet();
                }
              }
              if (!done.get()) {
                executor.execute(this);
              }
            }
          });
    }
    List<ArrayMap> olds = new ArrayList<>();
    for (int i = 0; i < 1_500; i++) {
      ArrayMap oldOfArray = array.lookup(0);
      assertThat(array.update(0, new ArrayMap(8, 1), 0)).isZero();
      ArrayMap oldOfHash = hash.lookup(key);
      assertThat(hash.update(key, new ArrayMap(8, 1), UpdateFlags.EXIST)).isZero();
      assertThat(oldOfArray).isNotNull();
      assertThat(oldOfHash).isNotNull();
      olds.addAll(List.of(oldOfArray, oldOfHash));
      live(oldOfArray).setLong(0, 1);
      live(oldOfHash).setLong(0, 1);
    }
    done.set(true);
    for (ExecutorService executor : executors) {
      executor.close();
    }

    assertThat(violations).hasValue(0);
    assertThat(lookups.get()).isGreaterThan(1_500);
    assertThat(olds).doesNotHaveDuplicates();
  }

  private static MapValue live(ArrayMap map) {
    MapValue value = map.lookup(0);
    if (value == null) {
      throw new AssertionError("an array's index 0 is always there");
    }
    return value;
  }
}
