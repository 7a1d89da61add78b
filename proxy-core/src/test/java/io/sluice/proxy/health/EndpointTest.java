package io.sluice.proxy.health;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.TargetAddress;
import io.sluice.proxy.observe.Refusal;
import io.sluice.steering.Protocol;
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
