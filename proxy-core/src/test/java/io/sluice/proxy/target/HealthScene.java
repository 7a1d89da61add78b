package io.sluice.proxy.target;

import static java.util.Objects.requireNonNull;

import io.sluice.config.Config;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.health.Endpoint;
import io.sluice.proxy.health.ManualTimer;
import io.sluice.proxy.health.Prober;
import io.sluice.proxy.limit.Sources;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.lookup.Steering;
import io.sluice.proxy.name.FakeNames;
import io.sluice.proxy.name.Resolver;
import io.sluice.proxy.observe.Counters;
import io.sluice.proxy.observe.Refusal;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;

/** A destination, and what lookups, checks and traffic find out about its targets. */
abstract class HealthScene {
  static final long PAUSE_MILLIS = 6_000;

  final ManualTimer timer = new ManualTimer();
  final FakeNames names = new FakeNames();
  final Resolver resolver = new Resolver(() -> names, timer);
  @Nullable Snapshot snapshot;
  final Sockaddr address = new Sockaddr();
  final Counters counters = new Counters();
  final Steering steering = new Steering(this::snapshot, new Sources(1_000), counters);

  @AfterEach
  void close() {
    resolver.close();
  }

  static Config config(String destination) {
    return TestDaemon.config(TestDaemon.web(1, 8080, destination));
  }

  void inForce(String destination) {
    Snapshot before = snapshot;
    snapshot = TestDaemon.snapshot(config(destination), before, resolver);
    timer.pass(0);
    if (before != null) {
      snapshot.inForce(before);
    }
  }

  Snapshot snapshot() {
    return requireNonNull(snapshot);
  }

  Endpoint endpoint(int target) {
    return endpoint(target(target), steering.context());
  }

  static Endpoint endpoint(Target target, LookupContext context) {
    return requireNonNull(target.endpoint(context, new Sockaddr()));
  }

  Target target(int index) {
    return snapshot().destinations().getFirst().targets().get(index);
  }

  /** Where a client is led, by its port. */
  static Target steer(Steering steering, int clientPort) {
    LookupContext _ =
        steering.context().ipv4(Protocol.TCP, 0x7f000001, clientPort, 0x7f000001, 8080, 0);
    return requireNonNull(steering.steer().target());
  }

  /** Which address a client is led to. */
  String addressOf(int clientPort) {
    Target target = steer(steering, clientPort);
    Endpoint endpoint = target.endpoint(steering.context(), address);
    return endpoint == null ? "none" : endpoint.address().toString();
  }

  static void kill(Target target) {
    Endpoint endpoint = endpoint(target, new LookupContext());
    for (int i = 0; i < 3; i++) {
      endpoint.failed(Refusal.CONNECT_TIMEOUT);
    }
  }

  static final Prober CHECK = () -> {};

  void refuse(int... targets) {
    for (int index : targets) {
      Endpoint endpoint = target(index).endpoints().getFirst();
      boolean _ = endpoint.probedBy(CHECK);
      endpoint.refused(CHECK, "bad");
    }
  }

  Set<String> addressesOf(int clients) {
    Set<String> seen = new HashSet<>();
    for (int client = 0; client < clients; client++) {
      seen.add(addressOf(client));
    }
    return seen;
  }

  void answer(String... addresses) {
    names.answer("a.example", addresses);
    timer.pass(1_000); // so long the last one holds
  }
}
