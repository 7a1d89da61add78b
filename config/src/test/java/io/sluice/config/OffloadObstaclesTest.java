package io.sluice.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          offload: auto | offload: auto\\n    perSource: {connections: 9} | perSource: the kernel counts no sources
          offload: auto | offload: auto\\n    perSource: {connections: 9, shadow: true} | perSource: the kernel counts no sources
          offload: auto | offload: auto\\n    bandwidth: {total: 1MiB} | bandwidth: the kernel slows nobody down
          offload: auto | offload: auto\\n    bandwidth: {session: 1MiB} | bandwidth: the kernel slows nobody down
          offload: auto | offload: auto\\n    queue: {length: 9} | queue: no client waits in the kernel
          offload: auto | offload: auto\\n    maxConnections: 9 | maxConnections: the kernel counts no connections
          weight: 999 | weight: 999, maxConnections: 9 | maxConnections of a target: the kernel counts no connections
          method: sk_lookup | method: sk_lookup, perSource: {newPerSecond: 9} | capture edge has perSource: the kernel counts no sources
          version: 1 | version: 1\\nlimits: {perSource: {bytesPerSecond: 1MiB}} | limits.perSource: the kernel counts no sources
          version: 1 | version: 1\\nlimits: {perSource: {flows: 9}} |
          """)
  void limitsThatTheKernelCantKeepAreInTheWay(String what, String with, @Nullable String obstacle)
      throws Exception {
    String file = TWO.replace("W", "1").replace("S", "hash");
    Config config = read(file.replace(what, with.replace("\\n", "\n")));
    assertThat(obstacles(config, List.of()))
        .isEqualTo(obstacle == null ? List.of() : List.of(obstacle));
  }

  private static Config read(String yaml) throws ConfigException {
    return ConfigReader.load("f", yaml, Map.of()).config();
  }

  private static List<String> obstacles(Config config, List<ProgramSpec> programs) {
    return new OffloadObstacles(config.captures(), programs, config.limits())
        .of(config.destinations().getFirst());
  }
}
