package io.sluice.proxy.cli;

import io.sluice.config.AdminSocketSpec;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code apply}, {@code reload}, {@code rollback}, and what adds and removes single things. */
final class DocumentChanges {
  private DocumentChanges() {}

  @Command(
      name = "apply",
      description =
          "Makes many changes in one step: a file of additions, in the "
              + "configuration's own sections, with what is taken away under `remove`.",
      footer = {"", "  sluice apply --dry-run -f patch.yaml"})
  static final class Apply implements Callable<Integer> {
    @Mixin private ChangeOption change = new ChangeOption();

    @Option(
        names = "--socket",
        paramLabel = "PATH",
        description = "The daemon's admin socket; default: /run/sluice/admin.sock.")
    private Path socket = AdminSocketSpec.DEFAULT_PATH;

    @Option(
        names = {"-f", "--file"},
        required = true,
        paramLabel = "PATCH",
        description = "The changes; - is standard input.")
    private String file = "";

    @Mixin HelpOption help = new HelpOption();

    @Override
    public Integer call() throws IOException {
      Map<String, @Nullable String> parameters =
          AdminClient.parameters("name", file.equals("-") ? "standard input" : file);
      byte[] patch =
          file.equals("-") ? System.in.readAllBytes() : BindingChanges.read(Path.of(file));
      return change.send(new AdminClient(socket), "POST", "/apply", parameters, patch);
    }
  }

  @Command(
      name = "reload",
      description = "Has the daemon read its file again; fails if that is refused.")
  static final class Reload extends ChangingCommand {
    @Override
    public Integer call() throws IOException {
      return post("/reload", Map.of());
    }
  }

  @Command(
      name = "rollback",
      description = "Goes back to an earlier generation; to the one before, if none is named.",
      footer = {"", "  sluice history", "  sluice rollback 7"})
  static final class Rollback extends ChangingCommand {
    @Parameters(arity = "0..1", paramLabel = "N", description = "The generation.")
    private @Nullable Long generation;

    @Override
    public Integer call() throws IOException {
      return post(
          "/rollback",
          AdminClient.parameters("to", generation == null ? null : generation.toString()));
    }
  }

  /** The path of the things that a command is about. */
  private static String path(CommandSpec command) {
    String kind = command.parent().name();
    return kind.equals("capture") ? "/capture" : "/" + kind + "s";
  }

  @Command(
      name = "add",
      description = "Adds one, or replaces the one of the same name.",
      footer = {
        "",
        "  sluice destination add '{label: web, protocol: tcp, targets: [\"127.0.0.1:8081\"]}'"
      })
  static final class Add extends ChangingCommand {
    @Spec private CommandSpec spec = CommandSpec.create();

    @Parameters(
        paramLabel = "YAML",
        description = "The item as the file has it; - is standard input.")
    private String yaml = "";

    @Override
    public Integer call() throws IOException {
      byte[] item =
          yaml.equals("-") ? System.in.readAllBytes() : yaml.getBytes(StandardCharsets.UTF_8);
      return put(path(spec), Map.of(), item);
    }
  }

  @Command(
      name = "remove",
      description =
          "Takes one away: by its name; a destination by its label, or as `tcp web`; "
              + "a listener as `tcp 0.0.0.0:80`.")
  static final class Remove extends ChangingCommand {
    @Spec private CommandSpec spec = CommandSpec.create();

    @Parameters(arity = "1..2", paramLabel = "NAME", description = "Which.")
    private List<String> name = List.of();

    @Override
    public Integer call() throws IOException {
      return delete(path(spec), AdminClient.parameters("name", String.join(" ", name)));
    }
  }

  @Command(
      name = "delete",
      description = "Takes a capture of a running daemon away (`remove` is about rules).")
  static final class DeleteCapture extends ChangingCommand {
    @Parameters(paramLabel = "NAME", description = "Which.")
    private String name = "";

    @Override
    public Integer call() throws IOException {
      return delete("/capture", AdminClient.parameters("name", name));
    }
  }

  @Command(name = "move", description = "Moves a program: before another, or to the end.")
  static final class Move extends ChangingCommand {
    @Parameters(paramLabel = "NAME", description = "Which.")
    private String name = "";

    @Option(names = "--before", paramLabel = "NAME", description = "Before which; default: none.")
    private @Nullable String before;

    @Override
    public Integer call() throws IOException {
      return post("/programs/move", AdminClient.parameters("name", name, "before", before));
    }
  }

  @Command(
      name = "destination",
      description = "Adds or removes a destination of a running daemon.",
      synopsisSubcommandLabel = "add|remove",
      subcommands = {Add.class, Remove.class})
  static final class Destinations extends Things {}

  @Command(
      name = "listener",
      description = "Adds or removes a listener of a running daemon.",
      synopsisSubcommandLabel = "add|remove",
      subcommands = {Add.class, Remove.class})
  static final class Listeners extends Things {}

  @Command(
      name = "program",
      description =
          "Adds, removes, moves or tries a program of a running daemon; check, run "
              + "and dump look at an eBPF object, without a daemon.",
      synopsisSubcommandLabel = "add|remove|move|shadow|promote|check|run|dump",
      subcommands = {
        Add.class,
        Remove.class,
        Move.class,
        ShadowCommands.Show.class,
        ShadowCommands.Promote.class,
        ObjectCommands.Check.class,
        ObjectCommands.Run.class,
        ObjectCommands.Dump.class
      })
  static final class Programs extends Things {}

  /** Commands that are about things of one kind. */
  static class Things {
    @Mixin HelpOption help = new HelpOption();
  }
}
