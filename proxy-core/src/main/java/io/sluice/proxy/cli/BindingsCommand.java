package io.sluice.proxy.cli;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code sluice bindings}. */
@Command(
    name = "bindings",
    description = "Shows the bindings in force; -o json is what load-bindings and tubular take.",
    footer = {"", "  sluice bindings --match tcp 192.0.2.7:80      best first"})
final class BindingsCommand extends AskingCommand {
  @Option(
      names = "--match",
      arity = "2",
      paramLabel = "PROTOCOL|ADDRESS:PORT",
      description = "Only those that match a packet to this address and port, the best first.")
  private List<String> match = List.of();

  @Override
  public Integer call() throws IOException {
    Map<String, @Nullable String> parameters =
        AdminClient.parameters(
            "match", match.isEmpty() ? null : String.join(" ", match),
            "places", output.isJson() ? null : "true"); // tubular's form has none
    return get(
        "/bindings",
        parameters,
        (answer, out) -> {
          Table table = new Table("LABEL", "PROTOCOL", "PREFIX", "PORT", "PLACE");
          for (Fields it : answer.list("bindings")) {
            table.row(
                it.text("label"),
                it.text("protocol"),
                it.text("prefix"),
                it.number("port") == 0 ? "any" : it.text("port"),
                it.text("place"));
          }
          table.printTo(out);
        });
  }
}
