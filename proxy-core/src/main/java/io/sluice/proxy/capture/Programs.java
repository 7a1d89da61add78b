package io.sluice.proxy.capture;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Other programs of this machine. */
public final class Programs {
  private static final long PATIENCE_SECONDS = 10;
  private static final String ADMINISTRATORS = "/usr/sbin:/sbin"; // not on everybody's path

  private Programs() {}

  /** Where a program is; null if it isn't there. */
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

  /** What a command prints; null if it fails, isn't there or doesn't end. */
  public static @Nullable String output(List<String> command) {
    Path program = find(command.getFirst());
    if (program == null) {
      return null;
    }
    List<String> words = new ArrayList<>(command);
    words.set(0, program.toString());
    try {
      Process process =
          new ProcessBuilder(words).redirectError(ProcessBuilder.Redirect.DISCARD).start();
      process.getOutputStream().close();
      String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      boolean ended = process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS);
      return ended && process.exitValue() == 0 ? said : null;
    } catch (IOException _) {
      return null;
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return null;
    }
  }
}
