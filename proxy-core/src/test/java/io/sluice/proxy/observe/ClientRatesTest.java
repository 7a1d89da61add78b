package io.sluice.proxy.observe;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The busiest clients are found in memory that doesn't grow. */
final class ClientRatesTest {
  private static final long SEED = 20_261_128;
  private static final int WINDOW = ClientRates.WINDOW_MILLIS;

  private final ClientRates rates = new ClientRates();
  private final LookupContext context = new LookupContext();

  private void count(int client, long atMillis) {
    rates.count(context.ipv4(Protocol.TCP, client, 1, 1, 80, 0), atMillis);
  }

  @Test
  void aWindowIsShownOnceItIsOver() {
    count(7, 10_000);
    count(7, 10_001);
    count(8, 10_002);
    assertThat(rates.clients(10_003)).isEmpty();
    count(9, 10_000 + WINDOW);
    assertThat(rates.clients(10_001 + WINDOW))
        .extracting(it -> it.low() + "*" + it.count())
        .containsExactlyInAnyOrder("7*2", "8*1");
  }

  @Test
  void ofALongSilenceNothingIsShown() {
    count(7, 10_000);
    assertThat(rates.clients(10_000 + WINDOW)).hasSize(1);
    assertThat(rates.clients(10_000 + 4L * WINDOW)).isEmpty();
  }

  @Test
  void noCountIsTooSmallAndTheErrorIsKnown() {
    Random random = new Random(SEED);
    Map<Long, Long> truth = new HashMap<>();
    for (int i = 0; i < 200_000; i++) { // a tenth of all by ten clients, the rest by 100,000
      int client = random.nextInt(10) == 0 ? random.nextInt(10) : 1_000 + random.nextInt(100_000);
      count(client, 10_000);
      truth.merge((long) client, 1L, Long::sum);
    }
    List<ClientRates.Client> found = rates.clients(10_000 + WINDOW);
    assertThat(found).hasSizeLessThanOrEqualTo(1_024);
    for (ClientRates.Client it : found) {
      long count = truth.getOrDefault(it.low(), 0L);
      assertThat(it.count()).as("seed " + SEED).isGreaterThanOrEqualTo(count);
      assertThat(it.count() - it.error()).as("seed " + SEED).isLessThanOrEqualTo(count);
    }
    assertThat(
            found.stream()
                .sorted(Comparator.comparingLong(ClientRates.Client::count).reversed())
                .limit(10)
                .map(ClientRates.Client::low))
        .as("the ten that come most; seed " + SEED)
        .allMatch(it -> it < 10);
  }
}
