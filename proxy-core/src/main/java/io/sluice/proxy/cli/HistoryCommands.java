package io.sluice.proxy.cli;

import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code config}, {@code history} and {@code diff}: what is in force, and how it came about. */
final class HistoryCommands {
  private HistoryCommands() {}

  @Command(
      name = "config",
      description = "Shows what is in force, but for the bindings: each thing with its layer.")
  static final class Config implements Callable<Integer> {
    @Mixin private SocketOption socket = new SocketOption();
    @Mixin private Commands.OutputOption output = new Commands.OutputOption();
    @Spec private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
      AdminClient.Reply reply = socket.client().get("/config");
      return output.show(
          reply,
          spec.commandLine().getOut(),
          (answer, out) -> {
            Table table = new Table("SECTION", "NAME", "PLACE", "YAML");
            for (Fields it : answer.list("things")) {
              table.row(it.text("section"), it.text("name"), it.text("place"), it.text("yaml"));
            }
            table.printTo(out);
          });
    }
  }

  @Command(
      name = "history",
      description = "Shows the last generations: when, who, and what was changed.",
      footer = {"", "  sluice rollback 7         goes back to one"})
  static final class History implements Callable<Integer> {
    @Mixin private SocketOption socket = new SocketOption();
    @Mixin private Commands.OutputOption output = new Commands.OutputOption();
    @Spec private CommandSpec spec = CommandSpec.create();

    @Override
    public Integer call() throws IOException {
      AdminClient.Reply reply = socket.client().get("/history");
      return output.show(
          reply,
          spec.commandLine().getOut(),
          (answer, out) -> {
            Table table = new Table("GENERATION", "AT", "WHO", "CHANGES");
            for (Fields it : answer.list("generations")) {
              List<String> diff = it.texts("diff");
              table.row(
                  it.text("generation"),
                  it.text("at"),
                  it.text("who"),
                  diff.size() == 1
                      ? diff.getFirst()
                      : diff.isEmpty() ? "" : diff.size() + " changes");
            }
            table.printTo(out);
          });
    }
  }

  @Command(
      name = "diff",
      description = {
        "Shows what a reload of the file would change; with a number, what that generation",
        "has changed."
      })
  static final class Diff implements Callable<Integer> {
    @Mixin private SocketOption socket = new SocketOption();
    @Mixin private Commands.OutputOption output = new Commands.OutputOption();
    @Spec private CommandSpec spec = CommandSpec.create();

    @Parameters(arity = "0..1", paramLabel = "N", description = "The generation.")
    private @Nullable Long generation;

    @Override
    public Integer call() throws IOException {
      Map<String, @Nullable String> parameters = new LinkedHashMap<>();
      parameters.put("generation", generation == null ? null : generation.toString());
      AdminClient.Reply reply =
          socket.client().get(AdminClient.withParameters("/diff", parameters));
      return output.show(
          reply,
          spec.commandLine().getOut(),
          (answer, out) -> {
            answer.texts("diff").forEach(out::println);
          });
    }
  }
}
