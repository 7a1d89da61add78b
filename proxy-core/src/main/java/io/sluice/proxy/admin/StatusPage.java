package io.sluice.proxy.admin;

import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.observe.Counters;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.observe.SessionEnd;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.Target;
import io.sluice.steering.Protocol;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.stream.Collectors;

/** The page at {@code /}: destinations, drops and links, in plain HTML without scripts. */
public final class StatusPage {
  private StatusPage() {}

  /** Writes the page for the state at hand. */
  public static void write(Snapshot snapshot, Counters counters, String version, OutputStream out)
      throws IOException {
    out.write(of(snapshot, counters, version).getBytes(StandardCharsets.UTF_8));
  }

  private static String of(Snapshot snapshot, Counters counters, String version) {
    StringBuilder html = new StringBuilder(4096);
    html.append(
        """
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><title>Sluice</title>
        <meta name="viewport" content="width=device-width">
        <style>
        body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1b2733}
        h1{font-size:1.4rem;margin:0}h2{font-size:1rem;margin:2rem 0 .3rem}p{margin:.2rem 0;color:#5a6b7b}
        table{border-collapse:collapse;width:100%}
        th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #dde4ea;vertical-align:top}
        th{font-weight:600;color:#5a6b7b}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
        .down{color:#b3261e}
        </style></head><body>
        """);
    html.append("<h1>Sluice ").append(escaped(version)).append("</h1>\n<p>generation ");
    html.append(snapshot.generation()).append(" · ");
    html.append(snapshot.bindings().size());
    html.append(snapshot.bindings().size() == 1 ? " binding" : " bindings").append(" · programs: ");
    html.append(
        snapshot.engine().programs().links().stream()
            .map(it -> escaped(it.name()))
            .collect(Collectors.joining(", ")));
    html.append("</p>\n<p><a href=\"/metrics\">metrics</a> · <a href=\"/livez\">livez</a> ·");
    html.append(" <a href=\"/readyz\">readyz</a></p>\n");
    destinations(snapshot, html);
    drops(counters, html);
    return html.append("</body></html>\n").toString();
  }

  private static void destinations(Snapshot snapshot, StringBuilder html) {
    html.append("<h2>Destinations</h2>\n<table><tr><th>label<th>targets<th class=n>lookups");
    html.append(
        "<th class=n>active<th class=n>ended<th class=n>bytes in<th class=n>bytes out</tr>\n");
    for (Destination it : snapshot.destinations()) {
      html.append("<tr><td>").append(escaped(it.toString())).append("<td>");
      for (Target target : it.targets()) {
        html.append(target.isUp() ? "<div>" : "<div class=down>")
            .append(escaped(target.toString()));
        html.append(target.isUp() ? "</div>" : " (down)</div>");
      }
      Destination.Traffic traffic = it.traffic();
      long lookups = 0;
      for (var family : io.sluice.steering.Family.values()) {
        lookups += traffic.lookups(family).sum();
      }
      long ended = 0;
      for (SessionEnd end : SessionEnd.values()) {
        ended += traffic.ends(end).sum();
      }
      for (long number :
          new long[] {
            lookups, traffic.active(), ended, traffic.bytesIn.sum(), traffic.bytesOut.sum()
          }) {
        html.append("<td class=n>").append(number);
      }
      html.append("</tr>\n");
    }
    html.append("</table>\n");
  }

  private static void drops(Counters counters, StringBuilder html) {
    html.append("<h2>Drops</h2>\n");
    StringBuilder rows = new StringBuilder();
    for (Refusal reason : Refusal.values()) {
      long tcp = counters.drops(reason, Protocol.TCP).sum();
      long udp = counters.drops(reason, Protocol.UDP).sum();
      if (tcp + udp > 0) {
        rows.append("<tr><td>").append(reason.word()).append("<td class=n>").append(tcp);
        rows.append("<td class=n>").append(udp).append("</tr>\n");
      }
    }
    if (rows.isEmpty()) {
      html.append("<p>Nothing was refused.</p>\n");
    } else {
      html.append("<table><tr><th>reason<th class=n>tcp<th class=n>udp</tr>\n");
      html.append(rows).append("</table>\n");
    }
  }

  private static String escaped(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }
}
