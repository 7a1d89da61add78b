package io.sluice.proxy.fuzz;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.stream.Stream;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A parser for Jazzer, which looks for inputs by coverage. By its name it is not among the tests
 * that Maven runs by itself: Jazzer's agent rewrites classes of the whole process. By hand, for any
 * {@link FuzzTarget}, until it finds something or ten minutes have passed:
 *
 * <pre>{@code
 * JAZZER_FUZZ=1 scripts/mvn -pl steering,config,bpf,proxy-core test -Dtest=ParserFuzz -Dtarget=LOOKUP \
 *   -Dsurefire.failIfNoSpecifiedTests=false
 * }</pre>
 *
 * <p>It prints what it finds, and keeps it in {@code src/test/resources} of this module.
 */
final class ParserFuzz {
  private static final FuzzTarget TARGET =
      FuzzTarget.valueOf(System.getProperty("target", FuzzTarget.CONFIGURATION.name()));

  static Stream<byte[]> seeds() {
    return TARGET.seeds().stream();
  }

  @MethodSource("seeds")
  @FuzzTest(maxDuration = "10m") // last: Jazzer asks for that
  void parse(byte[] input) {
    TARGET.run(input);
  }
}
