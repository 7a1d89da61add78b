package io.sluice.steering;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class TupleTest {
  private static final long SEED = 20261128;

  private static Tuple random(Random random) {
    boolean ipv4 = random.nextBoolean();
    return new Tuple()
        .set(
            ipv4 ? Family.IPV4 : Family.IPV6,
            random.nextBoolean() ? Protocol.TCP : Protocol.UDP,
            ipv4 ? 0 : random.nextLong(),
            ipv4 ? random.nextInt() & 0xffff_ffffL : random.nextLong(),
            random.nextInt(1 << 16),
            ipv4 ? 0 : random.nextLong(),
            ipv4 ? random.nextInt() & 0xffff_ffffL : random.nextLong(),
            random.nextInt(1 << 16));
  }

  @Test
  void aCopyIsEqualAndHasTheSameHash() {
    Random random = new Random(SEED);
    for (int i = 0; i < 1_000; i++) {
      Tuple one = random(random);
      Tuple copy = new Tuple().copyFrom(one);
      assertThat(copy).as("seed %d, case %d", SEED, i).isEqualTo(one).hasSameHashCodeAs(one);
      assertThat(copy).hasToString(one.toString());
    }
  }

  @Test
  void eachOfTheValuesMakesADifference() {
    List<Consumer<long[]>> changes =
        List.of(
            it -> it[0] ^= 1,
            it -> it[1] ^= 1,
            it -> it[2] ^= 1,
            it -> it[3] ^= 1,
            it -> it[4] ^= 1,
            it -> it[5] ^= 1,
            it -> it[6] ^= 1,
            it -> it[7] ^= 1);
    long[] values = {0, 0, 5, 6, 7, 8, 9, 10};
    Set<Tuple> different = new HashSet<>();
    different.add(of(values));
    for (Consumer<long[]> change : changes) {
      long[] changed = values.clone();
      change.accept(changed);
      assertThat(of(changed)).isNotEqualTo(of(values));
      different.add(of(changed));
    }
    assertThat(different).hasSize(changes.size() + 1);
  }

  private static Tuple of(long[] v) {
    return new Tuple()
        .set(
            Family.values()[(int) v[0]],
            Protocol.values()[(int) v[1]],
            v[2],
            v[3],
            (int) v[4],
            v[5],
            v[6],
            (int) v[7]);
  }

  @Test
  void aContextGivesBackTheTupleThatDescribedIt() {
    Random random = new Random(SEED);
    LookupContext context = new LookupContext();
    Tuple copy = new Tuple();
    for (int i = 0; i < 1_000; i++) {
      Tuple packet = random(random);
      assertThat(context.of(packet, 0).copyTo(copy)).isEqualTo(packet).isNotSameAs(packet);
      assertThat(context.copyPhysicalTo(copy)).isEqualTo(packet);
      assertThat(context.toString()).isEqualTo(packet.toString());
    }
  }

  @Test
  void portsAbove32767StayPositive() {
    Tuple tuple = new Tuple().set(Family.IPV4, Protocol.TCP, 0, 1, 65_535, 0, 2, 40_000);
    assertThat(tuple.remotePort()).isEqualTo(65_535);
    assertThat(tuple.localPort()).isEqualTo(40_000);
    assertThat(tuple).hasToString("tcp 0.0.0.1:65535 → 0.0.0.2:40000");
  }
}
