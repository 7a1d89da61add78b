package io.sluice.bpf;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.bpf.object.LinkedProgram;
import io.sluice.bpf.object.MapSpec;
import io.sluice.bpf.object.ObjectFile;
import io.sluice.bpf.run.Maps;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Program;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.map.LpmTrie;
import io.sluice.steering.map.PerLoopArray;
import io.sluice.steering.map.SockMap;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/** A dispatcher that clang compiled steers lookups. */
final class LookupProgramTest {
  private static final Socket WEB =
      Socket.bound(Protocol.TCP, IpAddress.parse("127.0.0.1"), 9000)
          .state(Socket.State.LISTEN)
          .build();

  private static LookupProgram dispatcher(int refuseUnbound) throws Exception {
    ObjectFile file = Clang.read("dispatcher.bpf.c");
    file.set("refuse_unbound", BigInteger.valueOf(refuseUnbound));
    LinkedProgram program = file.program("dispatcher");
    LookupProgram loaded =
        LookupProgram.load(file, program, Maps.forThreads(2), LookupProgram.DEFAULT_BUDGET);
    assertThat(((SockMap) map(loaded, "sockets")).update(3, WEB)).isZero();
    assertThat(((LpmTrie) map(loaded, "bindings")).update(key(6, 8080, 24), value(3), 0)).isZero();
    return loaded;
  }

  private static Object map(LookupProgram program, String name) {
    MapSpec spec =
        program.maps().keySet().stream()
            .filter(it -> it.name().equals(name))
            .findFirst()
            .orElseThrow();
    return Objects.requireNonNull(program.maps().get(spec));
  }

  /** A prefix of 192.0.2.0 with a protocol and a port. */
  private static byte[] key(int protocol, int port, int length) {
    return ByteBuffer.allocate(24)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(32 + 96 + length)
        .put((byte) protocol)
        .put((byte) 0)
        .putShort((short) port)
        .putLong(0)
        .putInt(0xffff0000)
        .put(new byte[] {(byte) 192, 0, 2, 0})
        .array();
  }

  private static byte[] value(int slot) {
    return ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putInt(slot).array();
  }

  private static LookupContext packet(String to, int port) {
    return new LookupContext()
        .of(Protocol.TCP, IpAddress.parse("198.51.100.7"), 40000, IpAddress.parse(to), port, 1);
  }

  @Test
  void aBoundDestinationGetsItsSocketAndIsCounted() throws Exception {
    LookupProgram program = dispatcher(0);
    LookupContext context = packet("192.0.2.77", 8080);
    assertThat(program.run(context)).isEqualTo(Program.SK_PASS);
    assertThat(context.socket()).isSameAs(WEB);
    assertThat(
            Objects.requireNonNull(((PerLoopArray) map(program, "counters")).lookup(0, 0))
                .getLong(0))
        .isEqualTo(1);
    assertThat(
            Objects.requireNonNull(((LpmTrie) map(program, "bindings")).lookup(key(6, 8080, 32)))
                .getInt(4))
        .isEqualTo(1);
  }

  @Test
  void whatIsNotBoundPassesOrIsRefusedAsTheGlobalSays() throws Exception {
    LookupContext other = packet("192.0.3.77", 8080);
    assertThat(dispatcher(0).run(other)).isEqualTo(Program.SK_PASS);
    assertThat(other.socket()).isNull();
    assertThat(dispatcher(1).run(packet("192.0.3.77", 8080))).isEqualTo(Program.SK_DROP);
  }

  @Test
  void explainTellsTheMapEntriesThatWereLookedUp() throws Exception {
    assertThat(dispatcher(0).explain(packet("192.0.2.77", 8080)))
        .extracting(Program.Candidate::match)
        .anyMatch(it -> it.startsWith("lookup bindings[a0 00 00 00 06 00 90 1f"))
        .contains("lookup sockets[03 00 00 00]", "returned");
  }
}
