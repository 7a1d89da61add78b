package io.sluice.proxy.flow;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.steering.Family;
import io.sluice.steering.Protocol;
import io.sluice.steering.Tuple;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FlowTableTest {
  private record Values(
      Family family, long ch, long cl, int cp, int scope, long lh, long ll, int lp) {
    FlowKey key() {
      return FlowTableTest.key(family, ch, cl, cp, scope, lh, ll, lp);
    }
  }

  private static FlowKey key(
      Family family, long ch, long cl, int cp, int scope, long lh, long ll, int lp) {
    return new FlowKey().set(new Tuple().set(family, Protocol.UDP, ch, cl, cp, lh, ll, lp), scope);
  }

  private record Entry(FlowKey key, int number) implements FlowTable.Keyed {}

  /** Few distinct values, so that keys are met again and differ in one field only. */
  private static Values randomTuple(Random random) {
    boolean v6 = random.nextBoolean();
    return new Values(
        v6 ? Family.IPV6 : Family.IPV4,
        v6 ? random.nextInt(2) : 0,
        random.nextInt(8),
        random.nextInt(8) + 65_528,
        v6 ? random.nextInt(2) : 0,
        v6 ? random.nextInt(2) : 0,
        random.nextInt(4),
        random.nextInt(4));
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
  void equalsAHashMap(long seed) {
    Random random = new Random(seed);
    FlowTable<Entry> table = new FlowTable<>(random.nextLong(), random.nextLong());
    Map<Values, Entry> model = new HashMap<>();
    for (int step = 0; step < 200_000; step++) {
      Values tuple = randomTuple(random);
      String where = "seed " + seed + ", step " + step + ", " + tuple;
      assertThat(table.get(tuple.key())).as(where).isSameAs(model.get(tuple));
      // Fill up and empty out by turns, so that the table meets both.
      boolean grow = random.nextInt(100) < (step / 20_000 % 2 == 0 ? 80 : 20);
      if (grow && !model.containsKey(tuple)) {
        Entry entry = new Entry(tuple.key(), step);
        table.put(entry);
        model.put(tuple, entry);
      } else if (!grow) {
        assertThat(table.remove(tuple.key())).as(where).isEqualTo(model.remove(tuple) != null);
      }
      assertThat(table.size()).as(where).isEqualTo(model.size());
    }
    model.forEach(
        (tuple, entry) -> assertThat(table.get(tuple.key())).as("seed " + seed).isSameAs(entry));
    assertThat(table.entries()).containsExactlyInAnyOrderElementsOf(model.values());
  }

  @Test
  void keepsEveryEntryWhenAllHashesMeet() {
    FlowTable<Entry> table = new FlowTable<>(0, 0); // without secrets, zero addresses hash to zero
    List<Entry> entries = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      Entry entry = new Entry(key(Family.IPV4, 0, 0, i, 0, 0, i, 0), i);
      entries.add(entry);
      table.put(entry);
    }
    for (int i = 0; i < 200; i += 2) {
      assertThat(table.remove(entries.get(i).key())).isTrue();
      assertThat(table.remove(entries.get(i).key())).isFalse();
    }
    for (int i = 0; i < 200; i++) {
      Entry entry = entries.get(i);
      assertThat(table.get(entry.key())).isSameAs(i % 2 == 0 ? null : entry);
    }
    assertThat(table.entries()).hasSize(100);
  }

  @Test
  void aKeyGivesBackWhatItWasSetTo() {
    FlowKey key =
        key(Family.IPV6, 0xfe80_0000_0000_0000L, 2, 65_535, 7, 0x2001_0db8L << 32, -1, 65_534)
            .copy();
    assertThat(key.family()).isEqualTo(Family.IPV6);
    assertThat(key.clientHigh()).isEqualTo(0xfe80_0000_0000_0000L);
    assertThat(key.clientLow()).isEqualTo(2);
    assertThat(key.clientPort()).isEqualTo(65_535);
    assertThat(key.clientScope()).isEqualTo(7);
    assertThat(key.localHigh()).isEqualTo(0x2001_0db8L << 32);
    assertThat(key.localLow()).isEqualTo(-1);
    assertThat(key.localPort()).isEqualTo(65_534);
    assertThat(key).hasToString("[fe80::2]:65535 → [2001:db8::ffff:ffff:ffff:ffff]:65534");
  }
}
