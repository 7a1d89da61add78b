package io.sluice.proxy.lookup;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.Config;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.name.Resolver;
import io.sluice.proxy.target.Target;
import org.junit.jupiter.api.Test;

/** What of a snapshot lives on in the next one. */
final class SnapshotTest {
  private final Resolver resolver = Resolver.offline();

  private static Config config(String targets) {
    return TestDaemon.config(
        TestDaemon.web(1, 8080, "select: least-connections, targets: [" + targets + "]"));
  }

  private static Target target(Snapshot snapshot, int index) {
    return snapshot.destinations().getFirst().targets().get(index);
  }

  @Test
  void aTargetKeepsItsSessionsWhenItsDestinationChanges() {
    Snapshot first = TestDaemon.snapshot(config("'127.0.0.1:81', '127.0.0.1:82'"), null, resolver);
    assertThat(first.destinations().getFirst().tryOpen()).isTrue();
    target(first, 1).opened();
    Snapshot second =
        TestDaemon.snapshot(config("'127.0.0.1:82', '127.0.0.1:83'"), first, resolver);
    assertThat(target(second, 0).active()).isEqualTo(1);
    assertThat(target(second, 1).active()).isZero();
    assertThat(second.destinations().getFirst().traffic().active()).isEqualTo(1);
    target(first, 1).closed();
    first.destinations().getFirst().close();
    assertThat(target(second, 0).active()).isZero();
    assertThat(second.destinations().getFirst().traffic().active()).isZero();
  }

  @Test
  void aTargetIsRetiredFromTheCommitThatDropsItOrDrainsIt() {
    Snapshot first = TestDaemon.snapshot(config("'127.0.0.1:81', '127.0.0.1:82'"), null, resolver);
    Snapshot second =
        TestDaemon.snapshot(
            config("'127.0.0.1:82', {address: '127.0.0.1:83', weight: 0}"), first, resolver);
    assertThat(first.destinations().getFirst().targets()).noneMatch(Target::isRetired);
    second.inForce(first);
    assertThat(target(first, 0).isRetired()).isTrue();
    assertThat(target(first, 1).isRetired()).isFalse();
    assertThat(target(second, 0).isRetired()).isFalse();
    assertThat(target(second, 1).isRetired()).isTrue();

    Snapshot third =
        TestDaemon.snapshot(
            config("{address: '127.0.0.1:82', weight: 0}, '127.0.0.1:83'"), second, resolver);
    third.inForce(second);
    assertThat(target(first, 1).isRetired()).isTrue();
    assertThat(target(second, 1).isRetired()).isFalse();
  }

  @Test
  void theResolverForgetsNamesThatNoTargetHasAnyMore() throws Exception {
    Snapshot first = TestDaemon.snapshot(config("'a.example:81', 'b.example:81'"), null, resolver);
    assertThat(resolver.awaitFirstAnswers(5_000))
        .containsExactlyInAnyOrder("a.example", "b.example");
    Snapshot next = TestDaemon.snapshot(config("'b.example:81', '127.0.0.1:82'"), first, resolver);
    assertThat(resolver.awaitFirstAnswers(5_000))
        .as("until it is in force")
        .containsExactlyInAnyOrder("a.example", "b.example");
    next.retainNames(resolver);
    assertThat(resolver.awaitFirstAnswers(5_000)).containsExactly("b.example");
  }

  @Test
  void bindingsAreCountedByDestination() {
    Snapshot snapshot = TestDaemon.snapshot(config("'127.0.0.1:81'"), null, resolver);
    assertThat(snapshot.bindingsOf(snapshot.destinations().getFirst())).isEqualTo(1);
  }
}
