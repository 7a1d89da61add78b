package io.sluice.proxy.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code sessions} and {@code kill}: connections and flows. */
final class SessionCommands {
  private SessionCommands() {}

  /** Which sessions. */
  static final class FilterOption {
    @Option(names = "--label", paramLabel = "LABEL", description = "Of this destination.")
    private @Nullable String label;

    @Option(names = "--protocol", paramLabel = "tcp|udp", description = "Of this protocol.")
    private @Nullable String protocol;

    @Option(names = "--from", paramLabel = "PREFIX", description = "Of these clients.")
    private @Nullable String from;

    @Option(
        names = "--older",
        paramLabel = "DURATION",
        description = "That have lasted so long at least, like 90s or 1h.")
    private @Nullable String older;

    Map<String, @Nullable String> parameters() {
      return AdminClient.parameters(
          "label", label, "protocol", protocol, "from", from, "older", older);
    }
  }

  @Command(
      name = "sessions",
      description = "Shows connections and flows.",
      footer = {"", "  sluice sessions --label web --older 1h --sort bytes --limit 20"})
  static final class List extends AskingCommand {
    @Mixin private FilterOption filter = new FilterOption();

    @Option(
        names = "--sort",
        paramLabel = "BY",
        description = "bytes, age, idle or retransmits: the most first.")
    private @Nullable String sort;

    @Option(names = "--limit", paramLabel = "N", description = "At most so many.")
    private @Nullable String limit;

    @Override
    public Integer call() throws IOException {
      Map<String, @Nullable String> parameters = filter.parameters();
      parameters.put("sort", sort);
      parameters.put("limit", limit);
      return get("/sessions", parameters, List::print);
    }

    private static void print(Fields answer, PrintWriter out) {
      Table table =
          new Table(
              "PROTOCOL",
              "CLIENT",
              "LOCAL",
              "LABEL",
              "TARGET",
              "STATE",
              "AGE",
              "IDLE",
              "IN",
              "OUT",
              "RTT",
              "RESENT");
      for (Fields it : answer.list("sessions")) {
        Fields client = Fields.of(it.json().get("clientTcp"));
        Fields target = Fields.of(it.json().get("targetTcp"));
        boolean isTcp = !client.json().isEmpty();
        table.row(
            it.text("protocol"),
            it.text("client"),
            it.text("local"),
            it.text("label"),
            it.text("target"),
            it.text("state"),
            Amounts.duration(it.number("ageMillis")),
            Amounts.duration(it.number("idleMillis")),
            Amounts.bytes(it.number("bytesIn")),
            Amounts.bytes(it.number("bytesOut")),
            isTcp ? client.number("rttMicros") / 1000 + "ms" : null,
            isTcp ? client.number("retransmits") + target.number("retransmits") : null);
      }
      table.printTo(out);
      if (table.size() < answer.number("count")) {
        out.println("of " + answer.text("count"));
      }
    }
  }

  @Command(
      name = "kill",
      description = "Ends connections and flows; `sessions` with the same filters shows which.",
      footer = {"", "  sluice kill --from 203.0.113.0/24"})
  static final class Kill extends AskingCommand {
    @Mixin private FilterOption filter = new FilterOption();

    @Option(names = "--all", description = "All of them.")
    private boolean isAll;

    @Override
    public Integer call() throws IOException {
      Map<String, @Nullable String> parameters = filter.parameters();
      parameters.put("all", isAll ? "true" : null);
      AdminClient.Reply reply =
          socket
              .client()
              .ask(
                  "POST",
                  AdminClient.withParameters("/kill", parameters),
                  "application/json",
                  new byte[0]);
      return show(
          reply,
          (answer, out) -> {
            long killed = answer.number("killed");
            out.println(killed + (killed == 1 ? " session" : " sessions") + " ended");
          });
    }
  }
}
