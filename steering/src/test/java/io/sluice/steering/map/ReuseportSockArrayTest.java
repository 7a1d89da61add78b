package io.sluice.steering.map;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.sluice.steering.Errno;
import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.SocketGroup;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CyclicBarrier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What the kernel answers (kernel/bpf/reuseport_array.c), operation by operation. */
class ReuseportSockArrayTest {
  private static final SocketGroup GROUP = (_, hit) -> hit.assign();
  private static final int OK = 0;

  @ParameterizedTest
  @CsvSource({
    "4, 4, 1, 0, ",
    "4, 8, 1, 0, ",
    "4, 8, 100000, 0, ",
    "4, 8, 1, 0x4, ",
    "4, 8, 1, 0x8, ",
    "4, 8, 1, 0x10, ",
    "4, 8, 1, 0x80, ",
    "4, 8, 1, 0x100, ",
    "3, 8, 1, 0, EINVAL",
    "8, 8, 1, 0, EINVAL",
    "0, 8, 1, 0, EINVAL",
    "4, 2, 1, 0, EINVAL",
    "4, 16, 1, 0, EINVAL",
    "4, 8, 0, 0, EINVAL",
    "4, 8, -1, 0, EINVAL",
    "4, 8, 1, 0x1, EINVAL",
    "4, 8, 1, 0x400, EINVAL",
    "4, 8, 1, 0x1000, EINVAL",
    "4, 8, 1, 0x180, EINVAL", // RDONLY_PROG and WRONLY_PROG
  })
  void createValidates(
      int keySize, int valueSize, int maxEntries, String flags, @Nullable String errno) {
    int number = Integer.decode(flags);
    if (errno == null) {
      assertThat(new ReuseportSockArray(keySize, valueSize, maxEntries, number).flags())
          .isEqualTo(number);
    } else {
      assertThatIllegalArgumentException()
          .isThrownBy(() -> new ReuseportSockArray(keySize, valueSize, maxEntries, number))
          .withMessageStartingWith(errno);
    }
  }

  static Stream<Arguments> insertable() {
    return Stream.of(
        Arguments.of("listening", grouped(Protocol.TCP, 80, Socket.State.LISTEN), OK),
        Arguments.of("UDP bound", grouped(Protocol.UDP, 80, Socket.State.CLOSE), OK),
        Arguments.of("UDP unbound", grouped(Protocol.UDP, 0, Socket.State.CLOSE), Errno.EINVAL),
        Arguments.of(
            "UDP connected", grouped(Protocol.UDP, 80, Socket.State.ESTABLISHED), Errno.EINVAL),
        Arguments.of(
            "TCP not listening", grouped(Protocol.TCP, 80, Socket.State.CLOSE), Errno.EINVAL),
        Arguments.of(
            "TCP accepted", grouped(Protocol.TCP, 80, Socket.State.ESTABLISHED), Errno.EINVAL),
        Arguments.of("no reuseport", socket(Protocol.TCP, 80, Socket.State.LISTEN), Errno.EINVAL),
        Arguments.of(
            "no reuseport, UDP", socket(Protocol.UDP, 80, Socket.State.CLOSE), Errno.EINVAL));
  }

  @ParameterizedTest(name = "{0}: {2}")
  @MethodSource("insertable")
  void takesOnlyWhatAGroupCanSelect(String name, Socket socket, Object expected) {
    ReuseportSockArray map = new ReuseportSockArray(1);

    assertThat(map.update(0, socket)).as(name).isEqualTo(result(expected));
    assertThat(map.lookup(0)).isSameAs(result(expected) == 0 ? socket : null);
  }

  @Test
  void checksComeInTheKernelsOrder() {
    ReuseportSockArray map = new ReuseportSockArray(2);
    ReuseportSockArray narrow = new ReuseportSockArray(4, 4, 2, 0);
    Socket closed = listener();
    closed.close();
    Socket plain = socket(Protocol.TCP, 80, Socket.State.LISTEN);
    Socket taken = listener();
    assertThat(new ReuseportSockArray(1).update(0, taken)).isZero();

    for (long flags : new long[] {3, 4, 5, -1, 1L << 32}) {
      assertThat(map.update(9, null, flags)).isEqualTo(Errno.EINVAL.negative());
    }
    assertThat(map.update(2, null, 0)).isEqualTo(Errno.E2BIG.negative());
    assertThat(map.update(-1, closed)).isEqualTo(Errno.E2BIG.negative());
    assertThat(map.update(0, null, UpdateFlags.EXIST)).isEqualTo(Errno.EINVAL.negative());
    assertThat(narrow.update(0, null, UpdateFlags.EXIST)).isEqualTo(Errno.EBADF.negative());
    assertThat(map.update(0, closed, UpdateFlags.EXIST)).isEqualTo(Errno.EBADF.negative());
    assertThat(map.update(0, plain, UpdateFlags.EXIST)).isEqualTo(Errno.ENOENT.negative());
    assertThat(map.update(0, listener(), UpdateFlags.NOEXIST)).isZero();
    assertThat(map.update(0, plain, UpdateFlags.NOEXIST)).isEqualTo(Errno.EEXIST.negative());
    assertThat(map.update(0, plain, UpdateFlags.EXIST)).isEqualTo(Errno.EINVAL.negative());
    taken.group(null); // leaves its array as well
    assertThat(map.update(1, taken)).isEqualTo(Errno.EINVAL.negative());
    taken.group(GROUP);
    assertThat(map.update(1, taken)).isZero();
    assertThat(map.update(0, taken, UpdateFlags.EXIST)).isEqualTo(Errno.EBUSY.negative());
    assertThat(narrow.update(0, taken)).isEqualTo(Errno.EBUSY.negative());
  }

  @Test
  void theSameSocketCannotBeAddedTwiceEvenToItsOwnSlot() {
    ReuseportSockArray map = new ReuseportSockArray(2);
    Socket socket = listener();
    assertThat(map.update(0, socket)).isZero();

    assertThat(map.update(0, socket)).isEqualTo(Errno.EBUSY.negative());
    assertThat(map.update(0, socket, UpdateFlags.EXIST)).isEqualTo(Errno.EBUSY.negative());
    assertThat(map.update(0, socket, UpdateFlags.NOEXIST)).isEqualTo(Errno.EEXIST.negative());
    assertThat(map.update(1, socket)).isEqualTo(Errno.EBUSY.negative());
    assertThat(new ReuseportSockArray(1).update(0, socket)).isEqualTo(Errno.EBUSY.negative());
    assertThat(map.lookup(0)).isSameAs(socket);
    assertThat(map.lookup(1)).isNull();
  }

  @Test
  void aSocketIsInASockArrayOrInSocketMapsButNotInBoth() {
    ReuseportSockArray array = new ReuseportSockArray(1);
    SockMap map = new SockMap(2);
    SockHash hash = new SockHash(1, 2);
    Socket inArray = listener();
    Socket inMaps = listener();
    assertThat(array.update(0, inArray)).isZero();
    assertThat(map.update(0, inMaps)).isZero();
    assertThat(hash.update(new byte[1], inMaps)).isZero();

    assertThat(array.update(0, inMaps)).isEqualTo(Errno.EBUSY.negative());
    // Before it is looked at what is there.
    assertThat(map.update(1, inArray, UpdateFlags.EXIST)).isEqualTo(Errno.EBUSY.negative());
    assertThat(hash.update(new byte[1], inArray, UpdateFlags.NOEXIST))
        .isEqualTo(Errno.EBUSY.negative());
    assertThat(map.delete(0)).isZero();
    assertThat(array.update(0, inMaps)).isEqualTo(Errno.EBUSY.negative()); // still in the hash
    assertThat(hash.delete(new byte[1])).isZero();
    assertThat(array.update(0, inMaps)).isZero();
    assertThat(map.update(1, inArray)).isZero(); // displaced, and so free
    assertThat(map.update(0, inMaps)).isEqualTo(Errno.EBUSY.negative());
  }

  @Test
  void aDisplacedDeletedOrClearedSocketIsFreeAgainAndStaysInItsGroup() {
    ReuseportSockArray map = new ReuseportSockArray(2);
    ReuseportSockArray other = new ReuseportSockArray(3);
    Socket displaced = listener();
    Socket deleted = listener();
    Socket cleared = listener();
    assertThat(map.update(0, displaced)).isZero();
    assertThat(map.update(1, deleted)).isZero();

    assertThat(map.update(0, cleared)).isZero();
    assertThat(map.delete(1)).isZero();
    map.clear();

    assertThat(other.update(0, displaced)).isZero();
    assertThat(other.update(1, deleted)).isZero();
    assertThat(other.update(2, cleared)).isZero();
    assertThat(List.of(displaced, deleted, cleared))
        .allMatch(socket -> GROUP.equals(socket.group()) && !socket.isClosed());
  }

  @Test
  void aLookupFromOutsideGivesTheCookie() {
    ReuseportSockArray map = new ReuseportSockArray(2);
    ReuseportSockArray narrow = new ReuseportSockArray(4, 4, 2, 0);
    Socket socket = listener();
    assertThat(map.update(0, socket)).isZero();
    assertThat(narrow.update(0, listener())).isZero();

    assertThat(map.lookupCookie(0)).isEqualTo(socket.cookie());
    assertThat(map.lookupCookie(1)).isEqualTo(Errno.ENOENT.negative());
    assertThat(map.lookupCookie(2)).isEqualTo(Errno.ENOENT.negative());
    assertThat(narrow.lookupCookie(0)).isEqualTo(Errno.ENOSPC.negative());
    assertThat(narrow.lookupCookie(1)).isEqualTo(Errno.ENOSPC.negative());
    assertThat(map.lookup(-1)).isNull();
    assertThat(map.lookup(2)).isNull();
  }

  @Test
  void deletingAnEmptySlotHasNoEntryAndOneOutOfRangeIsTooBig() {
    ReuseportSockArray map = new ReuseportSockArray(1);
    assertThat(map.update(0, listener())).isZero();

    assertThat(map.delete(0)).isZero();
    assertThat(map.delete(0)).isEqualTo(Errno.ENOENT.negative());
    assertThat(map.delete(1)).isEqualTo(Errno.E2BIG.negative());
    assertThat(map.delete(-1)).isEqualTo(Errno.E2BIG.negative());
  }

  @Test
  void iterationVisitsEveryIndex() {
    ReuseportSockArray map = new ReuseportSockArray(3);
    assertThat(Visits.of(map::nextKey)).containsExactly(0, 1, 2);
    assertThat(map.nextKey(2)).isEqualTo(Errno.ENOENT.negative());
    assertThat(map.nextKey(7)).isZero();
  }

  @Test
  void aClosedSocketLeaves() {
    ReuseportSockArray map = new ReuseportSockArray(1);
    Socket socket = listener();
    assertThat(map.update(0, socket)).isZero();

    socket.close();

    assertThat(map.lookup(0)).isNull();
    assertThat(socket.isClaimed()).isFalse();
    assertThat(map.update(0, socket)).isEqualTo(Errno.EBADF.negative());
  }

  @Test
  void aListenerThatIsShutLeavesTheSockArrayButNotTheSockMap() {
    ReuseportSockArray array = new ReuseportSockArray(1);
    SockMap map = new SockMap(1);
    Socket inArray = listener();
    Socket inMap = listener();
    assertThat(array.update(0, inArray)).isZero();
    assertThat(map.update(0, inMap)).isZero();

    inArray.state(Socket.State.CLOSE);
    inMap.state(Socket.State.CLOSE);

    assertThat(array.lookup(0)).isNull();
    assertThat(map.lookup(0)).isSameAs(inMap);
    inArray.state(Socket.State.LISTEN);
    assertThat(array.lookup(0)).isNull(); // nobody puts it back
    assertThat(array.update(0, inArray)).isZero();
  }

  @Test
  void udpThatIsConnectedLeavesItsGroupAndTheSockArrayButNotTheSockMap() {
    ReuseportSockArray array = new ReuseportSockArray(2);
    SockMap map = new SockMap(1);
    Socket inArray = grouped(Protocol.UDP, 53, Socket.State.CLOSE);
    Socket inMap = grouped(Protocol.UDP, 53, Socket.State.CLOSE);
    Socket untouched = grouped(Protocol.UDP, 53, Socket.State.CLOSE);
    assertThat(array.update(0, inArray)).isZero();
    assertThat(array.update(1, untouched)).isZero();
    assertThat(map.update(0, inMap)).isZero();

    untouched.state(Socket.State.CLOSE); // connect(AF_UNSPEC) of one that isn't connected
    inArray.state(Socket.State.ESTABLISHED);
    inMap.state(Socket.State.ESTABLISHED);

    assertThat(array.lookup(0)).isNull();
    assertThat(array.lookup(1)).isSameAs(untouched);
    assertThat(inArray.group()).isNull();
    assertThat(inMap.group()).isNull();
    assertThat(map.lookup(0)).isSameAs(inMap);
  }

  @Test
  void ofAllWhoClaimASocketExactlyOneGetsIt() throws Exception {
    int claimants = 4;
    for (int round = 0; round < 1_500; round++) {
      Socket socket = listener();
      ReuseportSockArray shared = new ReuseportSockArray(2);
      ReuseportSockArray other = new ReuseportSockArray(1);
      SockMap map = new SockMap(1);
      int[] results = new int[claimants];
      CyclicBarrier start = new CyclicBarrier(claimants);
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < claimants; i++) {
        int me = i;
        threads.add(
            Thread.ofPlatform()
                .start(() -> {
                  try {
                    start.await();
                  } catch (Exception failed) {
                    throw new AssertionError(failed);
                  }
                  results[me] =
                      switch (me) {
                        case 0 -> shared.update(0, socket);
                        case 1 -> shared.update(1, socket);
                        case 2 -> other.update(0, socket);
                        default -> map.update(0, socket);
                      };
                }));
      }
      for (Thread thread : threads) {
        thread.join();
      }
      int holders =
          (shared.lookup(0) == socket ? 1 : 0)
              + (shared.lookup(1) == socket ? 1 : 0)
              + (other.lookup(0) == socket ? 1 : 0)
              + (map.lookup(0) == socket ? 1 : 0);
      assertThat(holders).as("round %d", round).isEqualTo(1);
      assertThat(results).containsOnlyOnce(0).contains(Errno.EBUSY.negative());
    }
  }

  @Test
  void aSocketThatChangesWhileItIsInsertedDoesNotStay() throws InterruptedException {
    for (int round = 0; round < 3_000; round++) {
      ReuseportSockArray map = new ReuseportSockArray(1);
      boolean udp = round % 3 == 0;
      Socket socket = udp ? grouped(Protocol.UDP, 53, Socket.State.CLOSE) : listener();
      boolean closes = round % 3 == 1;
      Thread changer =
          Thread.ofPlatform()
              .start(() -> {
                if (closes) {
                  socket.close();
                } else {
                  socket.state(udp ? Socket.State.ESTABLISHED : Socket.State.CLOSE);
                }
              });
      int inserted = map.update(0, socket);
      changer.join();

      assertThat(inserted).isIn(OK, closes ? Errno.EBADF.negative() : Errno.EINVAL.negative());
      assertThat(map.lookup(0)).as("round %d", round).isNull();
      assertThat(socket.isClaimed()).isFalse();
    }
  }

  private static int result(Object expected) {
    return expected instanceof Errno errno ? errno.negative() : 0;
  }

  private static Socket listener() {
    return grouped(Protocol.TCP, 80, Socket.State.LISTEN);
  }

  private static Socket grouped(Protocol protocol, int port, Socket.State state) {
    Socket socket = socket(protocol, port, state);
    socket.group(GROUP);
    return socket;
  }

  private static Socket socket(Protocol protocol, int port, Socket.State state) {
    return Socket.bound(protocol, IpAddress.ANY_IPV4, port).state(state).build();
  }
}
