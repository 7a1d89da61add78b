package io.sluice.proxy.api;

import io.netty.buffer.ByteBuf;
import io.sluice.config.HostPort;
import io.sluice.config.Lookup;
import io.sluice.proxy.admin.Chunks;
import io.sluice.proxy.admin.Explanation;
import io.sluice.proxy.admin.Json;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What says where traffic goes: {@code bindings} and {@code explain}. */
final class LookupRoutes {
  private final Running daemon;

  LookupRoutes(Running daemon) {
    this.daemon = daemon;
  }

  List<Route> all() {
    return List.of(
        Route.get("/bindings", this::bindings),
        Route.get("/explain", this::explain),
        new Route("POST", "/explain", Right.READ, new Route.Once(this::explainAll)));
  }

  private Response bindings(Request request) {
    Snapshot snapshot = daemon.snapshot().get();
    String match = request.parameter("match");
    return Response.json(
        written(
            match == null
                ? part(snapshot.bindings().asList(), request)
                : matching(match, snapshot)));
  }

  /**
   * Those whose label or prefix contains what is searched for, from one on, as many as asked for.
   */
  private static List<Binding> part(List<Binding> all, Request request) {
    String search = request.parameter("search");
    String skip = request.parameter("skip");
    int most = Parameters.count(request, "most");
    if (search == null && skip == null && most == Integer.MAX_VALUE) {
      return all;
    }
    int first = skip == null || skip.equals("0") ? 0 : Parameters.count(request, "skip");
    String part = search == null ? "" : search;
    return all.stream()
        .filter(it ->
            part.isEmpty() || it.label().contains(part) || it.prefix().toString().contains(part))
        .skip(first)
        .limit(most)
        .toList();
  }

  private static List<Binding> matching(String text, Snapshot snapshot) {
    String[] words = text.strip().split("\\s+", -1);
    try {
      if (words.length != 2) {
        throw new IllegalArgumentException("\"" + text + "\" is not of two words");
      }
      Protocol protocol = Parameters.protocol(words[0]);
      HostPort to = HostPort.parse(words[1]);
      IpAddress any =
          to.address().family() == Family.IPV4 ? IpAddress.ANY_IPV4 : IpAddress.ANY_IPV6;
      return snapshot
          .bindings()
          .matches(new LookupContext().of(protocol, any, 0, to.address(), to.port(), 0));
    } catch (IllegalArgumentException wrong) {
      throw new BadRequestException("match: " + wrong.getMessage() + "; write tcp 192.0.2.7:80");
    }
  }

  /** As tubular writes them; there may be a million. */
  private static ByteBuf written(List<Binding> bindings) {
    Chunks out = new Chunks();
    String separator = "{\"bindings\":[";
    for (Binding binding : bindings) {
      Map<String, Object> json = new LinkedHashMap<>();
      json.put("label", binding.label());
      json.put("protocol", binding.protocol().word());
      json.put("prefix", binding.prefix().toString());
      json.put("port", binding.port());
      out.write((separator + Json.of(json)).getBytes(StandardCharsets.UTF_8));
      separator = ",\n";
    }
    String end = bindings.isEmpty() ? separator + "]}\n" : "]}\n";
    out.write(end.getBytes(StandardCharsets.UTF_8));
    return out.whole();
  }

  private Response explain(Request request) {
    Explanation explanation = explanation(request.needed("lookup"), daemon.snapshot().get());
    return request.isForPeople()
        ? Response.text(explanation.toText())
        : Response.json(explanation.json());
  }

  private static Explanation explanation(String text, Snapshot snapshot) {
    try {
      return Explanation.of(Lookup.parse(text), snapshot);
    } catch (IllegalArgumentException wrong) {
      throw new BadRequestException(String.valueOf(wrong.getMessage()));
    }
  }

  /** A lookup in each line, all asked of the same snapshot. */
  private Response explainAll(Request request) {
    Snapshot snapshot = daemon.snapshot().get();
    StringBuilder answers = new StringBuilder();
    new String(request.body(), StandardCharsets.UTF_8)
        .lines()
        .forEach(line -> answers.append(answerLine(line, snapshot, request.isForPeople())));
    String text = answers.toString();
    return request.isForPeople() ? Response.text(text) : Response.lines(text);
  }

  private static String answerLine(String line, Snapshot snapshot, boolean isForPeople) {
    @Nullable Explanation explanation = null;
    String wrong = "";
    try {
      explanation = explanation(line, snapshot);
    } catch (BadRequestException bad) {
      wrong = String.valueOf(bad.getMessage());
    }
    if (explanation == null) {
      return (isForPeople ? wrong : Json.of(Map.of("error", wrong))) + "\n";
    }
    return isForPeople ? explanation.toText() : explanation.toJson() + "\n";
  }
}
