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
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Kernel selftests of maps, under their names: prog_tests/sockmap_basic.c, map_in_map.c and
 * btf_map_in_map.c.
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
