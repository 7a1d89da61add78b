package io.sluice.proxy.kernel;

import static io.sluice.proxy.linux.BpfAssembler.Register.R0;
import static io.sluice.proxy.linux.BpfAssembler.Register.R1;
import static io.sluice.proxy.linux.BpfAssembler.Register.R10;
import static io.sluice.proxy.linux.BpfAssembler.Register.R2;
import static io.sluice.proxy.linux.BpfAssembler.Register.R3;
import static io.sluice.proxy.linux.BpfAssembler.Register.R4;
import static io.sluice.proxy.linux.BpfAssembler.Register.R5;
import static io.sluice.proxy.linux.BpfAssembler.Register.R6;
import static io.sluice.proxy.linux.BpfAssembler.Register.R7;
import static io.sluice.proxy.linux.BpfAssembler.Register.R8;

import io.sluice.proxy.linux.Bpf;
import io.sluice.proxy.linux.BpfAssembler;
import io.sluice.proxy.linux.BpfAssembler.Alu;
import io.sluice.proxy.linux.BpfAssembler.If;
import io.sluice.proxy.linux.BpfAssembler.Size;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * Puts other processes' listening sockets into slots, without a descriptor of theirs: a SCHED_CLS
 * program, which is never attached but only run by BPF_PROG_TEST_RUN, looks for the socket that a
 * connection to the target would get. It takes no right beyond those of SK_LOOKUP, and sees this
 * network namespace only. A slot keeps nothing open: it is empty once the socket is closed.
 *
 * <p>The lookup runs SK_LOOKUP programs, ours too. So what was found counts only if it listens on
 * the target's port, and on its address or on all.
 *
 * <p>A second program, of SK_LOOKUP, asks by a test run whether a slot's socket takes connections
 * of a family: it may have stopped to listen, or be of one family only.
 *
 * <p>Called by one thread at a time.
 */
public final class TargetFinder {
  /** What became of a search. */
  public enum Found {
    /** Its socket is in the slot. */
    REGISTERED,
    /** Nobody listens there. */
    ABSENT,
    /** Another socket gets what is sent there: ours, as the target is in a captured range. */
    OTHERS,
    /** A socket that can't be in a map: of Multipath TCP. */
    UNSUPPORTED,
    /** The kernel refuses the search. */
    REFUSED
  }

  /**
   * The request, in a map of one value:
   *
   * <pre>  0 struct bpf_sock_tuple: IPv4 (12) or IPv6 (36)  40 family  44 slot  48 port  </pre>
   */
  private static final int REQUEST_BYTES = 56;

  private static final int FAMILY = 40;
  private static final int SLOT = 44;
  private static final int PORT = 48;
  private static final int IPV4_TUPLE_BYTES = 12;
  private static final int IPV6_TUPLE_BYTES = 36;
  private static final int LOCAL_IP4 = 4;
  private static final int LOCAL_IP6 = 16;

  /** {@code struct bpf_sock} in linux/bpf.h. */
  private static final int SOCK_IP4 = 24;

  private static final int SOCK_IP6 = 28;
  private static final int SOCK_PORT = 44;
  private static final int SOCK_STATE = 72;
  private static final int LISTEN = 10;

  private static final int THIS_NAMESPACE = -1;
  private static final int INDEX = LookupProgram.INDEX;
  private static final byte[] FIRST = new byte[4];

  private final Syscalls syscalls;
  private final Bpf bpf;
  private final int request;
  private final int finder;
  private final int prober;

  private TargetFinder(Syscalls syscalls, Bpf bpf, int request, int finder, int prober) {
    this.syscalls = syscalls;
    this.bpf = bpf;
    this.request = request;
    this.finder = finder;
    this.prober = prober;
  }

  /** A finder, or what is wrong: one of the two is null. */
  public record Made(@Nullable TargetFinder finder, String wrong) {}

  /** One that puts sockets into the slots of these maps. */
  public static Made make(Syscalls syscalls, TargetMaps maps) {
    Bpf bpf = new Bpf(syscalls);
    int request =
        bpf.createMap(
            Bpf.MapSpec.of(Linux.BPF_MAP_TYPE_ARRAY, 4, REQUEST_BYTES, 1, "sluice_request"));
    if (request < 0) {
      return new Made(null, "can't make a map: " + Linux.errnoName(-request));
    }
    Bpf.LoadedProgram finder =
        bpf.load(Linux.BPF_PROG_TYPE_SCHED_CLS, 0, findCode(request, maps.slots()), "sluice_find");
    Bpf.LoadedProgram prober =
        finder.isLoaded()
            ? bpf.load(
                Linux.BPF_PROG_TYPE_SK_LOOKUP,
                Linux.BPF_SK_LOOKUP,
                probeCode(maps.slots()),
                "sluice_probe")
            : finder;
    if (prober.isLoaded()) {
      return new Made(new TargetFinder(syscalls, bpf, request, finder.fd(), prober.fd()), "");
    }
    int _ = syscalls.close(request);
    if (finder.isLoaded()) {
      int _ = syscalls.close(finder.fd());
    }
    String which = finder.isLoaded() ? "asks" : "looks for";
    return new Made(
        null,
        "the kernel refuses the program that %s targets' sockets: %s"
            .formatted(which, prober.message().lines().findFirst().orElse("")));
  }

  /** Looks for a target's socket, and puts it into the slot. */
  public Found find(IpAddress address, int port, int slot) {
    boolean ipv4 = address.family() == Family.IPV4;
    ByteBuffer value = ByteBuffer.allocate(REQUEST_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    value.put(ipv4 ? LOCAL_IP4 : LOCAL_IP6, address.toBytes());
    int tupleBytes = ipv4 ? IPV4_TUPLE_BYTES : IPV6_TUPLE_BYTES;
    value.putShort(tupleBytes - 2, Short.reverseBytes((short) port));
    value.putInt(FAMILY, address.family().number()).putInt(SLOT, slot).putInt(PORT, port);
    int result = bpf.update(request, FIRST, value.array(), Linux.BPF_ANY);
    if (result < 0) {
      return Found.REFUSED;
    }
    int answer = bpf.testRun(finder);
    return answer < 0
        ? Found.REFUSED
        : switch (answer) {
          case 0 -> Found.REGISTERED;
          case Linux.ENOENT -> Found.ABSENT;
          case Linux.EADDRINUSE -> Found.OTHERS;
          case Linux.EOPNOTSUPP -> Found.UNSUPPORTED;
          default -> Found.REFUSED;
        };
  }

  /** Whether the socket in a slot takes connections of a family now. */
  public boolean takes(int slot, Family family) {
    ByteBuffer context = ByteBuffer.allocate(SkLookupContext.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    context.putInt(SkLookupContext.FAMILY, family.number());
    context.putInt(SkLookupContext.PROTOCOL, Linux.IPPROTO_TCP);
    context.putInt(SkLookupContext.REMOTE_IP4, slot).putInt(SkLookupContext.REMOTE_IP6, slot);
    return bpf.testRun(prober, context.array(), new byte[SkLookupContext.BYTES])
        == LookupProgram.SK_PASS;
  }

  /** Answers 0, or a positive errno that says why not. */
  private static byte[] findCode(int request, int slots) {
    BpfAssembler code = new BpfAssembler().move(R6, R1);
    code.store(Size.WORD, R10, INDEX, 0).moveMap(R1, request);
    LookupProgram.lookUp(code, INDEX, "none");
    code.move(R7, R0).load(Size.WORD, R1, R7, FAMILY).jump(If.EQ, R1, Linux.AF_INET, "ipv4");
    lookUpSocket(code, IPV6_TUPLE_BYTES).jump("found").label("ipv4");
    lookUpSocket(code, IPV4_TUPLE_BYTES).label("found").jump(If.EQ, R0, 0, "none");
    code.move(R6, R0).move(R8, Linux.ENOENT); // R6: the socket, R8: the answer
    code.load(Size.WORD, R1, R6, SOCK_STATE).jump(If.NE, R1, LISTEN, "release");
    code.move(R8, Linux.EADDRINUSE).load(Size.WORD, R1, R6, SOCK_PORT);
    code.load(Size.WORD, R2, R7, PORT).jump(If.NE, R1, R2, "release");
    code.load(Size.WORD, R1, R7, FAMILY).jump(If.EQ, R1, Linux.AF_INET, "address4");
    code.move(R3, 0);
    for (int i = 0; i < 16; i += 4) {
      code.load(Size.WORD, R1, R6, SOCK_IP6 + i).alu(Alu.OR, R3, R1);
    }
    code.jump(If.EQ, R3, 0, "right"); // it listens on all addresses
    for (int i = 0; i < 16; i += 4) {
      code.load(Size.WORD, R1, R6, SOCK_IP6 + i).load(Size.WORD, R2, R7, LOCAL_IP6 + i);
      code.jump(If.NE, R1, R2, "release");
    }
    code.jump("right").label("address4").load(Size.WORD, R1, R6, SOCK_IP4);
    code.jump(If.EQ, R1, 0, "right").load(Size.WORD, R2, R7, LOCAL_IP4);
    code.jump(If.NE, R1, R2, "release").label("right").move(R2, R7).alu(Alu.ADD, R2, SLOT);
    code.moveMap(R1, slots).move(R3, R6).move(R4, Linux.BPF_ANY);
    code.call(Linux.BPF_FUNC_MAP_UPDATE_ELEM).move(R8, 0).alu(Alu.SUB, R8, R0);
    code.label("release").move(R1, R6).call(Linux.BPF_FUNC_SK_RELEASE).move(R0, R8).exit();
    return code.label("none").move(R0, Linux.ENOENT).exit().assemble();
  }

  private static BpfAssembler lookUpSocket(BpfAssembler code, int tupleBytes) {
    return code.move(R1, R6)
        .move(R2, R7)
        .move(R3, tupleBytes)
        .move(R4, THIS_NAMESPACE)
        .move(R5, 0)
        .call(Linux.BPF_FUNC_SK_LOOKUP_TCP);
  }

  /** Passes if the socket in the slot that the remote address is can be assigned. */
  private static byte[] probeCode(int slots) {
    BpfAssembler code = new BpfAssembler().move(R6, R1);
    code.load(Size.WORD, R1, R6, SkLookupContext.FAMILY);
    code.load(Size.WORD, R2, R6, SkLookupContext.REMOTE_IP4).jump(If.EQ, R1, Linux.AF_INET, "slot");
    code.load(Size.WORD, R2, R6, SkLookupContext.REMOTE_IP6).label("slot");
    code.store(Size.WORD, R10, INDEX, R2).moveMap(R1, slots);
    LookupProgram.lookUp(code, INDEX, "no");
    code.move(R7, R0).move(R1, R6).move(R2, R7).move(R3, Linux.BPF_SK_LOOKUP_F_NO_REUSEPORT);
    code.call(Linux.BPF_FUNC_SK_ASSIGN).move(R8, R0).move(R1, R7);
    code.call(Linux.BPF_FUNC_SK_RELEASE).move(R0, LookupProgram.SK_PASS);
    return code.jump(If.EQ, R8, 0, "yes").label("no").move(R0, 0).label("yes").exit().assemble();
  }

  /** Gives the descriptors back. */
  public void close() {
    int _ = syscalls.close(finder);
    int _ = syscalls.close(prober);
    int _ = syscalls.close(request);
  }
}
