package io.sluice.steering.map;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.sluice.steering.Errno;
import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What the kernel answers, operation by operation. */
class SockMapTest {
  private static final int OK = 0;

  @ParameterizedTest
  @CsvSource({
    "4, 4, 1, true", "4, 8, 1, true", "4, 8, 100000, true",
    "3, 8, 1, false", "8, 8, 1, false", "0, 8, 1, false",
    "4, 0, 1, false", "4, 2, 1, false", "4, 16, 1, false",
    "4, 8, 0, false", "4, 8, -1, false",
  })
  void createValidates(int keySize, int valueSize, int maxEntries, boolean valid) {
    if (valid) {
      assertThat(new SockMap(keySize, valueSize, maxEntries).maxEntries()).isEqualTo(maxEntries);
    } else {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new SockMap(keySize, valueSize, maxEntries))
          .withMessageStartingWith("EINVAL");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "0x4, true",
    "0x8, true",
    "0x10, true",
    "0x1c, true", // NUMA_NODE, RDONLY, WRONLY
    "0x1, false",
    "0x2, false",
    "0x40, false",
    "0x80, false",
    "0x100, false",
    "0x400, false",
    "0x1000, false",
    "0x5, false",
  })
  void createTakesFewFlags(String flags, boolean valid) {
    int number = Integer.decode(flags);
    if (valid) {
      assertThat(new SockMap(4, 8, 1, number).flags()).isEqualTo(number);
      assertThat(new SockHash(4, 8, 1, number).flags()).isEqualTo(number);
    } else {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new SockMap(4, 8, 1, number))
          .withMessageStartingWith("EINVAL");
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new SockHash(4, 8, 1, number))
          .withMessageStartingWith("EINVAL");
    }
  }

  static Stream<Arguments> insertable() {
    return Stream.of(
        Arguments.of(socket(Protocol.TCP, 80, Socket.State.LISTEN), OK),
        Arguments.of(socket(Protocol.TCP, 80, Socket.State.ESTABLISHED), OK),
        Arguments.of(socket(Protocol.TCP, 80, Socket.State.CLOSE), Errno.EOPNOTSUPP),
        Arguments.of(socket(Protocol.UDP, 80, Socket.State.CLOSE), OK),
        Arguments.of(socket(Protocol.UDP, 80, Socket.State.ESTABLISHED), OK),
        Arguments.of(socket(Protocol.UDP, 0, Socket.State.CLOSE), Errno.EOPNOTSUPP),
        Arguments.of(null, Errno.EINVAL));
  }

  @ParameterizedTest
  @MethodSource("insertable")
  void takesListeningAndEstablishedTcpAndBoundUdp(@Nullable Socket socket, Object expected) {
    assertThat(new SockMap(1).update(0, socket, UpdateFlags.ANY)).isEqualTo(result(expected));
    assertThat(new SockHash(1, 1).update(new byte[1], socket, UpdateFlags.ANY))
        .isEqualTo(result(expected));
  }

  @Test
  void checksComeInTheKernelsOrder() {
    SockMap map = new SockMap(1);
    Socket closed = socket(Protocol.TCP, 80, Socket.State.CLOSE);
    Socket shut = socket(Protocol.TCP, 80, Socket.State.CLOSE);
    closed.close();

    assertThat(map.update(9, closed, 9)).isEqualTo(Errno.EBADF.negative());
    assertThat(map.update(9, shut, 9)).isEqualTo(Errno.EOPNOTSUPP.negative());
    assertThat(map.update(9, tcp(), 9)).isEqualTo(Errno.EINVAL.negative());
    assertThat(map.update(9, tcp(), UpdateFlags.EXIST)).isEqualTo(Errno.E2BIG.negative());
    assertThat(map.update(0, tcp(), UpdateFlags.EXIST)).isEqualTo(Errno.ENOENT.negative());
  }

  @Test
  void flagsDecideOverWhatIsThere() {
    SockMap map = new SockMap(2);
    Socket first = tcp();
    Socket second = tcp();

    assertThat(map.update(0, first, UpdateFlags.EXIST)).isEqualTo(Errno.ENOENT.negative());
    assertThat(map.update(0, first, UpdateFlags.NOEXIST)).isZero();
    assertThat(map.update(0, second, UpdateFlags.NOEXIST)).isEqualTo(Errno.EEXIST.negative());
    assertThat(map.update(0, first, UpdateFlags.NOEXIST)).isEqualTo(Errno.EEXIST.negative());
    assertThat(map.lookup(0)).isSameAs(first);
    assertThat(map.update(0, second, UpdateFlags.EXIST)).isZero();
    assertThat(map.lookup(0)).isSameAs(second);
    assertThat(map.update(0, first)).isZero();
    assertThat(map.update(0, first)).isZero();
    assertThat(map.lookup(0)).isSameAs(first);
    for (long flags : new long[] {3, 4, -1, 1L << 32, Long.MIN_VALUE}) {
      assertThat(map.update(1, first, flags)).isEqualTo(Errno.EINVAL.negative());
    }
    assertThat(map.update(2, first)).isEqualTo(Errno.E2BIG.negative());
    assertThat(map.update(-1, first)).isEqualTo(Errno.E2BIG.negative());
    assertThat(map.lookup(1)).isNull();
    assertThat(map.lookup(2)).isNull();
    assertThat(map.lookup(-1)).isNull();
  }

  @Test
  void deletingAnEmptySlotIsInvalid() {
    SockMap map = new SockMap(1);
    Socket socket = tcp();
    map.update(0, socket);

    assertThat(map.delete(0)).isZero();
    assertThat(map.lookup(0)).isNull();
    assertThat(map.delete(0)).isEqualTo(Errno.EINVAL.negative());
    assertThat(map.delete(1)).isEqualTo(Errno.EINVAL.negative());
    assertThat(map.delete(-1)).isEqualTo(Errno.EINVAL.negative());
    assertThat(socket.isClosed()).isFalse();
  }

  @Test
  void aLookupFromOutsideGivesTheCookie() {
    SockMap map = new SockMap(2);
    Socket socket = tcp();
    map.update(0, socket);

    assertThat(map.lookupCookie(0)).isEqualTo(socket.cookie());
    assertThat(map.lookupCookie(1)).isEqualTo(Errno.ENOENT.negative());
    assertThat(map.lookupCookie(2)).isEqualTo(Errno.ENOENT.negative());
  }

  @Test
  void aFourByteValueHasNoRoomForACookie() {
    SockMap map = new SockMap(4, 4, 2);
    assertThat(map.update(0, tcp())).isZero();

    assertThat(map.lookup(0)).isNotNull();
    assertThat(map.lookupCookie(0)).isEqualTo(Errno.ENOSPC.negative());
    assertThat(map.lookupCookie(1)).isEqualTo(Errno.ENOSPC.negative());
  }

  @Test
  void iterationVisitsEveryIndex() {
    SockMap map = new SockMap(3);
    map.update(1, tcp());
    assertThat(Visits.of(map::nextKey)).containsExactly(0, 1, 2);
    assertThat(map.nextKey(2)).isEqualTo(Errno.ENOENT.negative());
    assertThat(map.nextKey(3)).isZero();
  }

  @Test
  void aClosedSocketIsGoneFromAllSlotsAndMaps() {
    Socket socket = tcp();
    Socket other = tcp();
    List<SockMap> maps = new ArrayList<>();
    for (int i = 0; i < 100; i++) {
      SockMap map = new SockMap(4);
      map.update(0, socket);
      map.update(1, other);
      map.update(2, socket);
      map.update(2, socket); // replaced by itself
      map.update(3, socket);
      map.update(3, other); // replaced by another
      maps.add(map);
    }
    SockHash hash = new SockHash(1, 4);
    hash.update(new byte[] {1}, socket);
    hash.update(new byte[] {2}, socket);
    hash.update(new byte[] {3}, other);

    socket.close();

    for (SockMap map : maps) {
      assertThat(map.lookup(0)).isNull();
      assertThat(map.lookup(1)).isSameAs(other);
      assertThat(map.lookup(2)).isNull();
      assertThat(map.lookup(3)).isSameAs(other);
    }
    assertThat(hash.size()).isEqualTo(1);
    assertThat(hash.lookup(new byte[] {1})).isNull();
    assertThat(hash.lookup(new byte[] {3})).isSameAs(other);
    assertThat(maps.getFirst().update(0, socket)).isEqualTo(Errno.EBADF.negative());
  }

  @Test
  void aSocketThatStopsListeningStays() {
    SockMap map = new SockMap(1);
    Socket socket = tcp();
    map.update(0, socket);

    socket.state(Socket.State.CLOSE);

    assertThat(map.lookup(0)).isSameAs(socket);
    assertThat(map.delete(0)).isZero();
  }

  @Test
  void aClearedMapIsEmptyAndItsSocketsLiveOn() {
    SockMap map = new SockMap(2);
    Socket socket = tcp();
    map.update(0, socket);

    map.clear();

    assertThat(map.lookup(0)).isNull();
    assertThat(socket.isClosed()).isFalse();
    assertThat(map.update(0, socket)).isZero();
  }

  @Test
  void aReplacedSlotIsNeverSeenEmpty() throws InterruptedException {
    SockMap map = new SockMap(1);
    SockHash hash = new SockHash(4, 8);
    byte[] key = {1, 2, 3, 4};
    Socket first = tcp();
    Socket second = tcp();
    map.update(0, first);
    hash.update(key, first);
    AtomicBoolean done = new AtomicBoolean();
    AtomicInteger empty = new AtomicInteger();
    Thread reader =
        new Thread(() -> {
          while (!done.get()) {
            if (map.lookup(0) == null || hash.lookup(key) == null) {
              empty.incrementAndGet();
            }
          }
        });
    reader.start();

    for (int i = 0; i < 100_000; i++) {
      Socket next = i % 2 == 0 ? second : first;
      map.update(0, next);
      hash.update(key, next);
      if (map.lookup(0) != next || hash.lookup(key) != next) {
        empty.incrementAndGet();
      }
      if (i % 16 == 0) { // neighbours in the same map come and go
        hash.update(new byte[] {(byte) i, 0, 0, 0}, next);
        hash.delete(new byte[] {(byte) i, 0, 0, 0});
      }
    }
    done.set(true);
    reader.join();

    assertThat(empty).hasValue(0);
  }

  @Test
  void aSocketThatClosesWhileItIsInsertedDoesNotStay() throws InterruptedException {
    for (int round = 0; round < 2_000; round++) {
      SockMap map = new SockMap(1);
      SockHash hash = new SockHash(1, 1);
      Socket socket = tcp();
      Thread closer = new Thread(socket::close);
      closer.start();
      int inserted = map.update(0, socket);
      int insertedHash = hash.update(new byte[1], socket);
      closer.join();

      assertThat(inserted).isIn(OK, Errno.EBADF.negative());
      assertThat(insertedHash).isIn(OK, Errno.EBADF.negative());
      assertThat(map.lookup(0)).isNull();
      assertThat(hash.lookup(new byte[1])).isNull();
      assertThat(hash.size()).isZero();
    }
  }

  private static int result(Object expected) {
    return expected instanceof Errno errno ? errno.negative() : 0;
  }

  private static Socket tcp() {
    return socket(Protocol.TCP, 80, Socket.State.LISTEN);
  }

  private static Socket socket(Protocol protocol, int port, Socket.State state) {
    return Socket.bound(protocol, IpAddress.ANY_IPV4, port).state(state).build();
  }
}
