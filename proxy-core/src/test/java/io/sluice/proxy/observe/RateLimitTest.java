package io.sluice.proxy.observe;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

final class RateLimitTest {
  @Test
  void oneIsLetThroughAndTheOthersAreCounted() {
    RateLimit limit = new RateLimit(60_000);
    assertThat(limit.permits()).isTrue();
    assertThat(limit.permits()).isFalse();
    assertThat(limit.permits()).isFalse();
    assertThat(limit.suppressed()).isEqualTo(2);
    assertThat(limit.suppressed()).isZero();
  }

  @Test
  void oneIsLetThroughPerInterval() throws InterruptedException {
    RateLimit limit = new RateLimit(50);
    long start = System.nanoTime();
    int permitted = 0;
    while (System.nanoTime() - start < 500_000_000) {
      permitted += limit.permits() ? 1 : 0;
      Thread.sleep(1);
    }
    assertThat(permitted).isBetween(2, 11);
  }
}
