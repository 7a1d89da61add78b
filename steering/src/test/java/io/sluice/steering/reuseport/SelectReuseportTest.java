package io.sluice.steering.reuseport;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.DropReason;
import io.sluice.steering.Errno;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.ListenerTable;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Payload;
import io.sluice.steering.ProgramChain;
import io.sluice.steering.Protocol;
import io.sluice.steering.SkLookup;
import io.sluice.steering.Socket;
import io.sluice.steering.Verdict;
import io.sluice.steering.map.ArrayOfMaps;
import io.sluice.steering.map.BpfMap;
import io.sluice.steering.map.ReuseportSockArray;
import io.sluice.steering.map.SockHash;
import io.sluice.steering.map.SockMap;
import io.sluice.steering.reuseport.ReuseportGroup.Member;
import io.sluice.steering.reuseport.ReuseportGroup.Selection;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The kernel's prog_tests/select_reuseport.c with its names (kernel-semantics.md 13.3): each
 * subtest for every kind of map and of listener.
 *
 * <p>A packet's first eight bytes are a command: an index, and whether to pass when selecting it
 * fails. {@code test_syncookie} can't exist here: there are no SYN cookies in this process.
 */
class SelectReuseportTest {
  private static final int SOCKETS = 32;
  private static final int PORT = 4242;
  private static final int CLIENT_PORT = 51_234;
  private static final int COMMAND_BYTES = 8;

  enum Kind {
    REUSEPORT_SOCKARRAY,
    SOCKMAP,
    SOCKHASH
  }

  /** What the program notes about each run. */
  enum Result {
    DROP_ERR_INNER_MAP,
    DROP_ERR_SKB_DATA,
    DROP_ERR_SK_SELECT_REUSEPORT,
    DROP_MISC,
    PASS,
    PASS_ERR_SK_SELECT_REUSEPORT
  }

  record Case(Kind kind, Family family, Protocol protocol, boolean inany) {
    @Override
    public String toString() {
      return kind.name().toLowerCase(java.util.Locale.ROOT)
          + " "
          + (family == Family.IPV4 ? "IPv4/" : "IPv6/")
          + protocol
          + (inany ? " INANY" : " LOOPBACK");
    }

    IpAddress loopback() {
      return IpAddress.parse(family == Family.IPV4 ? "127.0.0.1" : "::1");
    }

    IpAddress bound() {
      return !inany ? loopback() : family == Family.IPV4 ? IpAddress.ANY_IPV4 : IpAddress.ANY_IPV6;
    }
  }

  static Stream<Case> cases() {
    List<Case> cases = new ArrayList<>();
    for (Kind kind : Kind.values()) {
      for (Family family : Family.values()) {
        cases.add(new Case(kind, family, Protocol.TCP, false));
        cases.add(new Case(kind, family, Protocol.TCP, true));
        cases.add(new Case(kind, family, Protocol.UDP, false));
      }
    }
    return cases.stream();
  }

  /** The sockets, their map inside an array of maps, the program on their group, and the engine. */
  private static final class Fixture {
    final Case test;
    final List<Socket> sockets;
    final ReuseportGroup group;
    final Map<Result, Integer> results = new EnumMap<>(Result.class);
    private final LookupContext context = new LookupContext();
    private final SkLookup engine;
    private final ArrayOfMaps<BpfMap> outer;
    private final BpfMap inner;

    Fixture(Case test) {
      this.test = test;
      this.sockets =
          IntStream.range(0, SOCKETS)
              .mapToObj(_ -> Socket.bound(test.protocol, test.bound(), PORT).build())
              .toList();
      this.group =
          ReuseportGroup.of(
              sockets.stream().map(it -> new Member(it, 1)).toList(), Selection.HASH, _ -> 0);
      this.engine = new SkLookup(ProgramChain.of(List.of()), ListenerTable.of(sockets));
      this.inner = filled(emptyMap(test.kind), sockets);
      this.outer = new ArrayOfMaps<>(1, emptyMap(test.kind), () -> {});
      assertThat(outer.update(0, inner, 0)).isZero();
      assertThat(ReuseportGroup.attach(sockets.getFirst(), "select", this::run)).isZero();
    }

    private static BpfMap emptyMap(Kind kind) {
      return switch (kind) {
        case REUSEPORT_SOCKARRAY -> new ReuseportSockArray(SOCKETS);
        case SOCKMAP -> new SockMap(SOCKETS);
        case SOCKHASH -> new SockHash(4, SOCKETS);
      };
    }

    private static BpfMap filled(BpfMap map, List<Socket> sockets) {
      for (int i = 0; i < SOCKETS; i++) {
        int error =
            switch (map) {
              case ReuseportSockArray array -> array.update(i, sockets.get(i));
              case SockMap sockmap -> sockmap.update(i, sockets.get(i));
              case SockHash hash -> hash.update(key(i), sockets.get(i));
              default -> throw new AssertionError(map);
            };
        assertThat(error).isZero();
      }
      return map;
    }

    private static byte[] key(int index) {
      return ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(index).array();
    }

    /** Without the inner map. */
    void emptyOuter() {
      assertThat(outer.delete(0)).isZero();
    }

    private int run(ReuseportContext context) {
      checkFields(context);
      BpfMap map = outer.lookup(0);
      if (map == null) {
        return done(Result.DROP_ERR_INNER_MAP);
      }
      byte[] command = new byte[COMMAND_BYTES];
      int header = test.protocol == Protocol.TCP ? 20 : 8;
      if (context.loadBytes(header, command) != 0) {
        return done(Result.DROP_ERR_SKB_DATA);
      }
      ByteBuffer fields = ByteBuffer.wrap(command).order(ByteOrder.LITTLE_ENDIAN);
      int index = fields.getInt();
      boolean passOnFailure = fields.getInt() != 0;
      int error =
          switch (map) {
            case ReuseportSockArray array -> context.selectReuseport(array, index, 0);
            case SockMap sockmap -> context.selectReuseport(sockmap, index, 0);
            case SockHash hash -> context.selectReuseport(hash, key(index), 0);
            default -> throw new AssertionError(map);
          };
      if (error == 0) {
        return done(Result.PASS);
      }
      assertThat(error).isEqualTo(Errno.ENOENT.negative());
      return done(
          passOnFailure
              ? Result.PASS_ERR_SK_SELECT_REUSEPORT
              : Result.DROP_ERR_SK_SELECT_REUSEPORT);
    }

    private void checkFields(ReuseportContext context) {
      int header = test.protocol == Protocol.TCP ? 20 : 8;
      boolean ipv4 = test.family == Family.IPV4;
      if (context.len() != header + context.payload().length()
          || context.ethProtocol() != (ipv4 ? 0x0800 : 0x86dd)
          || context.ipProtocol() != test.protocol.number()
          || context.bindInany() != test.inany
          || context.hash() == 0
          || !context.remote().equals(test.loopback())
          || !context.local().equals(test.loopback())
          || context.remotePort() != CLIENT_PORT
          || context.localPort() != PORT
          || !sockets.contains(context.socket())) {
        int _ = done(Result.DROP_MISC);
      }
    }

    private int done(Result result) {
      results.merge(result, 1, Integer::sum);
      return result == Result.PASS || result == Result.PASS_ERR_SK_SELECT_REUSEPORT
          ? ReuseportProgram.SK_PASS
          : ReuseportProgram.SK_DROP;
    }

    /** Who receives a command; null if it is refused. */
    @Nullable Socket send(int index, boolean passOnFailure) {
      return send(
          Payload.of(
              ByteBuffer.allocate(COMMAND_BYTES)
                  .order(ByteOrder.LITTLE_ENDIAN)
                  .putInt(index)
                  .putInt(passOnFailure ? 1 : 0)
                  .array()));
    }

    @Nullable Socket send(Payload data) {
      context.of(test.protocol, test.loopback(), CLIENT_PORT, test.loopback(), PORT, 1);
      return switch (engine.lookup(context.payload(data))) {
        case Verdict.Pass pass -> pass.listener();
        case Verdict.Drop drop -> {
          assertThat(drop.reason()).isEqualTo(DropReason.GROUP);
          yield null;
        }
        case Verdict.Assign assign -> throw new AssertionError(assign);
      };
    }
  }

  @ParameterizedTest(name = "test_err_inner_map {0}")
  @MethodSource("cases")
  void testErrInnerMap(Case test) {
    Fixture fixture = new Fixture(test);
    fixture.emptyOuter();
    assertThat(fixture.send(0, false)).isNull();
    assertThat(fixture.results).isEqualTo(Map.of(Result.DROP_ERR_INNER_MAP, 1));
  }

  @ParameterizedTest(name = "test_err_skb_data {0}")
  @MethodSource("cases")
  void testErrSkbData(Case test) {
    Fixture fixture = new Fixture(test);
    assertThat(fixture.send(Payload.EMPTY)).isNull();
    assertThat(fixture.send(Payload.of(new byte[COMMAND_BYTES - 1]))).isNull();
    assertThat(fixture.results).isEqualTo(Map.of(Result.DROP_ERR_SKB_DATA, 2));
  }

  @ParameterizedTest(name = "test_err_sk_select_port {0}")
  @MethodSource("cases")
  void testErrSkSelectPort(Case test) {
    Fixture fixture = new Fixture(test);
    assertThat(fixture.send(SOCKETS, false)).isNull();
    assertThat(fixture.results).isEqualTo(Map.of(Result.DROP_ERR_SK_SELECT_REUSEPORT, 1));
  }

  @ParameterizedTest(name = "test_pass {0}")
  @MethodSource("cases")
  void testPass(Case test) {
    Fixture fixture = new Fixture(test);
    for (int i = 0; i < SOCKETS; i++) {
      assertThat(fixture.send(i, false)).isSameAs(fixture.sockets.get(i));
    }
    assertThat(fixture.results).isEqualTo(Map.of(Result.PASS, SOCKETS));
  }

  @ParameterizedTest(name = "test_pass_on_err {0}")
  @MethodSource("cases")
  void testPassOnErr(Case test) {
    Fixture fixture = new Fixture(test);
    Socket taken = fixture.send(SOCKETS, true);
    assertThat(fixture.sockets).contains(taken);
    assertThat(fixture.results).isEqualTo(Map.of(Result.PASS_ERR_SK_SELECT_REUSEPORT, 1));
    assertThat(fixture.group.detach()).isZero();
    assertThat(fixture.send(SOCKETS, true)).describedAs("by hash").isSameAs(taken);
  }

  @ParameterizedTest(name = "test_detach_bpf {0}")
  @MethodSource("cases")
  void testDetachBpf(Case test) {
    Fixture fixture = new Fixture(test);
    Socket member = fixture.sockets.getFirst();
    assertThat(ReuseportGroup.detach(member)).isZero();
    assertThat(ReuseportGroup.detach(member)).isEqualTo(Errno.ENOENT.negative());
    assertThat(fixture.send(0, false)).isNotNull();
    assertThat(fixture.results).isEmpty();
  }
}
