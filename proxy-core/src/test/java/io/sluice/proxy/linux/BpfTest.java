package io.sluice.proxy.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.proxy.linux.Bpf.LoadedProgram;
import io.sluice.proxy.linux.Bpf.MapSpec;
import io.sluice.proxy.linux.BpfAssembler.Register;
import io.sluice.proxy.linux.BpfAssembler.Size;
import java.util.ArrayDeque;
import java.util.Deque;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** bpf(2) on this machine's kernel; nothing is attached that could be in anybody's way. */
class BpfTest {
  private static final byte[] KEY = {1, 0, 0, 0};
  private static final byte[] VALUE = {1, 2, 3, 4, 5, 6, 7, 8};

  private final Syscalls syscalls = new Syscalls();
  private final Bpf bpf = new Bpf(syscalls);
  private final Deque<Integer> open = new ArrayDeque<>();

  @BeforeEach
  void mapsMayBeMade() {
    int map = bpf.createMap(MapSpec.of(Linux.BPF_MAP_TYPE_SOCKMAP, 4, 8, 1, "probe"));
    assumeTrue(map >= 0, "needs the right to make a SOCKMAP: " + Linux.errnoName(-map));
    open.add(map);
  }

  @AfterEach
  void close() {
    open.forEach(syscalls::close);
  }

  private int opened(int fd) {
    assertThat(fd).isNotNegative();
    open.push(fd);
    return fd;
  }

  private int program(int answer) {
    byte[] code = new BpfAssembler().move(Register.R0, answer).exit().assemble();
    LoadedProgram program =
        bpf.load(Linux.BPF_PROG_TYPE_SK_LOOKUP, Linux.BPF_SK_LOOKUP, code, "test");
    assertThat(program.message()).isEqualTo("loaded");
    return opened(program.fd());
  }

  @Test
  void aMapGivesBackWhatWasPutIn() {
    int map = opened(bpf.createMap(MapSpec.of(Linux.BPF_MAP_TYPE_HASH, 4, 8, 2, "test")));
    byte[] value = new byte[8];
    assertThat(bpf.lookup(map, KEY, value)).isEqualTo(-Linux.ENOENT);
    assertThat(bpf.update(map, KEY, VALUE, Linux.BPF_EXIST)).isEqualTo(-Linux.ENOENT);
    assertThat(bpf.update(map, KEY, VALUE, Linux.BPF_ANY)).isZero();
    assertThat(bpf.update(map, KEY, VALUE, Linux.BPF_NOEXIST)).isEqualTo(-Linux.EEXIST);
    assertThat(bpf.lookup(map, KEY, value)).isZero();
    assertThat(value).isEqualTo(VALUE);
    byte[] next = new byte[4];
    assertThat(bpf.nextKey(map, null, next)).isZero();
    assertThat(next).isEqualTo(KEY);
    assertThat(bpf.nextKey(map, KEY, next)).isEqualTo(-Linux.ENOENT);
    assertThat(bpf.delete(map, KEY)).isZero();
    assertThat(bpf.delete(map, KEY)).isEqualTo(-Linux.ENOENT);
  }

  @Test
  void aMapThatCannotBeIsRefused() {
    assertThat(bpf.createMap(MapSpec.of(Linux.BPF_MAP_TYPE_SOCKMAP, 8, 8, 1, "test")))
        .isEqualTo(-Linux.EINVAL);
    assertThatIllegalArgumentException()
        .isThrownBy(() -> MapSpec.of(Linux.BPF_MAP_TYPE_HASH, 4, 4, 1, "with space"))
        .withMessageContaining("\"with space\" is no name of a BPF object");
  }

  @Test
  void aRefusedProgramSaysWhyInOneLineAndThenEverything() {
    byte[] code =
        new BpfAssembler()
            .load(Size.WORD, Register.R0, Register.R1, 68) // past the last field
            .exit()
            .assemble();
    LoadedProgram program =
        bpf.load(Linux.BPF_PROG_TYPE_SK_LOOKUP, Linux.BPF_SK_LOOKUP, code, "test");
    assertThat(program.isLoaded()).isFalse();
    assertThat(program.fd()).isEqualTo(-Linux.EACCES);
    assertThat(program.message().lines().findFirst())
        .hasValue("EACCES: invalid bpf_context access off=68 size=4");
    assertThat(program.log()).contains("0: (61) r0 = *(u32 *)(r1 +68)");
  }

  @Test
  void aTestRunGivesTheAnswerAndTheContext() {
    byte[] context = new byte[72];
    context[8] = Linux.AF_INET;
    context[12] = Linux.IPPROTO_TCP;
    byte[] out = new byte[72];
    assertThat(bpf.testRun(program(1), context, out)).isEqualTo(1);
    assertThat(out).isEqualTo(context);
    assertThat(bpf.testRun(program(0), context, out)).isZero();
    assertThat(bpf.testRunNanos(program(1), context, 1_000)).isBetween(0, 1_000_000);
    context[64] = 1; // ingress_ifindex can't be made up
    assertThat(bpf.testRun(program(1), context, out)).isEqualTo(-Linux.EINVAL);
    assertThat(bpf.testRunNanos(program(1), context, 1)).isEqualTo(-Linux.EINVAL);
  }

  @Test
  void aLinkIsAttachedUpdatedAndDetached() {
    int namespace = opened(syscalls.open("/proc/self/ns/net"));
    int first = program(1);
    int second = program(1);
    int link = opened(bpf.createLink(first, namespace, Linux.BPF_SK_LOOKUP));
    int[] ids = new int[64]; // others may attach and detach here meanwhile
    assertThat(bpf.queryPrograms(namespace, Linux.BPF_SK_LOOKUP, ids)).isPositive();
    assertThat(ids[0]).isPositive();
    assertThat(bpf.queryPrograms(namespace, Linux.BPF_SK_LOOKUP, new int[0])).isPositive();
    assertThat(bpf.replaceLink(link, second, second)).isEqualTo(-Linux.EPERM);
    assertThat(bpf.replaceLink(link, second, first)).isZero();
    assertThat(bpf.updateLink(link, first)).isZero();
    assertThat(bpf.detachLink(link)).isZero();
    assertThat(bpf.detachLink(link)).as("again").isZero();
    assertThat(bpf.updateLink(link, first)).isEqualTo(-67); // ENOLINK
  }
}
