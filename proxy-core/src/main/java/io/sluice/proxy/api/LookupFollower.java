package io.sluice.proxy.api;

import io.sluice.config.Lookup;
import io.sluice.proxy.admin.Explanation;
import io.sluice.proxy.admin.Json;
import io.sluice.proxy.lookup.LookupTap;
import io.sluice.proxy.lookup.LookupTaps;
import io.sluice.steering.Tuple;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Explains lookups as they happen, each by the snapshot that decided it. */
final class LookupFollower implements Route.Source {
  private final List<LookupTaps> loops;
  private final List<LookupTap> taps;
  private long missed;

  /**
   * Begins to follow.
   *
   * @param loops of every loop
   */
  LookupFollower(List<LookupTaps> loops, LookupTap.Filter filter) {
    this.loops = loops;
    this.taps = loops.stream().map(_ -> new LookupTap(filter)).toList();
    for (int i = 0; i < loops.size(); i++) {
      loops.get(i).add(taps.get(i));
    }
  }

  @Override
  public void close() {
    for (int i = 0; i < loops.size(); i++) {
      loops.get(i).remove(taps.get(i));
    }
  }

  @Override
  public String next() {
    StringBuilder lines = new StringBuilder();
    for (LookupTap tap : taps) {
      tap.take().forEach(it -> lines.append(Json.of(json(it))).append('\n'));
    }
    long now = taps.stream().mapToLong(LookupTap::missed).sum();
    if (now > missed) {
      lines.append(Json.of(Map.of("missed", now - missed))).append('\n');
      missed = now;
    }
    return lines.toString();
  }

  private static Map<String, @Nullable Object> json(LookupTap.Seen it) {
    Tuple tuple = it.tuple();
    Lookup lookup =
        new Lookup(
            tuple.protocol(), tuple.remote(), tuple.remotePort(), tuple.local(), tuple.localPort());
    Map<String, @Nullable Object> live = new LinkedHashMap<>();
    live.put("label", it.target() == null ? null : it.target().destination().label());
    live.put("target", it.target() == null ? null : it.target().toString());
    live.put("reason", it.refusal() == null ? null : it.refusal().word());
    Map<String, @Nullable Object> json = new LinkedHashMap<>();
    json.put("at", Instant.ofEpochMilli(it.atMillis()).toString());
    json.put("live", live);
    json.putAll(Explanation.of(lookup, null, it.ifindex(), it.snapshot()).json());
    return json;
  }
}
