package io.sluice.proxy.api;

import io.sluice.proxy.observe.ClientRates;
import io.sluice.steering.IpAddress;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Which clients come most, of all loops together. */
final class ClientRoutes {
  private static final int MOST = 1_000;

  private final List<ClientRates> loops;

  ClientRoutes(List<ClientRates> loops) {
    this.loops = loops;
  }

  List<Route> all() {
    return List.of(Route.get("/clients", this::clients));
  }

  private record Sum(IpAddress address, long count, long error) {
    Sum plus(Sum other) {
      return new Sum(address, count + other.count, error + other.error);
    }
  }

  private Response clients(Request request) {
    Map<IpAddress, Sum> sums = new HashMap<>();
    for (ClientRates loop : loops) {
      for (ClientRates.Client it : loop.clients()) {
        sums.merge(it.address(), new Sum(it.address(), it.count(), it.error()), Sum::plus);
      }
    }
    List<Sum> sorted = new ArrayList<>(sums.values());
    sorted.sort(Comparator.comparingLong(Sum::count).reversed());
    int most = Math.min(MOST, Parameters.count(request, "limit"));
    return Response.json(
        Map.of("clients", sorted.stream().limit(most).map(ClientRoutes::json).toList()));
  }

  private static Map<String, Object> json(Sum it) {
    double seconds = ClientRates.WINDOW_MILLIS / 1000.0;
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("client", it.address.toString());
    json.put("lookupsPerSecond", it.count / seconds);
    json.put("atLeast", (it.count - it.error) / seconds);
    return json;
  }
}
