package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The short version of the campaign in {@code deploy/torture}: attacks, while healthy clients use
 * the daemon. It has no bounds on time, so that a busy machine doesn't fail it, and takes two
 * minutes at most. Runs with {@code -Dtorture=true} only.
 */
final class TortureIT {
  /** The exit code of the campaign where it can't run; its last line says why. */
  private static final int SKIPPED = 77;

  private static final int LIMIT_MINUTES = 5;

  @TempDir private static Path tree = Path.of(".");

  @Test
  void healthyClientsNoticeNoAttack() throws Exception {
    assumeTrue(Boolean.getBoolean("torture"), "takes two minutes: -Dtorture=true runs it");
    assumeTrue(Netns.has("python3"), "needs python3");
    Path sluice = InstalledTree.make(tree);
    Path log = tree.resolve("torture.log");
    ProcessBuilder builder =
        new ProcessBuilder(
                InstalledTree.checkout().resolve("deploy/torture/torture").toString(),
                "--short",
                "--sluice",
                sluice.toString(),
                "--out",
                tree.resolve("results.json").toString())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile());
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    Process process = builder.start();
    try {
      boolean ended = process.waitFor(LIMIT_MINUTES, TimeUnit.MINUTES);
      String said = Files.readString(log);
      System.out.println(said);
      assertThat(ended).as("ended within %d minutes", LIMIT_MINUTES).isTrue();
      assumeTrue(process.exitValue() != SKIPPED, said.strip());
      assertThat(said.lines()).filteredOn(line -> line.startsWith("BROKEN ")).isEmpty();
      assertThat(said).contains("No bound is broken.");
      assertThat(process.exitValue()).isZero();
    } finally {
      // It takes down what it made when it is asked to end.
      process.destroy();
      process.waitFor(1, TimeUnit.MINUTES);
    }
  }
}
