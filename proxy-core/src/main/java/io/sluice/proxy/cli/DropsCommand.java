package io.sluice.proxy.cli;

import io.sluice.proxy.admin.Json;
import io.sluice.proxy.control.ExitCode;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code sluice drops}. */
@Command(
    name = "drops",
    description = {
      "Shows what was refused last, and why: the newest last, some thousands of each loop.",
      "Of a session that had begun, only that no target could be reached counts."
    },
    footer = {"", "  sluice drops --follow --from 203.0.113.0/24"})
final class DropsCommand extends AskingCommand {
  @Option(names = "--follow", description = "Show what comes, until Ctrl-C.")
  private boolean isFollowing;

  @Option(names = "--reason", paramLabel = "REASON", description = "Only for this reason.")
  private @Nullable String reason;

  @Option(names = "--from", paramLabel = "PREFIX", description = "Only of these clients.")
  private @Nullable String from;

  @Override
  public Integer call() throws IOException {
    Map<String, @Nullable String> parameters =
        AdminClient.parameters("reason", reason, "from", from);
    PrintWriter out = out();
    if (isFollowing) {
      socket
          .client()
          .follow(
              "/drops/follow",
              parameters,
              line -> {
                out.println(output.isJson() ? line : text(Fields.of(Json.parse(line))));
                out.flush();
              });
      return ExitCode.DONE;
    }
    return get("/drops", parameters, DropsCommand::print);
  }

  private static void print(Fields answer, PrintWriter out) {
    Table table = new Table("AT", "PROTOCOL", "CLIENT", "LOCAL", "IN", "REASON", "DECIDED BY");
    for (Fields it : answer.list("drops")) {
      table.row(
          it.text("at"),
          it.text("protocol"),
          it.text("client"),
          it.text("local"),
          it.text("interface"),
          it.text("reason"),
          decider(it));
    }
    table.printTo(out);
  }

  private static String text(Fields it) {
    if (it.json().containsKey("missed")) {
      return it.text("missed") + " more were missed";
    }
    return Stream.of(
            it.text("at"),
            it.text("protocol"),
            it.text("client"),
            "→",
            it.text("local"),
            it.text("reason"),
            decider(it))
        .collect(Collectors.joining(" "));
  }

  private static String decider(Fields it) {
    String target = it.text("target");
    return List.of(
            it.text("program"),
            it.text("rule"),
            it.text("label"),
            target.isEmpty() ? "" : "→ " + target,
            it.text("errno"))
        .stream()
        .filter(word -> !word.isEmpty())
        .collect(Collectors.joining(" "));
  }
}
