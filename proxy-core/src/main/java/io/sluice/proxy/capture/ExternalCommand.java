package io.sluice.proxy.capture;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/** Runs commands of this machine, like {@code ip} and {@code nft}. */
public final class ExternalCommand {
  private static final long PATIENCE_SECONDS = 20;
  private static final String ADMINISTRATORS = "/usr/sbin:/sbin"; // not on everybody's path

  private ExternalCommand() {}

  /** Where a command's file is; null if it isn't there. */
  static @Nullable Path find(String name) {
    String path = System.getenv().getOrDefault("PATH", "") + ":" + ADMINISTRATORS;
    for (String directory : path.split(":", -1)) {
      Path program = Path.of(directory, name);
      if (!directory.isEmpty() && Files.isExecutable(program)) {
        return program;
      }
    }
    return null;
  }

  /**
   * How a command ended.
   *
   * @param problem what went wrong, with the command; null if it succeeded
   * @param said what it printed
   */
  public record Outcome(@Nullable String problem, String said) {
    static Outcome failed(String problem) {
      return new Outcome(problem, "");
    }

    public boolean isSuccess() {
      return problem == null;
    }
  }

  /** Runs a command to its end, for at most {@value #PATIENCE_SECONDS} seconds. */
  public static Outcome run(List<String> command, String input) {
    String line = String.join(" ", command);
    Path program = find(command.getFirst());
    if (program == null) {
      return Outcome.failed("the program " + command.getFirst() + " is missing");
    }
    List<String> words = new ArrayList<>(command);
    words.set(0, program.toString());
    try {
      Process process = new ProcessBuilder(words).redirectErrorStream(true).start();
      AtomicBoolean isLate = new AtomicBoolean();
      CompletableFuture.delayedExecutor(PATIENCE_SECONDS, TimeUnit.SECONDS)
          .execute(() -> isLate.set(process.isAlive() && process.toHandle().destroyForcibly()));
      try (OutputStream in = process.getOutputStream()) {
        in.write(input.getBytes(StandardCharsets.UTF_8));
      }
      String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      int status = process.waitFor();
      if (isLate.get()) {
        return Outcome.failed(line + " doesn't end");
      }
      return status == 0
          ? new Outcome(null, said)
          : Outcome.failed(line + ": " + said.lines().findFirst().orElse("it failed"));
    } catch (IOException broken) {
      return Outcome.failed(line + ": " + broken.getMessage());
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return Outcome.failed(line + ": interrupted");
    }
  }
}
