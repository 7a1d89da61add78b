package io.sluice.bpf;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.bpf.compile.ProgramCompiler;
import io.sluice.bpf.isa.RejectedException;
import io.sluice.bpf.object.LinkedProgram;
import io.sluice.bpf.object.MapSpec;
import io.sluice.bpf.object.Reference;
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
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.BiConsumer;
import java.util.stream.IntStream;
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

  private final Map<String, Integer> counts = new ConcurrentSkipListMap<>();

  /** What compiled code runs over, and the interpreter; of one thread. */
  private record Sides(Side compiled, Side interpreted) {}

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
    forSeeds(
        20_000 * FACTOR,
        (seed, sides) -> {
          Random random = new Random(seed);
          compare(seed, sides, random, 5 + random.nextInt(45));
        });
    System.out.println("random bpf programs, short: " + counts);
    assertThat(counted("accepted")).isGreaterThan(18_000 * FACTOR);
    assertThat(counted("returned")).isGreaterThan(40_000 * FACTOR);
  }

  /** Longer than a method may be: their functions are made of parts. */
  @Test
  void longProgramsDoTheSameCompiledAndInterpreted() {
    forSeeds(
        200 * FACTOR,
        (seed, sides) -> {
          Random random = new Random(-1 - seed);
          int length = seed % 20 == 0 ? 20_000 : 1_000 + random.nextInt(2_500);
          compare(-1 - seed, sides, random, length);
        });
    System.out.println("random bpf programs, long: " + counts);
    assertThat(counted("accepted")).isGreaterThan(150 * FACTOR);
    assertThat(counted("returned")).isGreaterThan(300 * FACTOR);
  }

  /** Programs of which a few bits are others: nothing of them gets out of its bounds. */
  @Test
  void programsWithFlippedBitsAreRefusedOrRunHarmlessly() {
    forSeeds(10_000 * FACTOR, this::runFlipped);
    System.out.println("random bpf programs, flipped bits: " + counts);
    assertThat(counted("rejected")).isGreaterThan(1_000 * FACTOR);
    assertThat(counted("returned")).isGreaterThan(1_000 * FACTOR);
    assertThat(counted("trapped")).isPositive();
  }

  /** Runs numbers from 0 on, on all processors. */
  private static void forSeeds(int count, BiConsumer<Integer, Sides> work) {
    int chunk = 50;
    IntStream.range(0, count / chunk)
        .parallel()
        .forEach(it -> {
          Sides sides = new Sides(new Side(), new Side());
          for (int i = 0; i < chunk; i++) {
            work.accept(it * chunk + i, sides);
          }
        });
  }

  private void runFlipped(int seed, Sides sides) {
    Random random = new Random(seed);
    ProgramType type = random.nextBoolean() ? ProgramType.MEMORY : ProgramType.SK_LOOKUP;
    LinkedProgram program =
        flipped(RandomPrograms.next(random, type, 5 + random.nextInt(40)), random);
    try {
      Code code = ProgramCompiler.compile(Verifier.verify(program, type), sides.compiled.maps);
      byte[] memory = new byte[RandomPrograms.MEMORY_BYTES];
      Run run = new Run();
      LookupContext context = packet(random);
      String outcome = outcome(type, code, run.begin(context, 10_000), context, memory);
      assertThat(run.budget).as("seed %d", seed).isBetween(-1, 10_000);
      count(outcome.startsWith("trap") ? "trapped" : "returned");
    } catch (RejectedException rejected) {
      assertThat(rejected.line()).as("seed %d", seed).isNotBlank().doesNotContain("\n");
      count("rejected");
    } catch (RuntimeException | Error failed) {
      throw new AssertionError("seed " + seed, failed);
    }
  }

  private static LinkedProgram flipped(LinkedProgram program, Random random) {
    long[] words = new long[program.length()];
    Map<Integer, Reference> references = new HashMap<>();
    for (int i = 0; i < words.length; i++) {
      words[i] = program.word(i);
      Reference reference = program.reference(i);
      if (reference != null) {
        references.put(i, reference);
      }
    }
    for (int i = 0; i <= random.nextInt(3); i++) {
      words[random.nextInt(words.length)] ^= 1L << random.nextInt(Long.SIZE);
    }
    return new LinkedProgram(
        "flipped", program.section(), words, program.functions(), references, Map.of());
  }

  private void compare(int seed, Sides sides, Random random, int instructions) {
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
      compiled = ProgramCompiler.compile(verified, sides.compiled.maps);
    } catch (RuntimeException failed) {
      throw new AssertionError(
          "seed %d, %d instructions".formatted(seed, program.length()), failed);
    }
    Interpreter interpreter = new Interpreter(program, type, sides.interpreted.maps);
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
              && (i < RUNS - 1 || sides.compiled.contents().equals(sides.interpreted.contents()));
      if (!same) {
        throw new AssertionError(
            "seed %d, run %d: compiled %s, interpreted %s%n%s%n%s%n%s"
                .formatted(
                    seed,
                    i,
                    one,
                    other,
                    sides.compiled.contents(),
                    sides.interpreted.contents(),
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
