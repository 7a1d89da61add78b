package io.sluice.proxy.cli;

import io.sluice.config.AdminSocketSpec;
import io.sluice.config.ConfigException;
import io.sluice.config.ConfigReader;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code --socket PATH}, or {@code -f FILE} that names it: which daemon is meant. */
final class SocketOption {
  @Option(
      names = "--socket",
      paramLabel = "PATH",
      description = "The daemon's admin socket; default: /run/sluice/admin.sock.")
  private @Nullable Path socket;

  @Option(
      names = {"-f", "--file"},
      paramLabel = "FILE",
      description = "The configuration whose admin.socket is meant.")
  private @Nullable Path file;

  @Mixin HelpOption help = new HelpOption();

  /** The configuration that was named; null if none was. */
  @Nullable Path file() {
    return file;
  }

  AdminClient client() throws IOException {
    return new AdminClient(
        socket != null ? socket : file != null ? socketOf(file) : AdminSocketSpec.DEFAULT_PATH);
  }

  private static Path socketOf(Path file) throws IOException {
    try {
      AdminSocketSpec spec = ConfigReader.load(file).config().admin().socket();
      if (spec.isOff()) {
        throw new IOException(file + ": admin.socket is none");
      }
      return spec.path() == null ? AdminSocketSpec.DEFAULT_PATH : spec.path();
    } catch (ConfigException bad) {
      throw new IOException(bad.getMessage(), bad);
    }
  }
}
