package io.sluice.proxy.observe;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
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
  void oneIsLetThroughPerInterval() {
    AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 120_000_000); // it overflows on the way
    RateLimit limit = new RateLimit(50, nanos::get);
    List<Integer> permitted = new ArrayList<>();
    for (int millis = 0; millis < 500; millis++) {
      if (limit.permits()) {
        permitted.add(millis);
      }
      nanos.addAndGet(1_000_000);
    }
    assertThat(permitted).containsExactly(0, 50, 100, 150, 200, 250, 300, 350, 400, 450);
    assertThat(limit.suppressed()).isEqualTo(490);
  }
}
