package io.sluice.proxy.api;

import io.sluice.proxy.change.Transactions;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** All that can be asked for or done over the admin socket. Immutable. */
public final class Routes {
  private final Map<String, List<Route>> byPath = new LinkedHashMap<>();

  private Routes(List<Route> routes) {
    for (Route route : routes) {
      byPath.computeIfAbsent(route.path(), _ -> new ArrayList<>()).add(route);
    }
  }

  /** Those of a running daemon. */
  public static Routes of(Running daemon) {
    List<Route> all = new ArrayList<>();
    all.add(Route.get("/openapi.json", _ -> OpenApi.document()));
    all.add(Route.get("/status", it -> Response.json(status(daemon, it))));
    all.addAll(new LookupRoutes(daemon).all());
    all.addAll(new ClientRoutes(daemon.clients()).all());
    all.addAll(new ShadowRoutes(daemon.snapshot()).all());
    all.addAll(new DropRoutes(daemon.drops()).all());
    all.addAll(new SessionRoutes(daemon.sessions()).all());
    Transactions transactions = daemon.transactions();
    if (transactions != null) {
      all.addAll(new ChangeRoutes(transactions).all());
    }
    return new Routes(all);
  }

  private static Map<String, Object> status(Running daemon, Request request) {
    String search = request.parameter("search");
    return StatusView.of(daemon, Parameters.count(request, "most"), search == null ? "" : search);
  }

  /** What there is at a path, by method; empty if nothing is. */
  List<Route> at(String path) {
    return byPath.getOrDefault(path, List.of());
  }

  /** All of them. */
  List<Route> all() {
    return byPath.values().stream().flatMap(List::stream).toList();
  }
}
