package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.spi.ToolProvider;

/** A tree like an installed one, of the classes under test: {@code bin/} beside {@code lib/}. */
final class InstalledTree {
  private InstalledTree() {}

  /** The root of this checkout. */
  static Path checkout() {
    Path at = Path.of("").toAbsolutePath();
    while (!Files.isExecutable(at.resolve("scripts/train"))) {
      at = at.getParent();
    }
    return at;
  }

  /** Fills a directory; returns the launcher in it. */
  static Path make(Path tree) throws IOException {
    Path lib = Files.createDirectories(tree.resolve("lib"));
    int number = 0;
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
      Path from = Path.of(entry);
      if (Files.isDirectory(from) && !from.endsWith("test-classes")) {
        jar(lib.resolve("sluice-" + number++ + ".jar"), from);
      } else if (entry.endsWith(".jar")) {
        Files.copy(
            from,
            lib.resolve(from.getFileName()),
            StandardCopyOption.COPY_ATTRIBUTES,
            StandardCopyOption.REPLACE_EXISTING);
      }
    }
    Path launcher = Files.createDirectories(tree.resolve("bin")).resolve("sluice");
    Files.copy(checkout().resolve("bin/sluice"), launcher);
    assertThat(launcher.toFile().setExecutable(true)).isTrue();
    return launcher;
  }

  private static void jar(Path jar, Path classes) {
    ToolProvider tool = ToolProvider.findFirst("jar").orElseThrow();
    int code =
        tool.run(System.out, System.err, "-c", "-f", jar.toString(), "-C", classes.toString(), ".");
    assertThat(code).isZero();
  }
}
