package io.sluice.proxy.lookup;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.Config;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.limit.Sources;
import io.sluice.proxy.name.Resolver;
import io.sluice.proxy.observe.Counters;
import io.sluice.proxy.target.Target;
import io.sluice.steering.Protocol;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Reloads while several threads look up: each lookup is of one generation, wholly. */
@Timeout(60)
final class SnapshotRaceTest {
  private static final int RELOADS = 3_000;
  private static final int THREADS = 3;

  private final Resolver resolver = Resolver.offline();
  private final Counters counters = new Counters();
  private volatile Snapshot snapshot = TestDaemon.snapshot(config("a", "b", 1000), null, resolver);

  /**
   * Two prefixes that lead to two labels. The other generation has the labels exchanged and other
   * targets: bindings of one with sockets of the other would give what neither gives.
   */
  private static Config config(String first, String second, int port) {
    return TestDaemon.config(
        """
        bindings:
          - {label: %s, protocol: tcp, prefix: 127.0.1.0/24, port: 80}
          - {label: %s, protocol: tcp, prefix: 127.0.2.0/24, port: 80}
        programs:
          - {name: bindings, builtin: bindings}
          - {name: office, rules: [{fromPort: 1000-1999, to: 127.0.1.0/24, assign: %s, protocol: tcp, replace: true}]}
        destinations:
          - {label: a, protocol: tcp, targets: ["127.0.0.1:%d"]}
          - {label: b, protocol: tcp, targets: ["127.0.0.1:%d"]}
        """
            .formatted(first, second, second, port + 1, port + 2));
  }

  @Test
  void noLookupMixesTwoGenerations() throws Exception {
    Set<String> seen = ConcurrentHashMap.newKeySet();
    AtomicBoolean done = new AtomicBoolean();
    try (ExecutorService clients = Executors.newFixedThreadPool(THREADS)) {
      List<Future<?>> running = new ArrayList<>();
      for (int i = 0; i < THREADS; i++) {
        running.add(clients.submit(() -> lookUp(seen, done)));
      }
      Config[] configs = {config("b", "a", 2000), config("a", "b", 1000)};
      for (int i = 0; i < RELOADS; i++) {
        snapshot = TestDaemon.snapshot(configs[i % 2], snapshot, resolver);
      }
      done.set(true);
      for (Future<?> client : running) {
        client.get();
      }
    }

    assertThat(snapshot.generation()).isEqualTo(RELOADS + 1);
    assertThat(seen)
        .isSubsetOf(
            "127.0.1.1 from 1 → a 127.0.0.1:1001",
            "127.0.2.1 from 1 → b 127.0.0.1:1002",
            "127.0.1.1 from 1000 → b 127.0.0.1:1002",
            "127.0.1.1 from 1 → b 127.0.0.1:2002",
            "127.0.2.1 from 1 → a 127.0.0.1:2001",
            "127.0.1.1 from 1000 → a 127.0.0.1:2001");
    assertThat(seen).hasSize(6); // both generations were met
  }

  private void lookUp(Set<String> seen, AtomicBoolean done) {
    Steering steering = new Steering(() -> snapshot, new Sources(1_000), counters);
    Map<String, int[]> lookups =
        Map.of(
            "127.0.1.1 from 1", new int[] {0x7f000101, 1},
            "127.0.2.1 from 1", new int[] {0x7f000201, 1},
            "127.0.1.1 from 1000", new int[] {0x7f000101, 1000});
    while (!done.get()) {
      lookups.forEach((name, packet) -> {
        steering.context().ipv4(Protocol.TCP, 1, packet[1], packet[0], 80, 1);
        Answer answer = steering.steer();
        Target target = answer.target();
        seen.add(
            name
                + " → "
                + (target == null
                    ? answer.refusal()
                    : target.destination().label() + " " + target));
      });
    }
  }
}
