package io.sluice.proxy.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.linux.Linux;
import java.util.Random;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Random programs, run by the kernel (BPF_PROG_TEST_RUN) and by the engine: verdict, selected
 * socket, and all that the program saw are the same.
 */
@Tag("conformance")
class TestRunConformanceTest {
  private static final int WORLDS = 60;
  private static final int PROGRAMS = 12;
  private static final int CASES = 250;
  private static final byte[] FIRST = Kernel.word(0);

  private final Kernel kernel = new Kernel();

  @BeforeAll
  static void kernelTakesPrograms() {
    Kernel.assumeItTakesPrograms();
  }

  @Test
  void randomProgramsDoAsInTheKernel() {
    Tally tally = Tally.seeded();
    for (int i = 0; i < WORLDS && !tally.isFull(); i++) {
      try (World world = new World(kernel, new Random(tally.random().nextLong()))) {
        tally.differences(world.maps.takeDifferences());
        for (int j = 0; j < PROGRAMS && !tally.isFull(); j++) {
          runProgram(world, tally);
        }
      }
    }
    tally.print("test_run");
    assertThat(tally.differences()).isEmpty();
    assertThat(tally.cases()).isGreaterThanOrEqualTo(100_000);
    assertThat(tally.count("assign")).isGreaterThan(tally.cases() / 10);
    assertThat(tally.answers())
        .as("each error of sk_assign and of the maps' helpers was met")
        .containsKeys("EINVAL", "ESOCKTNOSUPPORT", "EPROTOTYPE", "EAFNOSUPPORT", "EEXIST")
        .containsKeys("E2BIG", "ENOENT", "EOPNOTSUPP");
  }

  @Test
  void anEngineThatIsWrongAboutSocketsIsFoundOut() {
    Tally tally = new Tally(1);
    try (World world = new World(kernel, tally.random())) {
      world.lie();
      for (int j = 0; j < PROGRAMS; j++) {
        runProgram(world, tally);
      }
    }
    assertThat(tally.differences()).isNotEmpty();
  }

  private void runProgram(World world, Tally tally) {
    Random random = new Random(tally.random().nextLong());
    Step.Source source = new ProgramGenerator(random, world::fill, true).program();
    int digestMap = kernel.map(Linux.BPF_MAP_TYPE_ARRAY, 4, 8, 1);
    int program = kernel.lookupProgram(KernelCode.of(source, world.maps, digestMap));
    EngineProgram engine = new EngineProgram(source, world.maps, tally);
    TestRun run = new TestRun(world, program, engine);
    tally.program();
    for (int i = 0; i < CASES; i++) {
      if (random.nextInt(20) == 0) {
        world.stir();
      }
      world.fill(run.context);
      String difference = run.compare(tally);
      if (difference == null) {
        difference = digestDifference(digestMap, engine);
      }
      if (difference != null) {
        tally.difference("case " + i + " of " + source + "\n  " + difference);
        break;
      }
    }
    tally.differences(world.maps.takeDifferences());
    kernel.close(program);
    kernel.close(digestMap);
  }

  private @Nullable String digestDifference(int digestMap, EngineProgram engine) {
    byte[] value = new byte[8];
    Kernel.check("digest", kernel.bpf.lookup(digestMap, FIRST, value));
    long digest = Kernel.bytes(8).put(value).getLong(0);
    return digest == engine.digest()
        ? null
        : "the program saw something else: digest " + digest + " and " + engine.digest();
  }
}
