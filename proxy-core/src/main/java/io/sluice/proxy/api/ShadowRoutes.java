package io.sluice.proxy.api;

import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.target.Target;
import io.sluice.steering.IpAddress;
import io.sluice.steering.ProgramChain;
import io.sluice.steering.Shadow;
import io.sluice.steering.Socket;
import io.sluice.steering.Tuple;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** What programs that only watch would have decided otherwise. */
final class ShadowRoutes {
  private final Supplier<Snapshot> snapshot;

  ShadowRoutes(Supplier<Snapshot> snapshot) {
    this.snapshot = snapshot;
  }

  List<Route> all() {
    return List.of(Route.get("/shadows", _ -> Response.json(Map.of("shadows", shadows()))));
  }

  private List<Object> shadows() {
    List<Object> all = new ArrayList<>();
    for (ProgramChain.Link link : snapshot.get().engine().programs().links()) {
      Shadow shadow = link.shadow();
      if (shadow != null) {
        all.add(json(link.name(), shadow.comparison()));
      }
    }
    return all;
  }

  private static Map<String, Object> json(String program, Shadow.Comparison comparison) {
    long same = comparison.same();
    long different = comparison.different();
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("program", program);
    json.put("same", same);
    json.put("different", different);
    json.put("failed", comparison.failed());
    json.put("percentDifferent", 100.0 * different / Math.max(1, same + different));
    json.put("examples", comparison.examples().stream().map(ShadowRoutes::json).toList());
    return json;
  }

  private static Map<String, Object> json(Shadow.Comparison.Example it) {
    Tuple tuple = it.tuple();
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("protocol", tuple.protocol().word());
    json.put("client", IpAddress.withPort(tuple.remote(), tuple.remotePort()));
    json.put("local", IpAddress.withPort(tuple.local(), tuple.localPort()));
    json.put("decided", decision(it.passed(), it.selected()));
    json.put("would", it.failed() ? "fail" : decision(it.wouldPass(), it.wouldSelect()));
    return json;
  }

  private static String decision(boolean passed, @Nullable Socket selected) {
    return !passed
        ? "drop"
        : selected == null
            ? "pass"
            : Target.isBehind(selected)
                ? "assign " + Target.of(selected).destination().label()
                : "assign " + selected;
  }
}
