package io.sluice.proxy.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;

/** {@code sluice status}. */
@Command(name = "status", description = "Shows what a running daemon does, and how it fares.")
final class StatusCommand extends AskingCommand {
  private static final double MICROS = 1e3; // in a millisecond

  @Override
  public Integer call() throws IOException {
    return get("/status", Map.of(), StatusCommand::print);
  }

  private static void print(Fields status, PrintWriter out) {
    out.printf(
        "sluice %s, pid %s, up %s, generation %s, %s, programs: %s%n",
        status.text("version"),
        status.text("pid"),
        Amounts.duration(status.number("uptimeMillis")),
        status.text("generation"),
        Commands.count(status.number("bindings"), "binding"),
        String.join(", ", status.texts("programs")));
    for (String warning : status.texts("warnings")) {
      out.println("warning: " + warning);
    }
    Table captures = new Table("CAPTURE", "METHOD", "STATE");
    for (Fields it : status.list("captures")) {
      captures.row(it.text("name"), it.text("method"), it.isTrue("up") ? "up" : it.text("missing"));
    }
    print(captures, out);
    Table destinations =
        new Table(
            "DESTINATION",
            "PROTOCOL",
            "TARGET",
            "WEIGHT",
            "STATE",
            "SESSIONS",
            "LOOKUPS",
            "REFUSED",
            "IN",
            "OUT",
            "CONNECT-P99",
            "SINCE");
    for (Fields it : status.list("destinations")) {
      destinations.row(
          it.text("label"),
          it.text("protocol"),
          null,
          null,
          null,
          it.text("sessions"),
          it.text("lookups"),
          counts(it.map("refusals")),
          Amounts.bytes(it.number("bytesIn")),
          Amounts.bytes(it.number("bytesOut")),
          null,
          null);
      for (Fields target : it.list("targets")) {
        destinations.row(
            null,
            null,
            target.text("address"),
            target.text("weight"),
            target.text("state"),
            target.text("sessions"),
            target.text("sessionsInAll"),
            counts(target.map("failures")),
            Amounts.bytes(target.number("bytesIn")),
            Amounts.bytes(target.number("bytesOut")),
            target.json().containsKey("connectP99Micros")
                ? target.number("connectP99Micros") / MICROS + "ms"
                : null,
            since(target));
      }
    }
    print(destinations, out);
    print(offloaded(status), out);
    Table limits = new Table("LIMIT", "USED", "OF");
    for (Fields it : status.list("limits")) {
      boolean areBytes = it.text("name").endsWith("Bytes");
      limits.row(
          it.text("name"),
          areBytes ? Amounts.bytes(it.number("used")) : it.text("used"),
          areBytes ? Amounts.bytes(it.number("most")) : it.text("most"));
    }
    print(limits, out);
    Table drops = new Table("REFUSED", "COUNT");
    for (Map.Entry<String, @Nullable Object> it : status.map("drops").entrySet()) {
      drops.row(it.getKey(), it.getValue());
    }
    print(drops, out);
  }

  /** What the kernel does by itself, of the destinations that want it. */
  private static Table offloaded(Fields status) {
    Table table = new Table("OFFLOAD", "WANTED", "CONNECTIONS", "TARGET", "PATH", "WHY");
    for (Fields it : status.list("destinations")) {
      if (!it.text("offload").equals("off")) {
        table.row(
            it.text("label"),
            it.text("offload"),
            it.text("offloaded"),
            null,
            null,
            it.text("notOffloaded"));
        for (Fields target : it.list("targets")) {
          table.row(
              null,
              null,
              null,
              target.text("address"),
              target.text("offload"),
              target.text("notOffloaded"));
        }
      }
    }
    return table;
  }

  /** {@code connect_refused 3}; null if there are none. */
  private static @Nullable String counts(Map<String, @Nullable Object> byReason) {
    return byReason.isEmpty()
        ? null
        : byReason.entrySet().stream()
            .map(it -> it.getKey() + " " + it.getValue())
            .collect(Collectors.joining(", "));
  }

  private static String since(Fields target) {
    String reason = target.text("reason");
    return target.text("since").replaceAll("\\.\\d+", "") + (reason.isEmpty() ? "" : " " + reason);
  }

  private static void print(Table table, PrintWriter out) {
    if (table.size() > 0) {
      out.println();
      table.printTo(out);
    }
  }
}
