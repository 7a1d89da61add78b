package io.sluice.proxy.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.proxy.linux.Linux;
import io.sluice.steering.Family;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.LookupContext;
import io.sluice.steering.PortRange;
import io.sluice.steering.Program;
import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import io.sluice.steering.binding.BindingTable;
import io.sluice.steering.binding.BindingsProgram;
import io.sluice.steering.binding.Rule;
import io.sluice.steering.binding.Rule.Action;
import io.sluice.steering.binding.RulesProgram;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.BiFunction;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Our built-in programs, beside code for the kernel that does what their documents say. */
@Tag("conformance")
class PolicyConformanceTest {
  private static final int WORLDS = 40;
  private static final int PROGRAMS = 6;
  private static final int CASES = 250;
  private static final int LABELS = SocketMaps.SLOTS / 2;

  private final Kernel kernel = new Kernel();

  @BeforeAll
  static void kernelTakesPrograms() {
    Kernel.assumeItTakesPrograms();
  }

  /** A program of the kernel, and the engine's. */
  private record Pair(int program, Program engine, String description) {}

  @Test
  void randomBindingsDoAsAnLpmTrieInTheKernel() {
    compare("bindings", this::bindings);
  }

  @Test
  void randomRulesDoAsCodeInTheKernel() {
    compare("rules", this::rules);
  }

  private void compare(String what, BiFunction<World, Random, Pair> programs) {
    Tally tally = Tally.seeded();
    for (int i = 0; i < WORLDS && !tally.isFull(); i++) {
      try (World world = new World(kernel, new Random(tally.random().nextLong()))) {
        for (int j = 0; j < PROGRAMS && !tally.isFull(); j++) {
          Pair pair = programs.apply(world, new Random(tally.random().nextLong()));
          TestRun run = new TestRun(world, pair.program, pair.engine);
          tally.program();
          for (int k = 0; k < CASES && !tally.isFull(); k++) {
            world.fill(run.context);
            String difference = run.compare(tally);
            if (difference != null) {
              tally.difference(pair.description + "\n  " + difference);
            }
          }
          kernel.close(pair.program);
        }
        tally.differences(world.maps.takeDifferences());
      }
    }
    tally.print(what);
    assertThat(tally.differences()).isEmpty();
    assertThat(tally.cases()).isEqualTo(WORLDS * PROGRAMS * CASES);
    assertThat(tally.count("assign")).isGreaterThan(tally.cases() / 20);
  }

  private Pair bindings(World world, Random random) {
    Map<String, Binding> bindings = new LinkedHashMap<>();
    int trie4 = trie(Family.IPV4);
    int trie6 = trie(Family.IPV6);
    int size = 1 + random.nextInt(40);
    for (int i = 0; i < size; i++) {
      int label = random.nextInt(LABELS);
      Protocol protocol = random.nextBoolean() ? Protocol.TCP : Protocol.UDP;
      int port = random.nextBoolean() ? Binding.ANY_PORT : 8000 + random.nextInt(SocketMaps.KEYS);
      Binding binding = new Binding("" + label, protocol, localPrefix(world, random), port);
      if (bindings.putIfAbsent(protocol + binding.match(), binding) == null) {
        int trie = binding.prefix().family() == Family.IPV4 ? trie4 : trie6;
        byte[] value = PolicyCode.value(binding, label);
        Kernel.check("a binding", kernel.bpf.update(trie, PolicyCode.key(binding), value, 0));
      }
    }
    List<Binding> list = List.copyOf(bindings.values());
    int program = kernel.lookupProgram(PolicyCode.bindings(trie4, trie6, world.maps.kernelMap));
    kernel.close(trie4);
    kernel.close(trie6);
    BindingTable table = BindingTable.of(list);
    return new Pair(
        program,
        BindingsProgram.of(table, world.maps.sockMap, PolicyConformanceTest::slot),
        list.toString());
  }

  private Pair rules(World world, Random random) {
    List<Rule> rules = new ArrayList<>();
    int size = 1 + random.nextInt(12);
    for (int i = 0; i < size; i++) {
      String label = "" + random.nextInt(LABELS);
      rules.add(
          new Rule(
              random.nextInt(3) > 0 ? null : remotePrefix(world, random),
              random.nextInt(4) > 0 ? null : ports(random, 40_000),
              random.nextInt(3) > 0 ? null : localPrefix(world, random),
              random.nextInt(3) > 0 ? null : ports(random, 8000),
              random.nextInt(3) > 0 ? null : random.nextBoolean() ? Protocol.TCP : Protocol.UDP,
              random.nextInt(12) > 0 ? 0 : 1,
              switch (random.nextInt(6)) {
                case 0 -> new Action.Drop();
                case 1 -> new Action.Pass();
                default -> new Action.Assign(label, random.nextBoolean(), random.nextBoolean());
              }));
    }
    int program =
        kernel.lookupProgram(PolicyCode.rules(rules, Integer::parseInt, world.maps.kernelMap));
    return new Pair(
        program,
        RulesProgram.of(rules, world.maps.sockMap, PolicyConformanceTest::slot),
        rules.toString());
  }

  private int trie(Family family) {
    return kernel.map(Linux.BPF_MAP_TYPE_LPM_TRIE, PolicyCode.keyBytes(family), 8, 64);
  }

  private static int slot(String label, Protocol protocol) {
    return 2 * Integer.parseInt(label) + (protocol == Protocol.UDP ? 1 : 0);
  }

  private static @Nullable PortRange ports(Random random, int from) {
    int first = from + random.nextInt(8);
    return new PortRange(first, first + random.nextInt(200) * random.nextInt(3));
  }

  private static IpPrefix localPrefix(World world, Random random) {
    LookupContext packet = new LookupContext();
    world.fill(packet);
    return IpPrefix.containing(packet.local(), length(random, packet.family()));
  }

  private static IpPrefix remotePrefix(World world, Random random) {
    LookupContext packet = new LookupContext();
    world.fill(packet);
    return IpPrefix.containing(packet.remote(), length(random, packet.family()));
  }

  /** Often the whole address or nearly so, where the packets differ. */
  private static int length(Random random, Family family) {
    int length = random.nextInt(3) == 0 ? random.nextInt(family.bits() + 1) : family.bits();
    return random.nextBoolean() ? length : Math.max(0, family.bits() - random.nextInt(4));
  }
}
