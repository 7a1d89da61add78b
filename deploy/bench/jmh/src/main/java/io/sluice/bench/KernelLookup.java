package io.sluice.bench;

import static io.sluice.proxy.linux.BpfAssembler.Register.R0;
import static io.sluice.proxy.linux.BpfAssembler.Register.R1;
import static io.sluice.proxy.linux.BpfAssembler.Register.R10;
import static io.sluice.proxy.linux.BpfAssembler.Register.R2;
import static io.sluice.proxy.linux.BpfAssembler.Register.R7;

import io.sluice.proxy.linux.Bpf;
import io.sluice.proxy.linux.Bpf.LoadedProgram;
import io.sluice.proxy.linux.Bpf.MapSpec;
import io.sluice.proxy.linux.BpfAssembler;
import io.sluice.proxy.linux.BpfAssembler.Alu;
import io.sluice.proxy.linux.BpfAssembler.If;
import io.sluice.proxy.linux.BpfAssembler.Size;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/**
 * What the kernel's own SK_LOOKUP program needs for the bindings of {@link LookupBenchmark}: two
 * lookups in an LPM_TRIE, of the exact port and of any, in BPF_PROG_TEST_RUN. Prints nanoseconds
 * per lookup, and writes them as JMH would.
 *
 * <p>usage, as root: {@code java --enable-native-access=ALL-UNNAMED -cp benchmarks.jar
 * io.sluice.bench.KernelLookup [-rff FILE]}
 *
 * <p>Each run takes a packet's key at random from an array map. What that takes is measured by a
 * program that does nothing else, and subtracted.
 */
public final class KernelLookup {
  private static final int[] SIZES = {1, 1_000, 100_000, 1_000_000};
  private static final int KEYS = 1 << 16;
  private static final int ROUNDS = 7;
  private static final int REPEAT = 1_000_000;
  private static final int GET_PRANDOM_U32 = 7;
  private static final int CONTEXT_BYTES = 72;

  /** <pre>  0 prefix length  4 protocol(2)  6 port(2)  8 address(be)  </pre> */
  private static final int KEY = -32;

  private static final int FIXED_BITS = 32;

  private final Syscalls syscalls = new Syscalls();
  private final Bpf bpf = new Bpf(syscalls);

  private KernelLookup() {}

  /** Measures all sizes and both families. */
  public static void main(String[] arguments) throws IOException {
    KernelLookup kernel = new KernelLookup();
    LoadedProgram probe = kernel.load(new BpfAssembler().move(R0, 1).exit());
    if (!probe.isLoaded()) {
      System.out.println("skipped: needs the right to load SK_LOOKUP programs: " + probe.message());
      return;
    }
    List<String> results = new ArrayList<>();
    for (Addresses addresses : List.of(Addresses.IPV4, Addresses.IPV6)) {
      for (int size : SIZES) {
        results.add(kernel.measure(addresses, size));
      }
    }
    if (arguments.length == 2 && arguments[0].equals("-rff")) {
      Files.writeString(Path.of(arguments[1]), "[\n" + String.join(",\n", results) + "\n]\n");
    }
  }

  private String measure(Addresses addresses, int size) {
    BindingSet set = BindingSet.of(addresses, size);
    Family family = addresses.family(0);
    int keyBytes = 8 + family.bits() / 8;
    int trie = map(Linux.BPF_MAP_TYPE_LPM_TRIE, keyBytes, size, Linux.BPF_F_NO_PREALLOC, 8);
    for (Binding binding : set.bindings) {
      int length = binding.prefix().length();
      byte[] value = littleEndian(8).putInt(length).array();
      check(
          "a binding",
          bpf.update(trie, key(binding.prefix().address(), length, binding.port()), value, 0));
    }
    int keys = map(Linux.BPF_MAP_TYPE_ARRAY, 4, KEYS, 0, keyBytes);
    Packets packets = set.packets(set.table(), KEYS, true);
    for (int i = 0; i < KEYS; i++) {
      byte[] key = key(packets.address(i), family.bits(), packets.port(i));
      check("a key", bpf.update(keys, littleEndian(4).putInt(i).array(), key, 0));
    }
    int withLookup = program(keys, trie, keyBytes);
    int without = program(keys, -1, keyBytes);
    double[] nanos = new double[ROUNDS];
    for (int round = -1; round < ROUNDS; round++) { // the first warms up
      int took = run(withLookup) - run(without);
      nanos[Math.max(round, 0)] = took;
    }
    for (int fd : new int[] {withLookup, without, keys, trie}) {
      check("close", syscalls.close(fd));
    }
    return report(addresses, size, nanos);
  }

  private static String report(Addresses addresses, int size, double[] nanos) {
    double[] sorted = nanos.clone();
    Arrays.sort(sorted);
    double median = sorted[ROUNDS / 2];
    double error = (sorted[ROUNDS - 1] - sorted[0]) / 2;
    System.out.printf(
        Locale.ROOT, "kernel %s %7d bindings: %5.0f ± %.0f ns%n", addresses, size, median, error);
    return String.format(
        Locale.ROOT,
        """
        {"benchmark": "io.sluice.bench.KernelLookup.match", "mode": "avgt",
         "params": {"addresses": "%s", "bindings": "%d", "hits": "true"},
         "primaryMetric": {"score": %.1f, "scoreError": %.1f, "scoreUnit": "ns/op", "rawData": [%s]},
         "secondaryMetrics": {}}\
        """,
        addresses,
        size,
        median,
        error,
        Arrays.toString(nanos));
  }

  private int run(int program) {
    byte[] context = littleEndian(CONTEXT_BYTES).putInt(8, Linux.AF_INET).array();
    ByteBuffer.wrap(context).order(ByteOrder.LITTLE_ENDIAN).putInt(12, Protocol.TCP.number());
    return check("run", bpf.testRunNanos(program, context, REPEAT));
  }

  private static byte[] key(IpAddress address, int length, int port) {
    byte[] bytes = address.toBytes();
    byte[] key = new byte[8 + bytes.length];
    ByteBuffer.wrap(key)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(FIXED_BITS + length)
        .putShort((short) Protocol.TCP.number())
        .putShort((short) port)
        .put(bytes);
    return key;
  }

  /** Puts a random key on the stack, and with a trie looks for the longer of its two prefixes. */
  private int program(int keys, int trie, int keyBytes) {
    BpfAssembler code = new BpfAssembler().call(GET_PRANDOM_U32).alu(Alu.AND, R0, KEYS - 1);
    code.store(Size.WORD, R10, -4, R0).moveMap(R1, keys).move(R2, R10).alu(Alu.ADD, R2, -4);
    code.call(Linux.BPF_FUNC_MAP_LOOKUP_ELEM).jump(If.EQ, R0, 0, "end").move(R7, R0);
    for (int i = 0; i < keyBytes; i += 4) {
      code.load(Size.WORD, R1, R7, i).store(Size.WORD, R10, KEY + i, R1);
    }
    if (trie >= 0) {
      lookup(code, trie).move(R7, R0).store(Size.HALF, R10, KEY + 6, Binding.ANY_PORT);
      lookup(code, trie).jump(If.EQ, R7, 0, "end").jump(If.EQ, R0, 0, "end");
      code.load(Size.WORD, R1, R7, 0).load(Size.WORD, R2, R0, 0).jump(If.LT, R1, R2, "end");
      code.move(R0, R7);
    }
    LoadedProgram program = load(code.label("end").move(R0, 1).exit());
    if (!program.isLoaded()) {
      throw new IllegalStateException(program.message());
    }
    return program.fd();
  }

  private static BpfAssembler lookup(BpfAssembler code, int trie) {
    code.moveMap(R1, trie).move(R2, R10).alu(Alu.ADD, R2, KEY);
    return code.call(Linux.BPF_FUNC_MAP_LOOKUP_ELEM);
  }

  private LoadedProgram load(BpfAssembler code) {
    return bpf.load(Linux.BPF_PROG_TYPE_SK_LOOKUP, Linux.BPF_SK_LOOKUP, code.assemble(), "bench");
  }

  private int map(int type, int keyBytes, int size, int flags, int valueBytes) {
    return check(
        "a map", bpf.createMap(new MapSpec(type, keyBytes, valueBytes, size, flags, 0, "bench")));
  }

  private static ByteBuffer littleEndian(int size) {
    return ByteBuffer.wrap(new byte[size]).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static int check(String what, int result) {
    if (result < 0) {
      throw new IllegalStateException(what + ": " + Linux.errnoName(-result));
    }
    return result;
  }
}
