package io.sluice.proxy.api;

import io.netty.buffer.ByteBuf;
import io.sluice.config.Document;
import io.sluice.config.HostPort;
import io.sluice.config.Lookup;
import io.sluice.proxy.admin.Chunks;
import io.sluice.proxy.admin.Explanation;
import io.sluice.proxy.admin.Json;
import io.sluice.proxy.lookup.LookupTap;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Payload;
import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
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
        Route.follow("/explain/follow", it -> new LookupFollower(daemon.lookups(), filter(it))),
        new Route("POST", "/explain", Right.READ, new Route.Once(this::explainAll)));
  }

  private Response bindings(Request request) {
    Snapshot snapshot = daemon.snapshot().get();
    String match = request.parameter("match");
    List<Binding> bindings =
        match == null ? part(snapshot.bindings().asList(), request) : matching(match, snapshot);
    return Response.json(
        written(bindings, request.isSet("places") ? snapshot.config().document() : null));
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

  /**
   * As tubular writes them; there may be a million.
   *
   * @param places says where each stands; null if that isn't asked for
   */
  private static ByteBuf written(List<Binding> bindings, @Nullable Document places) {
    Chunks out = new Chunks();
    String separator = "{\"bindings\":[";
    for (Binding binding : bindings) {
      Map<String, @Nullable Object> json = new LinkedHashMap<>();
      json.put("label", binding.label());
      json.put("protocol", binding.protocol().word());
      json.put("prefix", binding.prefix().toString());
      json.put("port", binding.port());
      if (places != null) {
        json.put("place", places.placeOf(binding));
      }
      out.write((separator + Json.of(json)).getBytes(StandardCharsets.UTF_8));
      separator = ",\n";
    }
    String end = bindings.isEmpty() ? separator + "]}\n" : "]}\n";
    out.write(end.getBytes(StandardCharsets.UTF_8));
    return out.whole();
  }

  private static LookupTap.Filter filter(Request request) {
    String protocol = request.parameter("protocol");
    return new LookupTap.Filter(
        protocol == null ? null : Parameters.protocol(protocol),
        Parameters.prefix(request, "from"),
        Parameters.prefix(request, "to"),
        request.parameter("label"));
  }

  private Response explain(Request request) {
    Explanation explanation =
        explanation(request.needed("lookup"), payload(request), daemon.snapshot().get());
    return request.isForPeople()
        ? Response.text(explanation.toText())
        : Response.json(explanation.json());
  }

  /** What the client sends first; null if nobody has said that. */
  private static @Nullable Payload payload(Request request) {
    String hex = request.parameter("payload");
    try {
      return hex == null ? null : Payload.of(HexFormat.of().parseHex(hex));
    } catch (IllegalArgumentException wrong) {
      throw new BadRequestException(
          "payload: \"" + hex + "\" isn't hexadecimal, two digits a byte: " + wrong.getMessage());
    }
  }

  private static Explanation explanation(
      String text, @Nullable Payload payload, Snapshot snapshot) {
    try {
      return Explanation.of(Lookup.parse(text), payload, snapshot);
    } catch (IllegalArgumentException wrong) {
      throw new BadRequestException(String.valueOf(wrong.getMessage()));
    }
  }

  /** A lookup in each line, all asked of the same snapshot. */
  private Response explainAll(Request request) {
    Snapshot snapshot = daemon.snapshot().get();
    Payload payload = payload(request);
    StringBuilder answers = new StringBuilder();
    new String(request.body(), StandardCharsets.UTF_8)
        .lines()
        .forEach(
            line -> answers.append(answerLine(line, payload, snapshot, request.isForPeople())));
    String text = answers.toString();
    return request.isForPeople() ? Response.text(text) : Response.lines(text);
  }

  private static String answerLine(
      String line, @Nullable Payload payload, Snapshot snapshot, boolean isForPeople) {
    @Nullable Explanation explanation = null;
    String wrong = "";
    try {
      explanation = explanation(line, payload, snapshot);
    } catch (BadRequestException bad) {
      wrong = String.valueOf(bad.getMessage());
    }
    if (explanation == null) {
      return (isForPeople ? wrong : Json.of(Map.of("error", wrong))) + "\n";
    }
    return isForPeople ? explanation.toText() : explanation.toJson() + "\n";
  }
}
