package io.sluice.proxy.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What every command takes that changes a running daemon, and what it says. */
final class ChangeOption {
  private static final int MOST_LINES = 20;

  @Mixin private Commands.OutputOption output = new Commands.OutputOption();

  @Spec(Spec.Target.MIXEE)
  private CommandSpec command = CommandSpec.create();

  @Option(names = "--dry-run", description = "Only say what would change, or what is wrong.")
  private boolean isDryRun;

  @Option(
      names = "--generation",
      paramLabel = "N",
      description = "Only if this generation is in force.")
  private @Nullable Long expected;

  Commands.OutputOption output() {
    return output;
  }

  /** Asks for a change, waits until it is in force, and says so. */
  int send(
      AdminClient daemon,
      String method,
      String path,
      Map<String, @Nullable String> parameters,
      byte[] body)
      throws IOException {
    Map<String, @Nullable String> all = new LinkedHashMap<>(parameters);
    all.put("dryRun", isDryRun ? "true" : null);
    all.put("generation", expected == null ? null : expected.toString());
    AdminClient.Reply reply =
        daemon.ask(method, AdminClient.withParameters(path, all), "application/json", body);
    return output.show(reply, command.commandLine().getOut(), ChangeOption::print);
  }

  private static void print(Fields answer, PrintWriter out) {
    List<String> diff = answer.texts("diff");
    boolean isDryRun = answer.isTrue("dryRun");
    String generation =
        (isDryRun ? "dry run on generation " : "generation ") + answer.text("generation");
    switch (diff.size()) {
      case 0 -> out.println(generation + ": nothing to change");
      case 1 -> out.println(generation + ": " + diff.getFirst());
      default -> {
        out.println(generation + ": " + diff.size() + " changes");
        diff.stream().limit(MOST_LINES).forEach(it -> out.println("  " + it));
        if (diff.size() > MOST_LINES) {
          out.println("  and " + (diff.size() - MOST_LINES) + " more");
        }
      }
    }
    answer.texts("warnings").forEach(out::println);
  }
}
