package io.sluice.config;

import static io.sluice.config.LayerScene.WEB;
import static io.sluice.config.LayerScene.bind;
import static io.sluice.config.LayerScene.bindings;
import static io.sluice.config.LayerScene.edit;
import static io.sluice.config.LayerScene.load;
import static io.sluice.config.LayerScene.register;
import static io.sluice.config.LayerScene.targets;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.sluice.steering.Protocol;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Layers are merged and checked as one document, and a change is one of a layer. */
class LayersTest {
  @Test
  void fromAnEmptyFileABindingAndATargetMakeADestinationAndACapture() throws Exception {
    Config empty = load("version: 1").config();

    Config config =
        edit(
                edit(empty, bind("foo", "tcp", "127.0.0.0/8", "4321")).config(),
                register("foo", "127.0.0.1:9999"))
            .config();

    assertThat(targets(config, "foo")).containsExactly("127.0.0.1:9999*1");
    assertThat(config.destinations())
        .singleElement()
        .extracting(DestinationSpec::protocol)
        .isEqualTo(Protocol.TCP);
    assertThat(config.captures())
        .singleElement()
        .extracting(it -> it.ports().toString())
        .isEqualTo("[4321]");
  }

  @Test
  void theTargetMayComeBeforeTheBinding() throws Exception {
    Loaded registered = edit(load("version: 1").config(), register("foo", "127.0.0.1:9999"));

    assertThat(registered.config().destinations()).isEmpty();
    assertThat(registered.warnings())
        .asString()
        .contains("tcp foo 127.0.0.1:9999: warning: has no");
    assertThat(
            targets(
                edit(registered.config(), bind("foo", "udp", "127.0.0.1/32", "53")).config(),
                "foo"))
        .containsExactly("127.0.0.1:9999*1");
  }

  @Test
  void aBindingWithoutDestinationIsAWarning() throws Exception {
    Loaded loaded = edit(load("version: 1").config(), bind("foo", "tcp", "127.0.0.0/8", "4321"));

    assertThat(loaded.warnings())
        .asString()
        .contains("'foo' is bound and has no tcp destination yet");
    assertThat(bindings(loaded.config())).containsExactly("tcp 127.0.0.0/8:4321 → foo");
  }

  @Test
  void aBindingOfTheRuntimeLayerReplacesTheFilesAndGivesItFreeAgain() throws Exception {
    Config file = load(WEB).config();

    Config bound = edit(file, bind("l7", "tcp", "127.0.1.0/24", "80")).config();
    Config away = edit(bound, new Change.Unbind("l7", "tcp", "127.0.1.0/24", "80")).config();

    assertThat(bindings(bound))
        .containsExactly("tcp 127.0.1.0/24:80 → l7", "tcp 127.0.2.1/32:any → l7");
    assertThat(bindings(away)).containsExactly("tcp 127.0.2.1/32:any → l7");
    assertThat(bindings(edit(away, bind("web", "tcp", "127.0.1.0/24", "80")).config()))
        .isEqualTo(bindings(file));
  }

  @Test
  void everyThingKnowsItsLayerAndPlace() throws Exception {
    Config config =
        edit(
                load(WEB).config(),
                bind("web", "tcp", "127.0.9.0/24", "80"),
                register("web", "127.0.0.1:8083"))
            .config();
    Document document = config.document();

    assertThat(config.bindings().asList().stream().map(it -> String.valueOf(document.placeOf(it))))
        .containsExactlyInAnyOrder("sluice.yaml:4:5", "sluice.yaml:5:5", "runtime");
    assertThat(document.placeOf("destinations", "tcp web")).isEqualTo("sluice.yaml:7:5");
    assertThat(document.placeOf("targets", "tcp web 127.0.0.1:8083")).isEqualTo("runtime");
  }

  @Test
  void aBindingsOnlyChangeKeepsTheOtherSections() throws Exception {
    Config file = load(WEB).config();

    Config bound = edit(file, bind("web", "tcp", "127.0.9.0/24", "80")).config();

    assertThat(bound.isRebound(file)).isTrue();
    assertThat(bindings(bound)).hasSize(3);
    assertThat(edit(file, bind("new", "tcp", "127.0.9.0/24", "80")).config().isRebound(file))
        .isFalse();
  }

  @Test
  void targetsAreAddedTakenAwayWeighedAndDrained() throws Exception {
    Config file = load(WEB).config();

    Config config =
        edit(
                file,
                register("web", "127.0.0.1:8083"),
                new Change.Unregister("web", null, "127.0.0.1:8081"),
                new Change.Set("web", "tcp", "127.0.0.1:8082", Map.of("weight", "5")),
                new Change.Set("web", "tcp", "127.0.0.1:8083", Map.of("state", "drain")))
            .config();

    assertThat(targets(config, "web")).containsExactly("127.0.0.1:8082*5", "127.0.0.1:8083*0");
    assertThat(ConfigDiff.words(file, config))
        .containsExactly(
            "- target tcp web 127.0.0.1:8081",
            "~ target tcp web 127.0.0.1:8082 weight=5",
            "+ target tcp web 127.0.0.1:8083 state=drain");
  }

  @Test
  void aSwapReplacesTheTargetsInOneStepAndBack() throws Exception {
    Config file = load(WEB).config();

    Config green =
        edit(file, new Change.Swap("web", null, List.of("127.0.0.1:9001", "127.0.0.1:9002")))
            .config();
    Config blue =
        edit(green, new Change.Swap("web", null, List.of("127.0.0.1:8081", "127.0.0.1:8082")))
            .config();

    assertThat(targets(green, "web")).containsExactly("127.0.0.1:9001*1", "127.0.0.1:9002*1");
    assertThat(targets(blue, "web"))
        .containsExactlyInAnyOrder("127.0.0.1:8081*1", "127.0.0.1:8082*1");
  }

  @Test
  void thingsAreAddedAndTakenAwayInTheFilesOwnYaml() throws Exception {
    Config file = load(WEB).config();

    Config config =
        edit(
                file,
                new Change.Put(
                    Change.Kind.DESTINATION,
                    "{label: dns, protocol: udp, targets: [\"127.0.0.1:5353\"], idleTimeout: 9s}"),
                bind("dns", "udp", "127.0.3.0/24", "53"),
                new Change.Put(
                    Change.Kind.PROGRAM, "{name: office, rules: [{from: 10.0.0.0/8, drop: true}]}"),
                new Change.Move("office", "bindings"),
                new Change.Put(Change.Kind.LIMIT, "{drain: 3s}"),
                new Change.Put(
                    Change.Kind.LISTENER,
                    "{protocol: tcp, address: 127.0.0.9, port: 80, destination: web}"))
            .config();

    assertThat(config.destinations())
        .extracting(DestinationSpec::label)
        .containsExactly("web", "l7", "dns");
    assertThat(config.programs())
        .extracting(ProgramSpec::name)
        .containsExactly("office", "bindings");
    assertThat(config.limits().drain()).hasSeconds(3);
    assertThat(config.listeners()).hasSize(1);
    assertThat(
            edit(
                    config,
                    new Change.Remove(Change.Kind.PROGRAM, "office"),
                    new Change.Remove(Change.Kind.LISTENER, "tcp 127.0.0.9:80"),
                    new Change.Remove(Change.Kind.LIMIT, "drain"))
                .config()
                .programs())
        .isEqualTo(file.programs());
  }

  @Test
  void aDestinationThatTheFileBindsCannotBeTakenAway() throws Exception {
    Config file = load(WEB).config();

    assertThatThrownBy(() -> edit(file, new Change.Remove(Change.Kind.DESTINATION, "web")))
        .hasMessageContaining("sluice.yaml:4:5 binds tcp 127.0.1.0/24:80 to it");
  }

  @Test
  void tenMistakesAreTenProblems() throws Exception {
    Config file = load(WEB).config();

    ConfigException bad =
        catchThrowableOfType(
            ConfigException.class,
            () ->
                edit(
                    file,
                    bind("web", "tcp", "127.0.1.0/33", "80"),
                    bind("web", "sctp", "127.0.1.0/24", "80"),
                    bind("web", "tcp", "127.0.1.0/24", "80-90"),
                    bind("", "tcp", "127.0.1.0/24", "80"),
                    new Change.Unbind("web", "tcp", "10.0.0.0/8", "80"),
                    new Change.Unregister("web", "tcp", "127.0.0.1:1"),
                    register("web", "127.0.0.1"),
                    new Change.Set("web", "tcp", "127.0.0.1:8081", Map.of("weight", "x")),
                    new Change.Remove(Change.Kind.PROGRAM, "nobody"),
                    new Change.Put(Change.Kind.DESTINATION, "{label: x, protocol: tcp}")));

    assertThat(bad.problems())
        .filteredOn(it -> it.severity() == Problem.Severity.ERROR)
        .hasSize(10)
        .allMatch(it -> it.file().equals("runtime"));
  }

  @Test
  void aPatchAddsAndTakesAwayAtOnce() throws Exception {
    String patch =
        """
        bindings:
          - {label: web, protocol: tcp, prefix: 127.0.9.0/24, port: 80}
        targets:
          - {destination: web, protocol: tcp, address: "127.0.0.1:8083"}
        remove:
          bindings: ["tcp 127.0.2.1/32:any"]
          targets: ["tcp web 127.0.0.1:8081"]
        """;

    Config config = edit(load(WEB).config(), new Change.Patch("patch.yaml", patch)).config();

    assertThat(bindings(config))
        .containsExactly("tcp 127.0.1.0/24:80 → web", "tcp 127.0.9.0/24:80 → web");
    assertThat(targets(config, "web")).containsExactly("127.0.0.1:8082*1", "127.0.0.1:8083*1");
  }

  @Test
  void aPatchsProblemsHaveItsLines() throws Exception {
    Config file = load(WEB).config();

    assertThatThrownBy(() ->
            edit(
                file,
                new Change.Patch(
                    "patch.yaml",
                    "destinations:\n  - {label: web, protocol: tcp, targets: [\"nowhere\"]}\n")))
        .hasMessageContaining("patch.yaml:2:43: destinations[0].targets[0]: ");
  }

  @Test
  void tubularsBindingsReplaceThoseOfTheLayer() throws Exception {
    Config before = edit(load(WEB).config(), bind("web", "tcp", "127.0.9.0/24", "80")).config();
    String json =
        """
        {"bindings": [
          {"label": "l7", "protocol": "tcp", "prefix": "127.0.8.0/24", "port": 80},
          {"label": "web", "protocol": "tcp", "prefix": "127.0.7.0/24", "port": 81}]}
        """;

    Config config = edit(before, new Change.LoadBindings("bindings.json", json)).config();

    assertThat(bindings(config))
        .containsExactly(
            "tcp 127.0.1.0/24:80 → web",
            "tcp 127.0.2.1/32:any → l7",
            "tcp 127.0.7.0/24:81 → web",
            "tcp 127.0.8.0/24:80 → l7");
    assertThatThrownBy(() ->
            edit(before, new Change.LoadBindings("b.csv", "web,tcp,10.0.0.0/8,80\nweb,tcp,x,80\n")))
        .hasMessageContaining("b.csv:2:9: ");
  }
}
