package io.sluice.steering.map;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.Errno;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.ListenerTable;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Program;
import io.sluice.steering.ProgramChain;
import io.sluice.steering.Protocol;
import io.sluice.steering.SkLookup;
import io.sluice.steering.Socket;
import io.sluice.steering.Verdict;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The kernel's selftest prog_tests/sockmap_listen.c, as far as it is about the operations of maps:
 * what it asserts, under its names. What its subtests do with descriptors and accept queues is done
 * with sockets and their states.
 */
class SockmapListenTest {
  private static final int PORT = 8080;
  private static final int HANDSHAKES = 1_000;

  /** What a subtest runs on, as the kernel writes it: {@code sockmap IPv4 TCP}. */
  record Kind(boolean isHash, Family family, Protocol protocol) {
    @Override
    public String toString() {
      return "%s %s %s"
          .formatted(
              isHash ? "sockhash" : "sockmap", family == Family.IPV4 ? "IPv4" : "IPv6", protocol);
    }

    private IpAddress loopback() {
      return IpAddress.parse(family == Family.IPV4 ? "127.0.0.1" : "::1");
    }

    /** As after socket(): in no table, without a port. */
    Socket opened() {
      return socket(0, Socket.State.CLOSE);
    }

    /** As after bind(). */
    Socket bound() {
      return socket(PORT, Socket.State.CLOSE);
    }

    /** TCP after listen(), UDP after bind(). */
    Socket listening() {
      return Socket.bound(protocol, loopback(), PORT).build();
    }

    /** As accept() gives it. */
    Socket accepted() {
      return socket(PORT, Socket.State.ESTABLISHED);
    }

    private Socket socket(int port, Socket.State state) {
      return Socket.bound(protocol, loopback(), port).state(state).build();
    }

    Entries map(int valueSize) {
      return isHash ? new HashEntries(valueSize) : new MapEntries(valueSize);
    }

    Entries map() {
      return map(Long.BYTES);
    }

    /** With this under key 0. */
    Entries mapOf(Socket first) {
      Entries map = map();
      assertThat(map.update(0, first, UpdateFlags.NOEXIST)).isZero();
      return map;
    }
  }

  /** The operations on either kind of map, under keys 0 and 1. */
  interface Entries {
    int update(int key, @Nullable Socket socket, long flags);

    int delete(int key);

    long lookupCookie(int key);

    @Nullable Socket lookup(int key);
  }

  private record MapEntries(SockMap map) implements Entries {
    MapEntries(int valueSize) {
      this(new SockMap(4, valueSize, 2));
    }

    @Override
    public int update(int key, @Nullable Socket socket, long flags) {
      return map.update(key, socket, flags);
    }

    @Override
    public int delete(int key) {
      return map.delete(key);
    }

    @Override
    public long lookupCookie(int key) {
      return map.lookupCookie(key);
    }

    @Override
    public @Nullable Socket lookup(int key) {
      return map.lookup(key);
    }
  }

  private record HashEntries(SockHash map) implements Entries {
    HashEntries(int valueSize) {
      this(new SockHash(4, valueSize, 2));
    }

    private static byte[] bytes(int key) {
      return new byte[] {(byte) key, 0, 0, 0};
    }

    @Override
    public int update(int key, @Nullable Socket socket, long flags) {
      return map.update(bytes(key), socket, flags);
    }

    @Override
    public int delete(int key) {
      return map.delete(bytes(key));
    }

    @Override
    public long lookupCookie(int key) {
      return map.lookupCookie(bytes(key));
    }

    @Override
    public @Nullable Socket lookup(int key) {
      return map.lookup(bytes(key));
    }
  }

  static Stream<Kind> all() {
    return Stream.of(false, true)
        .flatMap(hash ->
            Stream.of(Family.values())
                .flatMap(family ->
                    Stream.of(Protocol.values())
                        .map(protocol -> new Kind(hash, family, protocol))));
  }

  static Stream<Kind> tcp() {
    return all().filter(kind -> kind.protocol == Protocol.TCP);
  }

  @ParameterizedTest(name = "{0} test_insert_invalid")
  @MethodSource("all")
  void whatIsNoSocketIsInvalidAndWhatIsClosedIsBad(Kind kind) {
    Socket closed = kind.listening();
    closed.close();

    assertThat(kind.map().update(0, null, UpdateFlags.NOEXIST)).isEqualTo(Errno.EINVAL.negative());
    assertThat(kind.map().update(0, closed, UpdateFlags.NOEXIST)).isEqualTo(Errno.EBADF.negative());
  }

  @ParameterizedTest(name = "{0} test_insert_opened")
  @MethodSource("all")
  void aFreshSocketIsNotSupported(Kind kind) {
    assertThat(kind.map().update(0, kind.opened(), UpdateFlags.NOEXIST))
        .isEqualTo(Errno.EOPNOTSUPP.negative());
  }

  @ParameterizedTest(name = "{0} test_insert_bound")
  @MethodSource("all")
  void aBoundSocketIsSupportedIfItIsUdp(Kind kind) {
    assertThat(kind.map().update(0, kind.bound(), UpdateFlags.NOEXIST))
        .isEqualTo(kind.protocol == Protocol.TCP ? Errno.EOPNOTSUPP.negative() : 0);
  }

  @ParameterizedTest(name = "{0} test_insert")
  @MethodSource("all")
  void aListeningSocketCanBeInserted(Kind kind) {
    assertThat(kind.map().update(0, kind.listening(), UpdateFlags.NOEXIST)).isZero();
  }

  @ParameterizedTest(name = "{0} test_delete_after_insert")
  @MethodSource("all")
  void whatWasInsertedCanBeDeleted(Kind kind) {
    Entries map = kind.mapOf(kind.listening());

    assertThat(map.delete(0)).isZero();
  }

  @ParameterizedTest(name = "{0} test_delete_after_close")
  @MethodSource("all")
  void whatHasClosedCannotBeDeleted(Kind kind) {
    Socket socket = kind.listening();
    Entries map = kind.mapOf(socket);
    socket.close();

    assertThat(map.delete(0)).isEqualTo((kind.isHash ? Errno.ENOENT : Errno.EINVAL).negative());
  }

  @ParameterizedTest(name = "{0} test_lookup_after_insert")
  @MethodSource("all")
  void aLookupGivesTheCookie(Kind kind) {
    Socket socket = kind.listening();
    Entries map = kind.mapOf(socket);

    assertThat(map.lookupCookie(0)).isEqualTo(socket.cookie());
  }

  @ParameterizedTest(name = "{0} test_lookup_after_delete")
  @MethodSource("all")
  void whatWasDeletedIsNotThere(Kind kind) {
    Entries map = kind.mapOf(kind.listening());
    assertThat(map.delete(0)).isZero();

    assertThat(map.lookupCookie(0)).isEqualTo(Errno.ENOENT.negative());
  }

  @ParameterizedTest(name = "{0} test_lookup_32_bit_value")
  @MethodSource("all")
  void aCookieDoesNotFitIntoFourBytes(Kind kind) {
    Entries map = kind.map(Integer.BYTES);
    assertThat(map.update(0, kind.listening(), UpdateFlags.NOEXIST)).isZero();

    assertThat(map.lookupCookie(0)).isEqualTo(Errno.ENOSPC.negative());
  }

  @ParameterizedTest(name = "{0} test_update_existing")
  @MethodSource("all")
  void whatIsThereCanBeReplaced(Kind kind) {
    Socket replacement = kind.listening();
    Entries map = kind.mapOf(kind.listening());

    assertThat(map.update(0, replacement, UpdateFlags.EXIST)).isZero();
    assertThat(map.lookup(0)).isSameAs(replacement);
  }

  /** The child hangs on no queue here; what is left is that neither minds the other's end. */
  @ParameterizedTest(name = "{0} test_destroy_orphan_child")
  @MethodSource("tcp")
  void aListenerWithAChildThatNobodyAcceptedCloses(Kind kind) {
    Socket listener = kind.listening();
    Socket child = kind.accepted();
    Entries map = kind.mapOf(listener);

    listener.close();
    child.close();

    assertThat(map.lookup(0)).isNull();
    assertThat(map.update(0, kind.listening(), UpdateFlags.NOEXIST)).isZero();
  }

  @ParameterizedTest(name = "{0} test_syn_recv_insert_delete")
  @MethodSource("tcp")
  void aListenerComesAndGoesDuringHandshakes(Kind kind) throws InterruptedException {
    Entries map = kind.map();
    Socket listener = kind.listening();
    SkLookup engine = assigning(map);
    AtomicBoolean done = new AtomicBoolean();
    Set<Verdict> verdicts = new HashSet<>();
    Thread connecting =
        Thread.ofPlatform()
            .start(() -> {
              LookupContext context = new LookupContext();
              for (int i = 0; i < HANDSHAKES; i++) {
                connect(context, kind.family, i);
                verdicts.add(engine.lookup(context));
              }
              done.set(true);
            });
    while (!done.get()) {
      assertThat(map.update(0, listener, UpdateFlags.NOEXIST)).isZero();
      assertThat(map.delete(0)).isZero();
    }
    connecting.join();

    // Assigned, or nothing there: never an error, a drop, or something else.
    assertThat(verdicts)
        .isNotEmpty()
        .allMatch(verdict ->
            verdict instanceof Verdict.Assign assign
                ? assign.socket() == listener
                : verdict instanceof Verdict.Pass pass && pass.listener() == null);
  }

  @ParameterizedTest(name = "{0} test_race_insert_listen")
  @MethodSource("tcp")
  void aListenerIsInsertedWhileItStartsAndStopsListening(Kind kind) throws InterruptedException {
    Entries map = kind.map();
    Socket socket = kind.bound();
    AtomicBoolean done = new AtomicBoolean();
    Thread listening =
        Thread.ofPlatform()
            .start(() -> {
              while (!done.get()) {
                socket.state(Socket.State.LISTEN);
                socket.state(Socket.State.CLOSE);
              }
            });
    Set<Integer> inserted = new HashSet<>();
    Set<Integer> deleted = new HashSet<>();
    for (int i = 0; i < 20_000; i++) {
      inserted.add(map.update(0, socket, UpdateFlags.NOEXIST));
      deleted.add(map.delete(0));
    }
    done.set(true);
    listening.join();

    assertThat(inserted).isSubsetOf(0, Errno.EOPNOTSUPP.negative());
    assertThat(deleted).isSubsetOf(0, Errno.EINVAL.negative(), Errno.ENOENT.negative());
    assertThat(map.lookup(0)).isNull();
  }

  @ParameterizedTest(name = "{0} test_clone_after_delete")
  @MethodSource("tcp")
  void aListenerThatLeftTheMapStillTakesConnections(Kind kind) {
    Socket listener = kind.listening();
    Entries map = kind.mapOf(listener);
    assertThat(map.delete(0)).isZero();
    SkLookup engine = new SkLookup(ProgramChain.of(List.of()), ListenerTable.of(List.of(listener)));
    LookupContext context = new LookupContext();
    connect(context, kind.family, 1);

    assertThat(engine.lookup(context))
        .isInstanceOfSatisfying(
            Verdict.Pass.class, pass -> assertThat(pass.listener()).isSameAs(listener));
  }

  @ParameterizedTest(name = "{0} test_accept_after_delete")
  @MethodSource("tcp")
  void aChildCanBeInsertedAfterItsParentLeftTheMap(Kind kind) {
    Entries map = kind.mapOf(kind.listening());
    Socket child = kind.accepted();
    assertThat(map.delete(0)).isZero();

    assertThat(map.update(0, child, UpdateFlags.NOEXIST)).isZero();
    assertThat(map.lookup(0)).isSameAs(child);
  }

  @ParameterizedTest(name = "{0} test_accept_before_delete")
  @MethodSource("tcp")
  void aChildCanBeInsertedWhileItsParentIsInTheMap(Kind kind) {
    Socket parent = kind.listening();
    Entries map = kind.mapOf(parent);
    Socket child = kind.accepted();
    assertThat(map.lookup(1)).isNull(); // it isn't in the map by itself

    assertThat(map.update(1, child, UpdateFlags.NOEXIST)).isZero();
    assertThat(map.delete(0)).isZero();
    assertThat(map.lookup(1)).isSameAs(child);
  }

  private static SkLookup assigning(Entries map) {
    Program program =
        context -> {
          int _ = context.assign(map.lookup(0), 0);
          return Program.SK_PASS;
        };
    return new SkLookup(
        ProgramChain.of(List.of(new ProgramChain.Link("assigning", program))),
        ListenerTable.of(List.of()));
  }

  private static void connect(LookupContext context, Family family, int remotePort) {
    LookupContext _ =
        family == Family.IPV4
            ? context.ipv4(Protocol.TCP, 0x7f000001, remotePort, 0x7f000001, PORT, 1)
            : context.ipv6(Protocol.TCP, 0, 1, remotePort, 0, 1, PORT, 1);
  }
}
