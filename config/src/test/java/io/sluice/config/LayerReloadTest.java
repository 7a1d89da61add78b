package io.sluice.config;

import static io.sluice.config.LayerScene.LISTENER;
import static io.sluice.config.LayerScene.WEB;
import static io.sluice.config.LayerScene.bind;
import static io.sluice.config.LayerScene.edit;
import static io.sluice.config.LayerScene.load;
import static io.sluice.config.LayerScene.register;
import static io.sluice.config.LayerScene.targets;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;
import io.sluice.steering.binding.Binding;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** A layer of changes outlives what is below it: the file, and the process. */
class LayerReloadTest {
  private static final String WITHOUT_L7 =
      """
      version: 1
      bindings: [{label: web, protocol: tcp, prefix: 127.0.1.0/24, port: 80}]
      destinations: [{label: web, protocol: tcp, targets: ["127.0.0.1:8081"]}]
      """;

  @Test
  void whatNoLongerFitsTheFileIsKeptWithoutEffectUntilItFitsAgain() throws Exception {
    Config before =
        edit(
                load(WEB).config(),
                new Change.Set("web", "tcp", "127.0.0.1:8082", Map.of("weight", "7")),
                LISTENER)
            .config();

    Loaded without = ConfigReader.reload("sluice.yaml", WITHOUT_L7, Map.of(), before);
    Loaded again = ConfigReader.reload("sluice.yaml", WEB, Map.of(), without.config());

    assertThat(without.config().listeners()).isEmpty();
    assertThat(targets(without.config(), "web")).containsExactly("127.0.0.1:8081*1");
    assertThat(without.warnings())
        .asString()
        .contains("runtime: targets tcp web 127.0.0.1:8082: warning: has no effect now")
        .contains("runtime: listeners tcp 127.0.0.9:80: warning: has no effect now");
    assertThat(again.config().listeners()).hasSize(1);
    assertThat(targets(again.config(), "web"))
        .containsExactly("127.0.0.1:8081*1", "127.0.0.1:8082*7");
  }

  @Test
  void whatHasNoEffectKeepsNobodyFromChangingOtherThings() throws Exception {
    Config before = edit(load(WEB).config(), LISTENER).config();
    Config idle = ConfigReader.reload("sluice.yaml", WITHOUT_L7, Map.of(), before).config();

    Config changed = edit(idle, register("web", "127.0.0.1:8083")).config();
    Config removed =
        edit(changed, new Change.Remove(Change.Kind.LISTENER, "tcp 127.0.0.9:80")).config();

    assertThat(targets(changed, "web")).containsExactly("127.0.0.1:8081*1", "127.0.0.1:8083*1");
    assertThat(changed.document().things())
        .filteredOn(Document.Thing::isIdle)
        .extracting(Document.Thing::name)
        .containsExactly("tcp 127.0.0.9:80");
    assertThat(removed.document().things()).noneMatch(Document.Thing::isIdle);
  }

  @Test
  void aReloadThatIsWrongIsRefusedWithTheFilesPlaces() throws Exception {
    Config before = edit(load(WEB).config(), register("web", "127.0.0.1:8083")).config();

    assertThatThrownBy(
            () -> ConfigReader.reload("sluice.yaml", WEB + "loops: many\n", Map.of(), before))
        .hasMessageContaining("sluice.yaml:9:8: loops: ");
  }

  @Test
  void theStateReadsAsTheLayerThatItWasWrittenFrom() throws Exception {
    Config file = load(WEB).config();
    Config config =
        edit(
                file,
                bind("web", "tcp", "2001:db8::/32", "443"),
                new Change.Unbind("web", "tcp", "127.0.1.0/24", "80"),
                register("web", "127.0.0.1:8083"),
                new Change.Unregister("web", null, "127.0.0.1:8081"),
                new Change.Set("web", "tcp", "127.0.0.1:8082", Map.of("weight", "7")),
                new Change.Put(Change.Kind.PROGRAM, "{name: \"a 'b' ü\", rules: [{drop: true}]}"),
                new Change.Move("bindings", null),
                new Change.Put(Change.Kind.LIMIT, "{drain: 3s}"))
            .config();
    String text = ConfigReader.stateText(config.document().layer(Layer.RUNTIME));

    Layer read = ConfigReader.state("state.yaml", text, file);
    Config again = ConfigReader.change(file, file.document().with(read)).config();

    assertThat(ConfigReader.stateText(read)).isEqualTo(text);
    assertThat(ConfigDiff.words(config, again)).isEmpty();
  }

  @Test
  void aTornOrForeignStateIsRefusedByName() throws Exception {
    Config file = load(WEB).config();
    Config config = edit(file, register("web", "127.0.0.1:8083")).config();
    String text = ConfigReader.stateText(config.document().layer(Layer.RUNTIME));

    for (int length = 0; length < text.length(); length++) {
      String torn = text.substring(0, length);
      assertThatThrownBy(() -> ConfigReader.state("state.yaml", torn, file))
          .as("%d of %d characters", length, text.length())
          .hasMessageStartingWith("state.yaml:");
    }
    assertThatThrownBy(() -> ConfigReader.state("state.yaml", text.replace("8083", "8084"), file))
        .hasMessageContaining("is torn, or was changed by somebody else");
    assertThatThrownBy(() -> ConfigReader.state("state.yaml", "{}", file))
        .hasMessageContaining("is no state of Sluice's");
  }

  @Test
  void aReloadThatChangesFewBindingsSharesTheTable() throws Exception {
    StringBuilder csv = new StringBuilder(WEB);
    for (int i = 0; i < 3000; i++) {
      csv.insert(
          csv.indexOf("destinations"),
          "  - {label: web, protocol: tcp, prefix: 127.%d.%d.0/24, port: 9}\n"
              .formatted(10 + i / 256, i % 256));
    }
    Config before = load(csv.toString()).config();

    Config after =
        ConfigReader.reload(
                "sluice.yaml",
                csv.toString().replace("127.10.7.0/24, port: 9}", "127.10.7.0/24, port: 10}"),
                Map.of(),
                before)
            .config();

    assertThat(after.bindings().sharesWith(before.bindings())).isTrue();
    assertThat(ConfigDiff.words(before, after))
        .containsExactly(
            "- binding tcp 127.10.7.0/24:9 → web", "+ binding tcp 127.10.7.0/24:10 → web");
    Binding changed =
        after
            .bindings()
            .binding(after.bindings().find(Protocol.TCP, IpPrefix.parse("127.10.7.0/24"), 10));
    assertThat(after.document().placeOf(changed)).matches("sluice.yaml:\\d+:5");
  }
}
