package io.sluice.proxy.cli;

import io.sluice.proxy.control.ExitCode;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code sluice top}: destinations, targets and refusals by rate. */
@Command(
    name = "top",
    description = {
      "Shows destinations, targets, clients and refusals by rate, again and again.",
      "Keys: s sorts by the next column; / begins a filter, Enter ends it; q ends all."
    },
    footer = {
      "",
      "Clients are by new connections and flows in the last two seconds.",
      "",
      "  sluice top --once --interval 5s       for scripts"
    })
final class TopCommand implements Callable<Integer> {
  private static final List<String> ORDERS = List.of("bytes", "lookups", "sessions");
  private static final String HOME_AND_CLEAR = "\u001b[H\u001b[2J";

  @Mixin private SocketOption socket = new SocketOption();
  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(names = "--once", description = "Print one screen, and end.")
  private boolean isOnce;

  @Option(names = "--interval", paramLabel = "DURATION", description = "Default: 1s.")
  private String interval = "1s";

  @Option(
      names = "--sort",
      paramLabel = "BY",
      description = "bytes, lookups or sessions; default: bytes.")
  private String order = ORDERS.getFirst();

  @Option(
      names = "--filter",
      paramLabel = "TEXT",
      description = "Only destinations, targets and clients whose line contains it.")
  private String filter = "";

  @Option(names = "--clients", paramLabel = "N", description = "How many; default: 10.")
  private int clientCount = 10;

  private boolean isTyping; // the filter

  @Override
  public Integer call() throws IOException, InterruptedException {
    if (!ORDERS.contains(order)) {
      throw new CommandLine.ParameterException(
          spec.commandLine(), "\"" + order + "\" is none of " + String.join(", ", ORDERS));
    }
    long millis = millis(interval);
    AdminClient client = socket.client();
    PrintWriter out = spec.commandLine().getOut();
    Fields before = new Fields(client.get("/status").json());
    if (isOnce) {
      Thread.sleep(millis);
      print(before, new Fields(client.get("/status").json()), clients(client), out);
      return ExitCode.DONE;
    }
    try (Keys keys = new Keys()) {
      Fields now = before;
      long due = 0;
      while (true) {
        long left = due - System.nanoTime() / 1_000_000;
        if (left <= 0) {
          before = now;
          now = new Fields(client.get("/status").json());
          due = System.nanoTime() / 1_000_000 + millis;
        }
        out.print(HOME_AND_CLEAR);
        print(before, now, clients(client), out);
        char key = keys.await(Math.max(1, due - System.nanoTime() / 1_000_000));
        if (key == 'q' && !isTyping) {
          return ExitCode.DONE;
        }
        pressed(key);
      }
    }
  }

  private void pressed(char key) {
    if (isTyping) {
      switch (key) {
        case 0 -> {}
        case '\n', '\r' -> isTyping = false;
        case '\b', 0x7f -> filter = filter.substring(0, Math.max(0, filter.length() - 1));
        default -> filter += key;
      }
    } else if (key == 's') {
      order = ORDERS.get((ORDERS.indexOf(order) + 1) % ORDERS.size());
    } else if (key == '/') {
      isTyping = true;
      filter = "";
    }
  }

  private List<Fields> clients(AdminClient client) throws IOException {
    return new Fields(client.get("/clients").json())
        .list("clients").stream()
            .filter(it -> it.text("client").contains(filter))
            .limit(clientCount)
            .toList();
  }

  private long millis(String text) {
    if (!text.matches("[1-9][0-9]{0,5}(ms|s)")) {
      throw new CommandLine.ParameterException(
          spec.commandLine(), "\"" + text + "\" is no interval; write 1s or 500ms");
    }
    boolean isMillis = text.endsWith("ms");
    long count = Long.parseLong(text.replaceAll("[ms]", ""));
    return isMillis ? count : count * 1000;
  }

  /** A line of the screen, with what it is sorted by. */
  private record Row(Fields destination, long lookups, long bytesIn, long bytesOut) {
    long by(String order) {
      return switch (order) {
        case "lookups" -> lookups;
        case "sessions" -> destination.number("sessions");
        default -> bytesIn + bytesOut;
      };
    }
  }

  private void print(Fields before, Fields now, List<Fields> clients, PrintWriter out) {
    double seconds =
        Math.max(1, now.number("uptimeMillis") - before.number("uptimeMillis")) / 1000.0;
    out.printf(
        "sluice %s, up %s, generation %s, sorted by %s%s%n",
        now.text("version"),
        Amounts.duration(now.number("uptimeMillis")),
        now.text("generation"),
        order,
        filter.isEmpty() && !isTyping ? "" : ", only /" + filter + (isTyping ? "_" : ""));
    for (Fields limit : now.list("limits")) {
      if (limit.text("name").equals("connections") || limit.text("name").equals("flows")) {
        out.printf("%s %s of %s  ", limit.text("name"), limit.text("used"), limit.text("most"));
      }
    }
    out.println();
    now.texts("warnings").forEach(it -> out.println("warning: " + it));
    out.println();
    destinations(before, now, seconds).printTo(out);
    if (!clients.isEmpty()) {
      Table table = new Table("CLIENT", "LOOKUPS/S");
      clients.forEach(
          it -> table.row(it.text("client"), Math.round(it.decimal("lookupsPerSecond"))));
      out.println();
      table.printTo(out);
    }
    Table drops = drops(before, now, seconds);
    if (drops.size() > 0) {
      out.println();
      drops.printTo(out);
    }
    out.flush();
  }

  private Table destinations(Fields before, Fields now, double seconds) {
    Map<String, Fields> known = new HashMap<>();
    before.list("destinations").forEach(it -> known.put(name(it), it));
    List<Row> rows = new ArrayList<>();
    for (Fields it : now.list("destinations")) {
      Fields earlier = known.getOrDefault(name(it), it);
      rows.add(
          new Row(
              it,
              rate(earlier, it, "lookups", seconds),
              rate(earlier, it, "bytesIn", seconds),
              rate(earlier, it, "bytesOut", seconds)));
    }
    rows.removeIf(it ->
        !name(it.destination).contains(filter)
            && it.destination.list("targets").stream()
                .noneMatch(target -> target.text("address").contains(filter)));
    rows.sort(Comparator.comparingLong((Row it) -> it.by(order)).reversed());
    Table table =
        new Table("DESTINATION", "TARGET", "STATE", "SESSIONS", "LOOKUPS/S", "IN/S", "OUT/S");
    for (Row it : rows) {
      table.row(
          name(it.destination),
          null,
          null,
          it.destination.text("sessions"),
          it.lookups,
          Amounts.bytes(it.bytesIn),
          Amounts.bytes(it.bytesOut));
      for (Fields target : it.destination.list("targets")) {
        table.row(
            null,
            target.text("address"),
            target.text("state"),
            target.text("sessions"),
            null,
            null,
            null);
      }
    }
    return table;
  }

  private static String name(Fields destination) {
    return destination.text("protocol") + " " + destination.text("label");
  }

  private static long rate(Fields before, Fields now, String key, double seconds) {
    return Math.round((now.number(key) - before.number(key)) / seconds);
  }

  private static Table drops(Fields before, Fields now, double seconds) {
    Fields earlier = new Fields(before.map("drops"));
    Fields later = new Fields(now.map("drops"));
    Table table = new Table("REFUSED", "/S", "IN ALL");
    for (String reason : later.json().keySet()) {
      table.row(reason, rate(earlier, later, reason, seconds), later.number(reason));
    }
    return table;
  }
}
