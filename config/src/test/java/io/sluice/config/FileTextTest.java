package io.sluice.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What is in force, as a text for another daemon. */
class FileTextTest {
  private static final String WEB =
      """
      version: 1
      capture: [{name: edge, addresses: [127.0.0.0/8], ports: any, method: sk_lookup}]
      bindings:
        - {label: web, protocol: tcp, prefix: 127.0.1.0/24, port: 80}
        - {label: "a, b", prefix: 127.0.2.1/32, port: any}
      programs:
        - {name: bindings, builtin: bindings}
        - name: office
          rules: [{from: 203.0.113.0/24, port: 22, drop: true}]
      destinations:
        - {label: web, protocol: tcp, targets: ["127.0.0.1:8081", "${BACK:-127.0.0.1:8082}"]}
        - {label: "a, b", protocol: tcp, targets: ["unix:/run/l7.sock"]}
        - {label: "a, b", protocol: udp, targets: [{address: "127.0.0.1:53", weight: 2}]}
      loops: 3
      limits: {drain: 7s, lameDuck: 1s}
      expect: [{lookup: "tcp 203.0.113.9:5000 127.0.1.7:80", assign: web}]
      admin: {http: none, socket: none}
      """;

  @TempDir private Path directory = Path.of(".");

  static Stream<Path> examples() throws IOException {
    try (Stream<Path> all = Files.list(Path.of("../deploy/examples"))) {
      return all.filter(it -> it.toString().endsWith(".yaml")).toList().stream();
    }
  }

  private static List<Object> parts(Config config) {
    return List.of(
        config.captures(),
        config.capturesDerived(),
        config.bindings().asList(),
        config.destinations(),
        config.programs(),
        config.listeners(),
        config.expectations().stream().map(it -> it.lookup() + " " + it.outcome()).toList(),
        config.loops(),
        config.limits(),
        config.admin());
  }

  private static void assertReadsAsTheSame(Config config) throws ConfigException {
    String text = ConfigReader.fileText(config);
    Config again = ConfigReader.read("again", text, System.getenv());
    assertThat(parts(again)).isEqualTo(parts(config));
    assertThat(ConfigReader.fileText(again)).isEqualTo(text);
  }

  @Test
  void itReadsAsTheSame() throws Exception {
    assertReadsAsTheSame(ConfigReader.read("sluice.yaml", WEB, Map.of()));
    assertReadsAsTheSame(ConfigReader.read("sluice.yaml", "version: 1", Map.of()));
    assertReadsAsTheSame(ConfigReader.read("sluice.yaml", "version: 1\ncapture: []", Map.of()));
  }

  @ParameterizedTest
  @MethodSource("examples")
  void eachExampleReadsAsTheSame(Path example) throws Exception {
    assertReadsAsTheSame(ConfigReader.read(example));
  }

  @Test
  void whatIsTakenOverKnowsItsPlaceIfTheFileStillSaysTheSame() throws Exception {
    Path file = Files.writeString(directory.resolve("sluice.yaml"), WEB);
    Config config = ConfigReader.read(file);
    Config taken = takenOver(file, config);
    assertThat(taken.document().placeOf("destinations", "tcp web")).isEqualTo(file + ":11:5");
    Files.writeString(file, WEB.replace("7s", "8s"));
    assertThat(takenOver(file, config).limits().drain()).hasSeconds(7);
    Files.writeString(file, "nonsense");
    assertThat(takenOver(file, config).limits().drain()).hasSeconds(7);
  }

  @Test
  void whatWasChangedAtRunTimeIsTakenOver() throws Exception {
    Path file = Files.writeString(directory.resolve("sluice.yaml"), WEB);
    Config changed =
        ConfigReader.edit(
                ConfigReader.read(file),
                Layer.RUNTIME,
                List.of(
                    new Change.Bind("web", "tcp", "127.0.9.0/24", "any"),
                    new Change.Unbind("web", "tcp", "127.0.1.0/24", "80")))
            .config();
    Config taken = takenOver(file, changed);
    assertThat(parts(taken)).isEqualTo(parts(changed));
  }

  private static Config takenOver(Path file, Config config) throws ConfigException {
    Layer runtime = config.document().layer(Layer.RUNTIME);
    return ConfigReader.takenOver(
            file, ConfigReader.fileText(config), ConfigReader.stateText(runtime))
        .config();
  }
}
