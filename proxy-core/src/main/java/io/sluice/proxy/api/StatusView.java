package io.sluice.proxy.api;

import io.sluice.config.CaptureSpec;
import io.sluice.proxy.capture.CaptureState;
import io.sluice.proxy.change.Transactions;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.observe.Version;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.Target;
import io.sluice.steering.Family;
import io.sluice.steering.Protocol;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What {@code status} shows. */
final class StatusView {
  private static final int NEAR_PERCENT = 80;

  private StatusView() {}

  static Map<String, Object> of(Running daemon) {
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
    json.put("destinations", snapshot.destinations().stream().map(StatusView::of).toList());
    json.put("limits", limits.stream().map(StatusView::of).toList());
    json.put("drops", drops(daemon));
    json.put("warnings", warnings(snapshot, captures, limits));
    return json;
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
    Destination.Traffic traffic = destination.traffic();
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
    json.put("targets", destination.targets().stream().map(StatusView::of).toList());
    return json;
  }

  private static long offloaded(Destination.Traffic traffic) {
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
    Map<String, Object> json = new LinkedHashMap<>();
    for (Refusal reason : Refusal.values()) {
      long dropped = 0;
      for (Protocol protocol : Protocol.values()) {
        dropped += daemon.counters().drops(reason, protocol).sum();
      }
      if (dropped > 0) {
        json.put(reason.word(), dropped);
      }
    }
    return json;
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
