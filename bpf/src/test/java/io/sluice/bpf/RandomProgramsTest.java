package io.sluice.bpf;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.bpf.compile.ProgramCompiler;
import io.sluice.bpf.isa.RejectedException;
import io.sluice.bpf.object.LinkedProgram;
import io.sluice.bpf.object.MapSpec;
import io.sluice.bpf.run.Code;
import io.sluice.bpf.run.MapEntries;
import io.sluice.bpf.run.Maps;
import io.sluice.bpf.run.ProgramType;
import io.sluice.bpf.run.Run;
import io.sluice.bpf.run.Trap;
import io.sluice.bpf.verify.Verified;
import io.sluice.bpf.verify.Verifier;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/**
 * Random programs, each by its seed: compiled code and the interpreter give the same result, leave
 * the same memory and the same maps, or end with the same trap. More of them: {@code
 * -Dbpf.random.factor=10}.
 */
final class RandomProgramsTest {
  private static final int FACTOR = Integer.getInteger("bpf.random.factor", 1);
  private static final int BUDGET = 1 << 22;
  private static final int RUNS = 3;

  private final Map<String, Integer> counts = new TreeMap<>();
  private final Side compiledSide = new Side();
  private final Side interpretedSide = new Side();

  /** The maps of one of the two that are compared. */
  private static final class Side {
    final Map<MapSpec, Object> maps = new HashMap<>();

    Side() {
      try {
        maps.putAll(Maps.forThreads(1).of(RandomPrograms.MAPS));
      } catch (RejectedException never) {
        throw new IllegalStateException(never);
      }
    }

    String contents() {
      return RandomPrograms.MAPS.stream()
          .map(it -> MapEntries.all(Objects.requireNonNull(maps.get(it)), 20).toString())
          .toList()
          .toString();
    }
  }

  private void count(String what) {
    counts.merge(what, 1, Integer::sum);
  }

  private int counted(String what) {
    return counts.getOrDefault(what, 0);
  }

  @Test
  void shortProgramsDoTheSameCompiledAndInterpreted() {
    for (int seed = 0; seed < 20_000 * FACTOR; seed++) {
      Random random = new Random(seed);
      compare(seed, random, 5 + random.nextInt(60));
    }
    System.out.println("random bpf programs, short: " + counts);
    assertThat(counted("accepted")).isGreaterThan(18_000 * FACTOR);
    assertThat(counted("returned")).isGreaterThan(40_000 * FACTOR);
  }

  /** Longer than a method may be: their functions are made of parts. */
  @Test
  void longProgramsDoTheSameCompiledAndInterpreted() {
    for (int seed = 0; seed < 200 * FACTOR; seed++) {
      Random random = new Random(-1 - seed);
      compare(-1 - seed, random, seed % 20 == 0 ? 20_000 : 1_000 + random.nextInt(2_500));
    }
    System.out.println("random bpf programs, long: " + counts);
    assertThat(counted("accepted")).isGreaterThan(150 * FACTOR);
    assertThat(counted("returned")).isGreaterThan(300 * FACTOR);
  }

  private void compare(int seed, Random random, int instructions) {
    ProgramType type = random.nextBoolean() ? ProgramType.MEMORY : ProgramType.SK_LOOKUP;
    LinkedProgram program = RandomPrograms.next(random, type, instructions);
    Verified verified;
    try {
      verified = Verifier.verify(program, type);
    } catch (RejectedException rejected) {
      count("rejected");
      if (Boolean.getBoolean("bpf.random.print")) {
        System.out.println(seed + ": " + rejected.line());
      }
      return;
    }
    count("accepted");
    Code compiled;
    try {
      compiled = ProgramCompiler.compile(verified, compiledSide.maps);
    } catch (RuntimeException failed) {
      throw new AssertionError(
          "seed %d, %d instructions".formatted(seed, program.length()), failed);
    }
    Interpreter interpreter = new Interpreter(program, type, interpretedSide.maps);
    Run first = new Run();
    Run second = new Run();
    for (int i = 0; i < RUNS; i++) {
      byte[] memory = new byte[RandomPrograms.MEMORY_BYTES];
      random.nextBytes(memory);
      byte[] copy = memory.clone();
      LookupContext context = packet(random);
      String one = outcome(type, compiled, first.begin(context, BUDGET), context, memory);
      String other = outcome(type, interpreter, second.begin(context, BUDGET), context, copy);
      boolean same =
          one.equals(other)
              && Arrays.equals(memory, copy)
              && Arrays.equals(first.stack, 0, 512, second.stack, 0, 512)
              && compiledSide.contents().equals(interpretedSide.contents());
      if (!same) {
        throw new AssertionError(
            "seed %d, run %d: compiled %s, interpreted %s%n%s%n%s%n%s"
                .formatted(
                    seed,
                    i,
                    one,
                    other,
                    compiledSide.contents(),
                    interpretedSide.contents(),
                    program.length() < 400 ? String.join("\n", program.listing()) : ""));
      }
      count(one.startsWith("trap") ? "trapped" : "returned");
    }
  }

  private static String outcome(
      ProgramType type, Code code, Run run, LookupContext context, byte[] memory) {
    boolean isMemory = type == ProgramType.MEMORY;
    try {
      long result = code.run(run, isMemory ? memory : context, isMemory ? memory.length : 0);
      return Long.toHexString(result);
    } catch (Trap trap) {
      return "trap: " + trap.getMessage();
    }
  }

  private static LookupContext packet(Random random) {
    Family family = random.nextBoolean() ? Family.IPV4 : Family.IPV6;
    String prefix = family == Family.IPV4 ? "198.51.100." : "2001:db8::";
    return new LookupContext()
        .of(
            random.nextBoolean() ? Protocol.TCP : Protocol.UDP,
            IpAddress.parse(prefix + random.nextInt(200)),
            random.nextInt(65_536),
            IpAddress.parse(prefix + random.nextInt(200)),
            random.nextInt(65_536),
            random.nextInt(100));
  }
}
