package io.sluice.proxy.api;

import io.netty.handler.codec.http.HttpResponseStatus;
import io.sluice.proxy.admin.Chunks;
import io.sluice.proxy.admin.Json;
import io.sluice.proxy.observe.SessionFilter;
import io.sluice.proxy.observe.SessionState;
import io.sluice.steering.Protocol;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Connections and flows: to be seen, and to be ended. */
final class SessionRoutes {
  private final Sessions sessions;

  SessionRoutes(Sessions sessions) {
    this.sessions = sessions;
  }

  List<Route> all() {
    return List.of(Route.get("/sessions", this::list), Route.change("POST", "/kill", this::kill));
  }

  private static SessionFilter filter(Request request) {
    String protocol = request.parameter("protocol");
    return new SessionFilter(
        request.parameter("label"),
        protocol == null ? null : Parameters.protocol(protocol),
        Parameters.prefix(request, "from"),
        Parameters.millis(request, "older"));
  }

  private static @Nullable Comparator<SessionState> order(Request request) {
    String sort = request.parameter("sort");
    return switch (sort) {
      case null -> null;
      case "bytes" -> Comparator.comparingLong(SessionState::bytes).reversed();
      case "age" -> Comparator.comparingLong(SessionState::ageMillis).reversed();
      case "idle" -> Comparator.comparingLong(SessionState::idleMillis).reversed();
      case "retransmits" -> Comparator.comparingLong(SessionState::retransmits).reversed();
      default ->
          throw new BadRequestException(
              "sort: \"" + sort + "\" is none of bytes, age, idle, retransmits");
    };
  }

  private Response list(Request request) throws InterruptedException {
    Comparator<SessionState> order = order(request);
    int most = Parameters.count(request, "limit");
    List<SessionState> found;
    try {
      found = sessions.list(filter(request));
    } catch (IOException stuck) {
      return unanswered(stuck);
    }
    if (order != null) {
      found.sort(order);
    }
    Chunks out = new Chunks();
    String separator = "{\"count\":" + found.size() + ",\"sessions\":[";
    for (SessionState it : found.subList(0, Math.min(most, found.size()))) {
      out.write((separator + Json.of(json(it))).getBytes(StandardCharsets.UTF_8));
      separator = ",\n";
    }
    String end = found.isEmpty() ? separator + "]}\n" : "]}\n";
    out.write(end.getBytes(StandardCharsets.UTF_8));
    return Response.json(out.whole());
  }

  private Response kill(Request request) throws InterruptedException {
    SessionFilter filter = filter(request);
    if (filter.equals(SessionFilter.ALL) && !request.isSet("all")) {
      throw new BadRequestException(
          "nothing says which sessions; give label, protocol, from or older, or all=true");
    }
    try {
      return Response.json(Map.of("killed", sessions.kill(filter)));
    } catch (IOException stuck) {
      return unanswered(stuck);
    }
  }

  private static Response unanswered(IOException stuck) {
    return Response.refused(
        HttpResponseStatus.SERVICE_UNAVAILABLE, String.valueOf(stuck.getMessage()));
  }

  private static Map<String, @Nullable Object> json(SessionState it) {
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("protocol", it.protocol().word());
    json.put("client", it.client());
    json.put("local", it.local());
    json.put("label", it.label());
    json.put("target", it.target());
    json.put("state", it.state());
    json.put("ageMillis", it.ageMillis());
    json.put("idleMillis", it.idleMillis());
    json.put("bytesIn", it.bytesIn());
    json.put("bytesOut", it.bytesOut());
    if (it.protocol() == Protocol.TCP) {
      json.put("clientTcp", json(it.clientTcp()));
      json.put("targetTcp", json(it.targetTcp()));
    }
    json.put("via", it.via());
    return json;
  }

  private static @Nullable Map<String, Object> json(SessionState.Tcp it) {
    if (it.equals(SessionState.Tcp.NONE)) {
      return null;
    }
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("rttMicros", it.rttMicros());
    json.put("retransmits", it.retransmits());
    return json;
  }
}
