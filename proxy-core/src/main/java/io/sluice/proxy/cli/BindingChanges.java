package io.sluice.proxy.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code bind}, {@code unbind} and {@code load-bindings}: tubular's words and order. */
final class BindingChanges {
  private BindingChanges() {}

  /** What is bound. */
  static final class BindingArguments {
    @Parameters(index = "0", paramLabel = "LABEL", description = "What names the traffic.")
    private String label = "";

    @Parameters(index = "1", paramLabel = "PROTOCOL", description = "tcp or udp.")
    private String protocol = "";

    @Parameters(
        index = "2",
        paramLabel = "PREFIX",
        description = "Like 192.0.2.0/24, or one address.")
    private String prefix = "";

    @Parameters(index = "3", paramLabel = "PORT", description = "0 or any is every port.")
    private String port = "";

    Map<String, @Nullable String> parameters() {
      return AdminClient.parameters(
          "label",
          label,
          "protocol",
          protocol,
          "prefix",
          prefix,
          "port",
          port.equals("0") ? "any" : port);
    }
  }

  @Command(
      name = "bind",
      description = "Binds traffic to a label, in place of what is bound to the same.",
      footer = {"", "  sluice bind foo tcp 127.0.0.0/8 4321"})
  static final class Bind extends ChangingCommand {
    @Mixin private BindingArguments binding = new BindingArguments();

    @Override
    public Integer call() throws IOException {
      return post("/bind", binding.parameters());
    }
  }

  @Command(name = "unbind", description = "Takes a binding away.")
  static final class Unbind extends ChangingCommand {
    @Mixin private BindingArguments binding = new BindingArguments();

    @Override
    public Integer call() throws IOException {
      return post("/unbind", binding.parameters());
    }
  }

  @Command(
      name = "load-bindings",
      description =
          "Replaces all bindings that were made at run time by those of a file, in "
              + "one step: tubular's JSON, or CSV.",
      footer = {"", "  sluice load-bindings --dry-run bindings.json"})
  static final class Load extends ChangingCommand {
    @Parameters(paramLabel = "BINDINGS", description = "The file.")
    private Path bindings = Path.of("");

    @Override
    public Integer call() throws IOException {
      return put("/bindings", AdminClient.parameters("name", bindings.toString()), read(bindings));
    }
  }

  /** A file's bytes. */
  static byte[] read(Path file) throws IOException {
    try {
      return Files.readAllBytes(file);
    } catch (NoSuchFileException missing) {
      throw new IOException("there is no file " + missing.getMessage(), missing);
    }
  }
}
