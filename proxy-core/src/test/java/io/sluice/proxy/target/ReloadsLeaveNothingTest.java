package io.sluice.proxy.target;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.Config;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.name.Resolver;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/**
 * Destinations that didn't change live on through reloads. What was made for each generation
 * doesn't: together with io.sluice.steering.ForgottenMapsTest, which says that sockets keep no map
 * alive, memory is flat.
 */
class ReloadsLeaveNothingTest {
  private static final int RELOADS = 10_000;
  private static final int EACH = 100;
  private static final int COLLECTIONS = 50;

  @Test
  void noSnapshotOutlivesItsReplacement() {
    List<Config> configs = List.of(config("a", 1), config("b", 2));
    List<WeakReference<Object>> replaced = new ArrayList<>();
    try (Resolver resolver = new Resolver()) {
      Snapshot snapshot = TestDaemon.snapshot(configs.getFirst(), null, resolver);
      Destination unchanged = snapshot.destinations().getFirst();
      for (int i = 1; i <= RELOADS; i++) {
        if (i % EACH == 0) {
          replaced.add(new WeakReference<>(snapshot));
          replaced.add(new WeakReference<>(snapshot.engine()));
          replaced.add(new WeakReference<>(snapshot.destinations().getLast().group()));
        }
        snapshot = TestDaemon.snapshot(configs.get(i % 2), snapshot, resolver);
      }

      for (int i = 0; i < COLLECTIONS && !areGone(replaced); i++) {
        System.gc();
      }

      assertThat(snapshot.generation()).isEqualTo(RELOADS + 1);
      assertThat(snapshot.destinations().getFirst()).isSameAs(unchanged);
      assertThat(replaced).hasSize(3 * RELOADS / EACH).allMatch(it -> it.refersTo(null));
    }
  }

  private static boolean areGone(List<WeakReference<Object>> references) {
    return references.stream().allMatch(it -> it.refersTo(null));
  }

  /** Four destinations, of which the last is another each time. */
  private static Config config(String name, int weight) {
    return TestDaemon.config(
        """
        bindings: [{label: web, protocol: tcp, prefix: 127.0.0.1/32, port: 8080}]
        listeners: [{protocol: tcp, address: 0.0.0.0, port: 8080, destination: %s}]
        destinations:
          - {label: web, protocol: tcp, targets: ["127.0.0.1:81", "127.0.0.1:82"], select: source}
          - {label: line, protocol: tcp, targets: ["127.0.0.1:81"], affinity: message, framing: {type: line}}
          - {label: dns, protocol: udp, targets: ["127.0.0.1:53"]}
          - {label: %s, protocol: tcp, targets: [{address: "127.0.0.1:83", weight: %d}, "127.0.0.1:84"]}
        """
            .formatted(name, name, weight));
  }
}
