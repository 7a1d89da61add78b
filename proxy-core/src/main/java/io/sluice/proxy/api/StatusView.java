package io.sluice.proxy.api;

import io.sluice.config.CaptureSpec;
import io.sluice.proxy.capture.CaptureState;
import io.sluice.proxy.change.Transactions;
import io.sluice.proxy.health.LastCheck;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.observe.TargetCounters;
import io.sluice.proxy.observe.Version;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.Target;
import io.sluice.proxy.target.Traffic;
import io.sluice.steering.Family;
import io.sluice.steering.Protocol;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/** What {@code status} shows. */
final class StatusView {
  private static final int NEAR_PERCENT = 80;
  private static final double MICROS = 1e6;

  private StatusView() {}

  /**
   * The state.
   *
   * @param most how many destinations; those in trouble go first, then those that moved most, if
   *     there are more
   * @param search that their labels or addresses contain; empty for all
   */
  static Map<String, Object> of(Running daemon, int most, String search) {
    Snapshot snapshot = daemon.snapshot().get();
    List<CaptureState> captures = daemon.captures().get();
    List<Running.Limit> limits = daemon.limits().get();
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("version", Version.current());
    json.put("pid", ProcessHandle.current().pid());
    json.put("uptimeMillis", daemon.uptimeMillis().get());
    json.put("generation", snapshot.generation());
    Transactions transactions = daemon.transactions();
    json.put(
        "layers", transactions == null ? List.of() : ChangeRoutes.layers(transactions.document()));
    json.put("captures", captures(snapshot.config().captures(), captures));
    json.put("bindings", snapshot.bindings().size());
    json.put(
        "programs", snapshot.engine().programs().links().stream().map(it -> it.name()).toList());
    json.put(
        "destinations", destinations(snapshot, most, search).stream().map(StatusView::of).toList());
    json.put("destinationsInAll", snapshot.destinations().size());
    json.put("limits", limits.stream().map(StatusView::of).toList());
    json.put("drops", drops(daemon));
    json.put("warnings", warnings(snapshot, captures, limits));
    return json;
  }

  private static List<Destination> destinations(Snapshot snapshot, int most, String search) {
    List<Destination> found =
        snapshot.destinations().stream()
            .filter(it -> it.toString().contains(search) || hasTarget(it, search))
            .toList();
    return found.size() <= most
        ? found
        : found.stream()
            .sorted(
                Comparator.comparing(
                        (Destination it) -> it.targets().stream().allMatch(Target::isUp))
                    .thenComparing(
                        it -> it.traffic().bytesIn.sum() + it.traffic().bytesOut.sum(),
                        Comparator.reverseOrder()))
            .limit(most)
            .toList();
  }

  private static boolean hasTarget(Destination destination, String search) {
    return destination.targets().stream().anyMatch(it -> it.toString().contains(search));
  }

  private static List<Object> captures(List<CaptureSpec> specs, List<CaptureState> states) {
    Map<String, String> why = new HashMap<>();
    states.forEach(it -> why.put(it.capture(), it.why()));
    List<Object> all = new ArrayList<>();
    for (CaptureSpec spec : specs) {
      String missing = why.getOrDefault(spec.name(), "");
      Map<String, Object> json = new LinkedHashMap<>();
      json.put("name", spec.name());
      json.put("method", spec.method().word());
      json.put("up", missing.isEmpty());
      json.put("missing", missing);
      all.add(json);
    }
    return all;
  }

  private static Map<String, Object> of(Destination destination) {
    Traffic traffic = destination.traffic();
    long lookups = 0;
    for (Family family : Family.values()) {
      lookups += traffic.lookups(family).sum();
    }
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("label", destination.label());
    json.put("protocol", destination.protocol().word());
    json.put("select", destination.spec().selection().word());
    json.put("sessions", traffic.active());
    json.put("offload", destination.spec().offload().mode().word());
    json.put("notOffloaded", destination.offloadTrouble());
    json.put("offloaded", offloaded(traffic));
    json.put("lookups", lookups);
    json.put("bytesIn", traffic.bytesIn.sum());
    json.put("bytesOut", traffic.bytesOut.sum());
    json.put("refusals", refusals(traffic::refusals));
    json.put("maxSessions", destination.spec().maxConnections());
    json.put("targets", destination.targets().stream().map(StatusView::of).toList());
    return json;
  }

  private static long offloaded(Traffic traffic) {
    long all = 0;
    for (Family family : Family.values()) {
      all += traffic.offloaded(family).sum();
    }
    return all;
  }

  private static Map<String, @Nullable Object> of(Target target) {
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("address", target.toString());
    json.put("name", target.spec().name());
    json.put("weight", target.spec().weight());
    json.put("state", target.status().state().word());
    json.put("reason", target.status().reason());
    json.put("since", target.status().since().toString());
    json.put("sessions", target.active());
    json.put("offload", target.offload().kind().word());
    json.put("notOffloaded", target.offload().why());
    TargetCounters counters = target.counters();
    json.put("sessionsInAll", counters.sessions());
    json.put("bytesIn", counters.bytesIn.sum());
    json.put("bytesOut", counters.bytesOut.sum());
    json.put("failures", refusals(counters::failures));
    if (!counters.connects().isEmpty()) {
      json.put("connectP50Micros", Math.round(counters.connects().quantileSeconds(0.5) * MICROS));
      json.put("connectP99Micros", Math.round(counters.connects().quantileSeconds(0.99) * MICROS));
    }
    LastCheck check = target.lastCheck();
    if (check != null) {
      json.put("lastCheck", (check.isGood() ? "good: " : "bad: ") + check.answer());
      json.put("lastCheckAt", check.at().toString());
    }
    return json;
  }

  /** Those reasons that there were. */
  private static Map<String, Object> refusals(ToLongFunction<Refusal> counts) {
    Map<String, Object> json = new LinkedHashMap<>();
    for (Refusal reason : Refusal.values()) {
      long count = counts.applyAsLong(reason);
      if (count > 0) {
        json.put(reason.word(), count);
      }
    }
    return json;
  }

  private static Map<String, Object> of(Running.Limit limit) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("name", limit.name());
    json.put("used", limit.used());
    json.put("most", limit.most());
    return json;
  }

  private static Map<String, Object> drops(Running daemon) {
    return refusals(reason -> {
      long dropped = 0;
      for (Protocol protocol : Protocol.values()) {
        dropped += daemon.counters().drops(reason, protocol).sum();
      }
      return dropped;
    });
  }

  private static List<String> warnings(
      Snapshot snapshot, List<CaptureState> captures, List<Running.Limit> limits) {
    List<String> warnings = new ArrayList<>();
    for (CaptureState capture : captures) {
      if (!capture.isUp()) {
        warnings.add("capture " + capture.capture() + ": " + capture.why());
      }
    }
    for (Destination destination : snapshot.destinations()) {
      if (destination.targets().stream().noneMatch(Target::isUp)) {
        warnings.add("destination " + destination.label() + ": no target is up");
      }
    }
    for (Running.Limit limit : limits) {
      if (limit.most() > 0 && limit.used() * 100 >= limit.most() * NEAR_PERCENT) {
        warnings.add(limit.name() + ": " + limit.used() + " of " + limit.most() + " are used");
      }
    }
    return warnings;
  }
}
