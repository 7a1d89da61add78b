package io.sluice.proxy.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import io.sluice.steering.binding.BindingTable;
import io.sluice.steering.binding.BindingTable.Difference;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** A change of many bindings, made one by one where packets read them. */
final class BindingMapsTest {
  private static final int CHANGES = 400;

  @Test
  void inEachStateBetweenTwoTablesEachPacketGetsWhatOneOfThemSays() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    int between = 0;
    for (int i = 0; i < CHANGES; i++) {
      Map<String, Binding> old = random(random);
      Map<String, Binding> wanted = random(random);
      BindingTable before = BindingTable.of(old.values());
      BindingTable after = BindingTable.of(wanted.values());
      Difference difference = after.differenceFrom(before, Integer.MAX_VALUE);
      assertThat(difference).isNotNull();
      Map<String, Binding> state = new LinkedHashMap<>(old);
      for (BindingMaps.Step step : BindingMaps.steps(difference)) {
        if (step.isPut()) {
          state.put(step.binding().match(), step.binding());
        } else {
          state.remove(step.binding().match());
        }
        BindingTable now = BindingTable.of(state.values());
        for (int address = 0; address < 16; address++) {
          for (int port = 1; port <= 2; port++) {
            String seen = label(now, address, port);
            String first = label(before, address, port);
            String last = label(after, address, port);
            assertThat(List.of(first, last)).as("seed %d", seed).contains(seen);
            between += first.equals(last) ? 0 : 1;
          }
        }
      }
      assertThat(state.values()).containsExactlyInAnyOrderElementsOf(wanted.values());
    }
    assertThat(between).isGreaterThan(CHANGES);
  }

  @Test
  void afterAChangeThatTheKernelRefusedTheNextNeedsNewMaps() {
    List<Binding> bindings =
        List.of(binding("192.0.2.1/32"), binding("192.0.2.2/32"), binding("192.0.2.3/32"));
    BindingTable before = BindingTable.of(bindings.subList(0, 1));
    BindingTable after = BindingTable.of(bindings);
    BindingMaps.Made made = BindingMaps.fill(new Syscalls(), before, List.of(), 1);
    BindingMaps maps = made.maps();
    assumeTrue(maps != null, made.wrong());
    Difference difference = after.differenceFrom(before, Integer.MAX_VALUE);
    assertThat(difference).isNotNull();
    assertThat(maps.knows(difference)).isTrue();
    assertThat(maps.has(before, Set.of("web"))).isTrue();
    assertThat(maps.change(after, difference)).isEqualTo(-Linux.ENOSPC);
    assertThat(maps.knows(difference)).isFalse();
    assertThat(maps.has(before, Set.of("web"))).isFalse();
    maps.close();
  }

  private static Binding binding(String prefix) {
    return new Binding("web", Protocol.TCP, IpPrefix.parse(prefix), 80);
  }

  private static String label(BindingTable table, int address, int port) {
    int index = table.match(Protocol.TCP, Family.IPV4, 0, address, port);
    return index < 0 ? "none" : table.binding(index).label();
  }

  /** Nested prefixes of four bits, with ports and without. */
  private static Map<String, Binding> random(Random random) {
    Map<String, Binding> bindings = new LinkedHashMap<>();
    for (int i = random.nextInt(12); i > 0; i--) {
      IpPrefix prefix =
          IpPrefix.containing(IpAddress.ipv4(random.nextInt(16)), 28 + random.nextInt(5));
      Binding binding =
          new Binding("l" + random.nextInt(3), Protocol.TCP, prefix, random.nextInt(3));
      bindings.putIfAbsent(binding.match(), binding);
    }
    return bindings;
  }
}
