package io.sluice.proxy.cli;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code register}, {@code unregister}, {@code register-pid}, {@code set} and {@code swap}. */
final class TargetChanges {
  private TargetChanges() {}

  /** Of which destination. */
  static final class LabelArguments {
    @Option(
        names = "--protocol",
        paramLabel = "tcp|udp",
        description = "Needed if the label has a destination of each.")
    private @Nullable String protocol;

    @Parameters(index = "0", paramLabel = "LABEL", description = "The destination's.")
    private String label = "";

    Map<String, @Nullable String> parameters() {
      return AdminClient.parameters("label", label, "protocol", protocol);
    }
  }

  @Command(
      name = "register",
      description = "Adds a target to a label; a label without destination gets one.",
      footer = {"", "  sluice register foo 127.0.0.1:9999"})
  static final class Register extends ChangingCommand {
    @Mixin private LabelArguments label = new LabelArguments();

    @Parameters(
        index = "1",
        paramLabel = "ADDRESS",
        description = "host:port, [v6]:port or unix:/path.")
    private String address = "";

    @Option(names = "--weight", paramLabel = "N", description = "0–1000; default: 1.")
    private @Nullable String weight;

    @Override
    public Integer call() throws IOException {
      Map<String, @Nullable String> parameters = label.parameters();
      parameters.put("address", address);
      parameters.put("weight", weight);
      return post("/register", parameters);
    }
  }

  @Command(name = "unregister", description = "Takes a target away from a label.")
  static final class Unregister extends ChangingCommand {
    @Mixin private LabelArguments label = new LabelArguments();

    @Parameters(index = "1", paramLabel = "ADDRESS", description = "As it was registered.")
    private String address = "";

    @Override
    public Integer call() throws IOException {
      Map<String, @Nullable String> parameters = label.parameters();
      parameters.put("address", address);
      return post("/unregister", parameters);
    }
  }

  @Command(
      name = "register-pid",
      description = {
        "Finds a process's listening socket, and registers its address.",
        "Takes the right to look into that process."
      },
      footer = {"", "  sluice register-pid $(pidof nginx) web tcp 127.0.0.1 8081"})
  static final class RegisterPid extends ChangingCommand {
    @Parameters(index = "0", paramLabel = "PID", description = "The process.")
    private long pid;

    @Parameters(index = "1", paramLabel = "LABEL", description = "The destination's.")
    private String label = "";

    @Parameters(index = "2", paramLabel = "PROTOCOL", description = "tcp or udp.")
    private String protocol = "";

    @Parameters(index = "3", paramLabel = "ADDRESS", description = "Where the socket is bound.")
    private String address = "";

    @Parameters(index = "4", paramLabel = "PORT", description = "The socket's.")
    private int port;

    @Override
    public Integer call() throws IOException {
      return post(
          "/register",
          AdminClient.parameters(
              "label",
              label,
              "protocol",
              protocol,
              "address",
              ProcessSockets.find(pid, protocol, address, port)));
    }
  }

  @Command(
      name = "set",
      description = "Changes a target: weight=N, state=ready|drain|maint.",
      footer = {"", "  sluice set web 127.0.0.1:8081 state=drain"})
  static final class Set extends ChangingCommand {
    @Mixin private LabelArguments label = new LabelArguments();
    @Spec private CommandSpec spec = CommandSpec.create();

    @Parameters(index = "1", paramLabel = "ADDRESS", description = "The target's.")
    private String address = "";

    @Parameters(
        index = "2..*",
        arity = "1..*",
        paramLabel = "KEY=VALUE",
        description = "What is set.")
    private List<String> settings = List.of();

    @Override
    public Integer call() throws IOException {
      Map<String, @Nullable String> parameters = label.parameters();
      parameters.put("address", address);
      for (String setting : settings) {
        String[] words = setting.split("=", 2);
        if (words.length != 2 || !List.of("weight", "state").contains(words[0])) {
          throw new CommandLine.ParameterException(
              spec.commandLine(),
              "\"" + setting + "\" is neither weight=N nor state=ready|drain|maint");
        }
        parameters.put(words[0], words[1]);
      }
      return post("/set", parameters);
    }
  }

  @Command(
      name = "swap",
      description =
          "Replaces a label's targets in one step: when it answers, nothing new goes "
              + "to the old ones.",
      footer = {"", "  sluice swap web --to 127.0.0.1:9001,127.0.0.1:9002"})
  static final class Swap extends ChangingCommand {
    @Mixin private LabelArguments label = new LabelArguments();

    @Option(
        names = "--to",
        required = true,
        paramLabel = "ADDRESS,…",
        description = "The new targets.")
    private String to = "";

    @Override
    public Integer call() throws IOException {
      Map<String, @Nullable String> parameters = label.parameters();
      parameters.put("to", to);
      return post("/swap", parameters);
    }
  }
}
