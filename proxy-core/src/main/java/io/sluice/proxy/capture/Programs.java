package io.sluice.proxy.capture;

import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Other programs of this machine. */
final class Programs {
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
}
