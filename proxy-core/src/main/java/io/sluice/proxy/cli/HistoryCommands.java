package io.sluice.proxy.cli;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code config}, {@code history} and {@code diff}: what is in force, and how it came about. */
final class HistoryCommands {
  private HistoryCommands() {}

  @Command(
      name = "config",
      description = "Shows what is in force, but for the bindings: each thing with its layer.")
  static final class Config extends AskingCommand {
    @Override
    public Integer call() throws IOException {
      return get(
          "/config",
          Map.of(),
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
  static final class History extends AskingCommand {
    @Override
    public Integer call() throws IOException {
      return get(
          "/history",
          Map.of(),
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
      description =
          "Shows what a reload of the file would change; with a number, what that "
              + "generation has changed.")
  static final class Diff extends AskingCommand {
    @Parameters(arity = "0..1", paramLabel = "N", description = "The generation.")
    private @Nullable Long generation;

    @Override
    public Integer call() throws IOException {
      Map<String, @Nullable String> parameters =
          AdminClient.parameters("generation", generation == null ? null : generation.toString());
      return get(
          "/diff",
          parameters,
          (answer, out) -> {
            answer.texts("diff").forEach(out::println);
          });
    }
  }
}
