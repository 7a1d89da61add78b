package io.sluice.proxy.health;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.Passive;
import io.sluice.config.TargetAddress;
import io.sluice.proxy.observe.Refusal;
import io.sluice.steering.Protocol;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What traffic finds out about an endpoint, and when it is tried again. */
final class EndpointTest {
  private static final TargetAddress ADDRESS = TargetAddress.parse("127.0.0.1:81");
  private static final long TIMEOUT_MILLIS = 5_000;

  /** The longest that a first pause can be, with its jitter. */
  private static final long PAUSE_MILLIS = 6_000;

  private final ManualTimer timer = new ManualTimer();
  private final Endpoints endpoints = new Endpoints(timer);
  private final Endpoint tcp = endpoints.of(Protocol.TCP, ADDRESS);
  private final Endpoint udp = endpoints.of(Protocol.UDP, ADDRESS);

  private static void fail(Endpoint endpoint, int times) {
    for (int i = 0; i < times; i++) {
      endpoint.failed(Refusal.CONNECT_TIMEOUT);
    }
  }

  private static void probe(Endpoint endpoint) {
    assertThat(endpoint.claim()).isTrue();
    endpoint.taken(TIMEOUT_MILLIS);
  }

  /** How long it takes until a probe is due, in steps of a second. */
  private long millisUntilDue(Endpoint endpoint) {
    long millis = 0;
    while (!endpoint.isDue()) {
      timer.pass(1_000);
      millis += 1_000;
      assertThat(millis).isLessThan(1_000_000);
    }
    return millis;
  }

  @Test
  void itGoesDownWithTheThirdFailureInARow() {
    fail(tcp, 2);
    tcp.succeeded();
    fail(tcp, 2);
    assertThat(tcp.isUp()).isTrue();
    fail(tcp, 1);
    assertThat(tcp.isUp()).isFalse();
    assertThat(udp.isUp()).isTrue();
  }

  // ---- checks

  private static final Prober CHECK = () -> {};
  private static final Prober OTHER = () -> {};

  private static TargetState state(Endpoint endpoint) {
    return endpoint.status().state();
  }

  @Test
  void itStartsUntilItsFirstCheckIsGood() {
    assertThat(state(tcp)).isEqualTo(TargetState.UP);
    assertThat(tcp.probedBy(CHECK)).isTrue();
    assertThat(state(tcp)).isEqualTo(TargetState.STARTING);
    assertThat(tcp.isStarting()).isTrue();
    assertThat(tcp.isUp()).isTrue();
    tcp.passed(CHECK, "good");
    assertThat(tcp.status().state()).isEqualTo(TargetState.UP);
    assertThat(tcp.status().reason()).isEqualTo("good");
    assertThat(tcp.isStarting()).isFalse();
  }

  @Test
  void noConnectionProbesWhatACheckHasTakenOut() {
    tcp.probedBy(CHECK);
    tcp.refused(CHECK, "bad");
    assertThat(state(tcp)).isEqualTo(TargetState.DOWN);
    timer.pass(600_000);
    tcp.succeeded(); // a connection that had been made before
    assertThat(tcp.isDue()).isFalse();
    assertThat(tcp.claim()).isFalse();
    assertThat(tcp.isUp()).isFalse();
    assertThat(tcp.isHeld()).isTrue();
    tcp.passed(CHECK, "good");
    assertThat(tcp.isUp()).isTrue();
  }

  @Test
  void trafficTakesACheckedOneOutAndItsCheckMustRiseAnew() {
    int[] doubts = new int[1];
    Prober check = () -> doubts[0]++;
    tcp.probedBy(check);
    tcp.passed(check, "good");
    fail(tcp, 3);
    timer.pass(0);
    assertThat(tcp.isHeld()).isTrue();
    assertThat(doubts[0]).isEqualTo(1);
    timer.pass(600_000);
    assertThat(tcp.isUp()).isFalse();
    tcp.passed(check, "good");
    assertThat(tcp.isUp()).isTrue();
    fail(tcp, 2);
    assertThat(tcp.isUp()).isTrue();
  }

  @Test
  void ofTwoChecksBothMustBeGood() {
    tcp.probedBy(CHECK);
    tcp.probedBy(OTHER);
    tcp.refused(CHECK, "bad");
    tcp.refused(OTHER, "bad");
    tcp.passed(CHECK, "good");
    assertThat(tcp.isUp()).isFalse();
    tcp.leftBy(OTHER);
    assertThat(tcp.isUp()).isTrue();
  }

  @Test
  void withoutItsLastCheckTrafficFindsOutAgain() {
    tcp.probedBy(CHECK);
    tcp.refused(CHECK, "bad");
    tcp.leftBy(CHECK);
    assertThat(tcp.isUp()).isFalse();
    assertThat(millisUntilDue(tcp)).isBetween(5_000L, PAUSE_MILLIS);
    probe(tcp);
    tcp.succeeded();
    assertThat(tcp.isUp()).isTrue();
  }

  @Test
  void aCheckOfOneThatIsDownMustRiseFirst() {
    fail(tcp, 3);
    assertThat(tcp.probedBy(CHECK)).isFalse();
    timer.pass(600_000);
    assertThat(tcp.isDue()).isFalse();
    tcp.passed(CHECK, "good");
    assertThat(tcp.isUp()).isTrue();
  }

  @Test
  void whatTrafficNeedsForAFallCanBeSaid() {
    tcp.passive(new Passive(1, Duration.ofSeconds(20), Duration.ofSeconds(30)));
    fail(tcp, 1);
    assertThat(tcp.isUp()).isFalse();
    assertThat(millisUntilDue(tcp)).isBetween(20_000L, 25_000L);
    probe(tcp);
    fail(tcp, 1);
    assertThat(millisUntilDue(tcp)).isBetween(30_000L, 37_000L);
  }

  @Test
  void eachChangeOfStateIsHeardOfInItsOrder() {
    List<TargetState> heard = new ArrayList<>();
    endpoints.listener((_, _, after) -> heard.add(after.state()));
    tcp.probedBy(CHECK);
    tcp.refused(CHECK, "bad");
    tcp.refused(CHECK, "bad");
    tcp.passed(CHECK, "good");
    timer.pass(0);
    assertThat(heard).containsExactly(TargetState.STARTING, TargetState.DOWN, TargetState.UP);
  }

  @Test
  void afterAPauseOneConnectionAtATimeFindsOut() {
    fail(tcp, 3);
    assertThat(tcp.claim()).isFalse();
    assertThat(millisUntilDue(tcp)).isBetween(5_000L, PAUSE_MILLIS);
    assertThat(tcp.isUp()).isFalse();
    probe(tcp);
    assertThat(tcp.claim()).isFalse();
    tcp.succeeded();
    assertThat(tcp.isUp()).isTrue();
  }

  @Test
  void eachFailedProbeDoublesThePauseUpToAMinute() {
    fail(tcp, 3);
    for (long pause : new long[] {5_000, 10_000, 20_000, 40_000, 60_000, 60_000}) {
      assertThat(millisUntilDue(tcp)).isBetween(pause, pause * 12 / 10 + 1_000);
      probe(tcp);
      fail(tcp, 1);
      assertThat(tcp.isUp()).isFalse();
    }
    tcp.succeeded();
    fail(tcp, 3);
    assertThat(millisUntilDue(tcp)).isBetween(5_000L, PAUSE_MILLIS);
  }

  @Test
  void othersFailuresMeanwhileDoNotLengthenThePause() {
    fail(tcp, 1_000);
    assertThat(millisUntilDue(tcp)).isBetween(5_000L, PAUSE_MILLIS);
  }

  @Test
  void aProbeThatNeverLeftIsFollowedByAnother() {
    fail(udp, 3);
    millisUntilDue(udp);
    assertThat(udp.claim()).isTrue();
    assertThat(millisUntilDue(udp)).isBetween(5_000L, PAUSE_MILLIS);
    assertThat(udp.isUp()).isFalse();
  }

  @Test
  void aProbeThatNobodyHearsOfIsFollowedByAnotherWhenItCannotSucceedAnyMore() {
    fail(tcp, 3);
    millisUntilDue(tcp);
    probe(tcp);
    assertThat(millisUntilDue(tcp)).isGreaterThan(TIMEOUT_MILLIS);
  }

  @Test
  void aDatagramThatNothingBadIsHeardOfBringsItBack() {
    fail(udp, 3);
    millisUntilDue(udp);
    probe(udp);
    timer.pass(4_000);
    assertThat(udp.isUp()).isFalse();
    timer.pass(2_000);
    assertThat(udp.isUp()).isTrue();
  }

  @Test
  void aTimerOfAnEarlierStateChangesNothing() {
    fail(tcp, 3);
    tcp.succeeded();
    timer.pass(PAUSE_MILLIS);
    assertThat(tcp.isUp()).isTrue();
    assertThat(tcp.isDue()).isFalse();
  }

  @Test
  void whoAsksForTheSameAddressGetsTheSameEndpoint() {
    assertThat(endpoints.of(Protocol.TCP, TargetAddress.parse("127.0.0.1:81"))).isSameAs(tcp);
    assertThat(endpoints.of(Protocol.TCP, TargetAddress.parse("127.0.0.1:82"))).isNotSameAs(tcp);
  }
}
