package io.sluice.proxy.cli;

import io.sluice.proxy.admin.Json;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** {@code explain --follow}: lookups as they happen, each with why. */
final class FollowLookups {
  @Option(
      names = "--follow",
      description = {
        "Explain real lookups as they happen, until Ctrl-C: some hundreds a second of each",
        "loop; how many more there were is said."
      })
  private boolean isFollowing;

  @Option(names = "--protocol", paramLabel = "tcp|udp", description = "With --follow: only these.")
  private @Nullable String protocol;

  @Option(
      names = "--from",
      paramLabel = "PREFIX",
      description = "With --follow: only of these clients.")
  private @Nullable String from;

  @Option(
      names = "--to",
      paramLabel = "PREFIX",
      description = "With --follow: only to these addresses.")
  private @Nullable String to;

  @Option(
      names = "--label",
      paramLabel = "LABEL",
      description = "With --follow: only what goes to this destination.")
  private @Nullable String label;

  boolean isFollowing() {
    return isFollowing;
  }

  /** Whether something was said that goes with {@code --follow} only. */
  boolean hasFilter() {
    return protocol != null || from != null || to != null || label != null;
  }

  void run(AdminClient daemon, boolean isJson, PrintWriter out) throws IOException {
    Map<String, @Nullable String> parameters =
        AdminClient.parameters("protocol", protocol, "from", from, "to", to, "label", label);
    daemon.follow(
        "/explain/follow",
        parameters,
        line -> {
          out.println(isJson ? line : text(Fields.of(Json.parse(line))));
          out.flush();
        });
  }

  /** One line: when, what, where it went, and what decided. */
  private static String text(Fields it) {
    if (it.json().containsKey("missed")) {
      return it.text("missed") + " more were missed";
    }
    Fields live = new Fields(it.map("live"));
    String[] words = it.text("lookup").split(" ", 3);
    StringBuilder line = new StringBuilder(it.text("at")).append(' ').append(words[0]);
    line.append(' ').append(words[1]).append(" → ").append(words[2]).append("  ");
    line.append(
        live.text("reason").isEmpty()
            ? it.text("verdict").toUpperCase(Locale.ROOT)
                + " "
                + live.text("label")
                + " → "
                + live.text("target")
            : "DROP " + live.text("reason"));
    for (Fields step : it.list("steps")) {
      for (Fields best : step.list("considered").stream().limit(1).toList()) {
        String place = best.text("place");
        line.append("  ").append(step.text("name")).append(": ").append(best.text("match"));
        line.append(" → ").append(best.text("result")).append(", ").append(best.text("why"));
        line.append(place.isEmpty() ? "" : " [" + place + "]");
      }
    }
    return line.toString();
  }
}
