package io.sluice.bpf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.bpf.isa.RejectedException;
import io.sluice.bpf.object.ObjectFile;
import io.sluice.bpf.run.Maps;
import io.sluice.bpf.run.Trap;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Wrong objects are refused in one clear line; damaged ones are refused, or run harmlessly. */
final class RefusedObjectsTest {
  private static final int BUDGET = 20_000;

  private static final String MAPS =
      """
      struct { __uint(type, BPF_MAP_TYPE_SOCKMAP); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); } socks SEC(".maps");
      struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4); __type(key, __u32); __type(value, __u64); } hash SEC(".maps");
      """;

  private static LookupProgram load(byte[] object) throws RejectedException {
    ObjectFile file = ObjectFile.read(object);
    return LookupProgram.load(file, file.program("prog"), Maps.forThreads(1), BUDGET);
  }

  private static byte[] compiled(String section, String before, String body) throws Exception {
    return Clang.compiledText(
        "#include \"sluice_bpf.h\"\n"
            + MAPS
            + before
            + "\nSEC(\""
            + section
            + "\") int prog(struct bpf_sk_lookup *ctx) { "
            + body
            + " }\n");
  }

  private static LookupContext packet(int port) {
    return new LookupContext()
        .of(
            Protocol.TCP,
            IpAddress.parse("198.51.100.7"),
            40_000,
            IpAddress.parse("192.0.2.7"),
            port,
            1);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          extern function   | extern int kernel(void) SEC(".ksyms");  | return kernel();                                                                  | calls extern kernel
          extern variable   | extern int CONFIG_HZ SEC(".kconfig");   | return CONFIG_HZ & 1;                                                             | extern CONFIG_HZ isn't supported
          unknown helper    |                                         | return ((long (*)(void *, int))65)(ctx, 1) & 1;                                   | helper 65 (bpf_
          number too high   |                                         | return ((long (*)(void))9999)() & 1;                                              | helper 9999
          null not checked  |                                         | __u32 k = 1; __u64 *v = bpf_map_lookup_elem(&hash, &k); return *v & 1;            | it may be null; compare it with 0 first
          beyond the value  |                                         | __u32 k = 1; __u64 *v = bpf_map_lookup_elem(&hash, &k); return v ? v[1] & 1 : 0;  | value_size=8 off=8 size=8
          socket leaks      |                                         | __u32 k = 1; return bpf_map_lookup_elem(&socks, &k) ? 1 : 0;                      | isn't released on every path
          wrong verdict     |                                         | return 2;                                                                         | the program returns 2; it may return 0 (drop) or 1 (pass)
          pointer returned  |                                         | return (long)ctx;                                                                 | R0 leaks a pointer
          stack unwritten   |                                         | __u32 k; asm volatile("%0 = *(u32 *)(r10 - 4)" : "=r"(k)); return k & 1;          | nothing was written there
          register unwritten |                                        | int k; asm volatile("%0 = r7" : "=r"(k)); return k & 1;                           | R7 !read_ok
          stack overflows   |                                         | asm volatile("*(u64 *)(r10 - 520) = %0" : : "r"(1L)); return 1;                   | invalid stack access off=-520
          context is written |                                        | ctx->local_port = 1; return 1;                                                    | programs can't write to it
          context is larger |                                         | return ((__u32 *)ctx)[20] & 1;                                                    | invalid bpf_context access off=80
          null pointer      |                                         | return *(volatile int *)8 & 1;                                                    | invalid mem access 'scalar'
          map is too large  | struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 100000000); __type(key, __u32); __type(value, __u64); } big SEC(".maps"); | __u32 k = 1; return bpf_map_lookup_elem(&big, &k) ? 1 : 0; | map big would take
          map is none of ours | struct { __uint(type, BPF_MAP_TYPE_QUEUE); __uint(max_entries, 4); __type(value, __u64); } queue SEC(".maps"); | __u32 k = 1; return bpf_map_lookup_elem(&queue, &k) ? 1 : 0; | of type 22, which isn't supported
          map of size 0     | struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 0); __type(key, __u32); __type(value, __u64); } none SEC(".maps"); | __u32 k = 1; return bpf_map_lookup_elem(&none, &k) ? 1 : 0; | map none: EINVAL
          wrong map         |                                         | __u32 k = 1; __u64 v = 1; return bpf_ringbuf_output(&hash, &v, 8, 0) & 1;         | cannot pass map hash of type HASH to bpf_ringbuf_output
          recursion         | static __attribute__((noinline)) int f(int n) { volatile int m = n; return m > 1 ? f(m - 1) + 1 : m; } | return f(ctx->local_port) & 1; | the function calls itself
          """)
  void aWrongProgramIsRefusedInOneLine(String name, String before, String body, String line)
      throws Exception {
    byte[] object = compiled("sk_lookup", before == null ? "" : before, body);
    assertThatThrownBy(() -> load(object))
        .as(name)
        .isInstanceOf(RejectedException.class)
        .hasMessageContaining(line)
        .hasMessageNotContaining("\n");
  }

  @Test
  void aProgramOfAnotherTypeAndABigEndianOneAreRefused() throws Exception {
    byte[] other = compiled("cgroup/skb", "", "return 1;");
    assertThatThrownBy(() -> load(other)).hasMessageContaining("section cgroup/skb don't run here");
    byte[] big = Clang.compiledText("int x;", "-target", "bpfeb");
    assertThatThrownBy(() -> load(big)).hasMessageContaining("big endian");
    assertThatThrownBy(() -> load(new byte[100])).hasMessageContaining("no ELF file");
  }

  @Test
  void anEndlessLoopIsEndedByTheBudget() throws Exception {
    LookupProgram endless =
        load(compiled("sk_lookup", "", "volatile int on = 1; while (on) ; return 1;"));
    assertThatThrownBy(() -> endless.run(packet(80)))
        .isInstanceOf(Trap.class)
        .hasMessageContaining("budget");
    assertThat(endless.traps()).isEqualTo(1);
  }

  /**
   * One byte, or a few, of the dispatcher's object are others; each file is seeded by its number.
   */
  @Test
  void aDamagedFileIsRefusedOrRunsHarmlessly() throws Exception {
    byte[] whole = Clang.compiled("dispatcher.bpf.c");
    int refused = 0;
    int ran = 0;
    int trapped = 0;
    for (int seed = 0; seed < 3_000; seed++) {
      Random random = new Random(seed);
      byte[] damaged = whole.clone();
      for (int i = 0; i <= random.nextInt(3); i++) {
        damaged[random.nextInt(damaged.length)] = (byte) random.nextInt();
      }
      try {
        ObjectFile file = ObjectFile.read(damaged);
        LookupProgram program =
            LookupProgram.load(file, file.program("dispatcher"), Maps.forThreads(1), BUDGET);
        int answer = program.run(packet(random.nextInt(65_536)));
        assertThat(answer).as("seed %d", seed).isBetween(Integer.MIN_VALUE, Integer.MAX_VALUE);
        ran++;
      } catch (RejectedException rejected) {
        assertThat(rejected.line()).as("seed %d", seed).isNotBlank().doesNotContain("\n");
        refused++;
      } catch (Trap _) {
        trapped++;
      } catch (RuntimeException | Error failed) {
        throw new AssertionError("seed " + seed, failed);
      }
    }
    System.out.printf("damaged objects: refused=%d ran=%d trapped=%d%n", refused, ran, trapped);
    assertThat(refused).isPositive();
    assertThat(ran).isPositive();
  }
}
