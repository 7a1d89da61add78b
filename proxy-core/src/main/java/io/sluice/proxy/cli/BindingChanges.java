package io.sluice.proxy.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
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
      Map<String, @Nullable String> parameters = new LinkedHashMap<>();
      parameters.put("label", label);
      parameters.put("protocol", protocol);
      parameters.put("prefix", prefix);
      parameters.put("port", port.equals("0") ? "any" : port);
      return parameters;
    }
  }

  @Command(
      name = "bind",
      description = "Binds traffic to a label, in place of what is bound to the same.",
      footer = {"", "  sluice bind foo tcp 127.0.0.0/8 4321"})
  static final class Bind implements Callable<Integer> {
    @Mixin private SocketOption socket = new SocketOption();
    @Mixin private ChangeOption change = new ChangeOption();
    @Mixin private BindingArguments binding = new BindingArguments();

    @Override
    public Integer call() throws IOException {
      return change.send(socket.client(), "POST", "/bind", binding.parameters(), new byte[0]);
    }
  }

  @Command(name = "unbind", description = "Takes a binding away.")
  static final class Unbind implements Callable<Integer> {
    @Mixin private SocketOption socket = new SocketOption();
    @Mixin private ChangeOption change = new ChangeOption();
    @Mixin private BindingArguments binding = new BindingArguments();

    @Override
    public Integer call() throws IOException {
      return change.send(socket.client(), "POST", "/unbind", binding.parameters(), new byte[0]);
    }
  }

  @Command(
      name = "load-bindings",
      description = {
        "Replaces all bindings that were made at run time by those of a file, in one step:",
        "tubular's JSON, or CSV."
      },
      footer = {"", "  sluice load-bindings --dry-run bindings.json"})
  static final class Load implements Callable<Integer> {
    @Mixin private SocketOption socket = new SocketOption();
    @Mixin private ChangeOption change = new ChangeOption();

    @Parameters(paramLabel = "BINDINGS", description = "The file.")
    private Path bindings = Path.of("");

    @Override
    public Integer call() throws IOException {
      Map<String, @Nullable String> parameters = new LinkedHashMap<>();
      parameters.put("name", bindings.toString());
      return change.send(socket.client(), "PUT", "/bindings", parameters, read(bindings));
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
