package io.sluice.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What keeps a destination from the kernel; the cases of problems.txt have the others. */
final class OffloadObstaclesTest {
  private static final String TWO =
      """
      version: 1
      capture: [{name: edge, protocols: [tcp], addresses: [192.0.2.0/24], ports: [80], method: sk_lookup}]
      bindings: [{label: web, protocol: tcp, prefix: 192.0.2.0/24, port: 80}]
      destinations:
        - label: web
          protocol: tcp
          targets: [{address: "127.0.0.1:1", weight: W}, {address: "127.0.0.1:2", weight: 999}]
          select: S
          offload: auto
      """;

  @Test
  void aClassInTheChainKeepsEverythingFromTheKernel() throws Exception {
    Config config = read(TWO.replace("W", "1").replace("S", "hash"));
    Place nowhere = new Place("f", 1, 1, "programs");
    ProgramSpec own =
        new ProgramSpec.Custom("own", new JarClass(Path.of("own.jar"), "Own", nowhere, nowhere));
    assertThat(obstacles(config, List.of())).isEmpty();
    assertThat(obstacles(config, List.of(own)))
        .containsExactly("program own is a class, which the kernel can't run");
  }

  @Test
  void weightsCountWithWhatTheyHaveInCommonTakenOut() throws Exception {
    List<String> targets = new ArrayList<>();
    for (int port = 1; port <= 66; port++) {
      targets.add("{address: \"127.0.0.1:" + port + "\", weight: 1000}");
    }
    String same = TWO.replaceFirst("targets: .*", "targets: " + targets).replace("S", "source");
    assertThat(obstacles(read(same), List.of())).isEmpty();
    String odd = same.replaceFirst("weight: 1000", "weight: 999");
    assertThat(obstacles(read(odd), List.of()))
        .containsExactly(
            "weight: they take 65999 entries, and the kernel's table has 65537; use smaller weights");
  }

  private static Config read(String yaml) throws ConfigException {
    return ConfigReader.load("f", yaml, Map.of()).config();
  }

  private static List<String> obstacles(Config config, List<ProgramSpec> programs) {
    return new OffloadObstacles(config.captures(), programs).of(config.destinations().getFirst());
  }
}
