package io.sluice.proxy.api;

import io.sluice.proxy.admin.Json;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.observe.DropLog;
import io.sluice.proxy.observe.Dropped;
import io.sluice.proxy.observe.Refusal;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.binding.Binding;
import io.sluice.steering.binding.Rule;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What was refused last, and what is being refused. */
final class DropRoutes {
  /** How many lines a stream may bring at once; what comes beyond them is counted as missed. */
  private static final int MOST_AT_ONCE = 1_000;

  private final List<DropLog> logs;

  DropRoutes(List<DropLog> logs) {
    this.logs = logs;
  }

  List<Route> all() {
    return List.of(
        Route.get("/drops", this::drops),
        Route.follow("/drops/follow", it -> new Follower(of(it))));
  }

  /** Which ones are meant. */
  private record Filter(@Nullable String reason, @Nullable IpPrefix from) {
    boolean matches(Dropped it) {
      return (reason == null || it.reason().word().equals(reason))
          && (from == null || from.contains(it.family(), it.clientHigh(), it.clientLow()));
    }
  }

  private static Filter of(Request request) {
    String reason = request.parameter("reason");
    if (reason != null
        && Arrays.stream(Refusal.values()).noneMatch(it -> it.word().equals(reason))) {
      throw new BadRequestException(
          "reason: there is no "
              + reason
              + "; there are "
              + Arrays.stream(Refusal.values())
                  .map(Refusal::word)
                  .collect(Collectors.joining(", ")));
    }
    return new Filter(reason, Parameters.prefix(request, "from"));
  }

  private Response drops(Request request) {
    Filter filter = of(request);
    List<Dropped> drops = new ArrayList<>();
    for (DropLog log : logs) {
      log.from(0).stream().filter(filter::matches).forEach(drops::add);
    }
    drops.sort(Comparator.comparingLong(Dropped::atMillis));
    return Response.json(Map.of("drops", drops.stream().map(DropRoutes::json).toList()));
  }

  /** Shows what comes, from now on. */
  private final class Follower implements Route.Source {
    private final Filter filter;
    private final long[] next = logs.stream().mapToLong(DropLog::count).toArray();

    Follower(Filter filter) {
      this.filter = filter;
    }

    @Override
    public String next() {
      StringBuilder lines = new StringBuilder();
      long missed = 0;
      for (int i = 0; i < next.length; i++) {
        long end = logs.get(i).count();
        long from = Math.max(next[i], end - MOST_AT_ONCE);
        List<Dropped> read = logs.get(i).from(from);
        for (Dropped it : read) {
          if (filter.matches(it)) {
            lines.append(Json.of(json(it))).append('\n');
          }
        }
        long until = read.isEmpty() ? end : read.getLast().number() + 1;
        missed += until - next[i] - read.size();
        next[i] = until;
      }
      if (missed > 0) {
        lines.append(Json.of(Map.of("missed", missed))).append('\n');
      }
      return lines.toString();
    }
  }

  private static Map<String, @Nullable Object> json(Dropped it) {
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("at", Instant.ofEpochMilli(it.atMillis()).toString());
    json.put("protocol", it.protocol().word());
    json.put("client", it.client());
    json.put("local", it.local());
    json.put("interface", interfaceName(it.ifindex()));
    json.put("reason", it.reason().word());
    json.put("program", it.program() == null || it.program().isEmpty() ? null : it.program());
    json.put("rule", rule(it));
    json.put("label", it.label());
    json.put("target", it.target() == null ? null : it.target().toString());
    json.put("errno", it.errno() == 0 ? null : Linux.errnoName(it.errno()));
    return json;
  }

  /** What decided, in the words of {@code explain}. */
  private static @Nullable String rule(Dropped it) {
    return switch (it.decider()) {
      case null -> null;
      case Binding binding -> binding.match() + " → " + binding.label();
      case Rule _ -> "rule " + (it.part() + 1);
      case Object other -> other.toString();
    };
  }

  private static @Nullable String interfaceName(int ifindex) {
    if (ifindex == 0) {
      return null;
    }
    try {
      NetworkInterface known = NetworkInterface.getByIndex(ifindex);
      return known == null ? String.valueOf(ifindex) : known.getName();
    } catch (SocketException _) {
      return String.valueOf(ifindex);
    }
  }
}
