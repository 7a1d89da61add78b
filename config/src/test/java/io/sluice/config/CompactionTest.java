package io.sluice.config;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Bindings that were changed many times are compiled anew, beside the changes that follow. */
final class CompactionTest {
  private static final int IN_FILE = 2_000;
  private static final int MANY = 3_000; // not all at once: each change is small beside the table

  private static Config file() throws ConfigException {
    StringBuilder yaml =
        new StringBuilder(
            """
            version: 1
            capture: [{name: edge, addresses: [127.0.0.0/8], ports: 80}]
            destinations: [{label: web, protocol: tcp, targets: ["127.0.0.1:81"]}]
            bindings:
            """);
    for (int i = 0; i < IN_FILE; i++) {
      yaml.append(
          "  - {label: web, protocol: tcp, prefix: 127.1.%d.%d, port: 80}\n"
              .formatted(i >> 8, i & 255));
    }
    return ConfigReader.load("sluice.yaml", yaml.toString(), Map.of()).config();
  }

  private static Config loaded(Config before, int count) throws ConfigException {
    StringBuilder csv = new StringBuilder("label,protocol,prefix,port\n");
    for (int i = 0; i < count; i++) {
      csv.append("web,tcp,127.2.%d.%d,80\n".formatted(i >> 8, i & 255));
    }
    return edit(before, new Change.LoadBindings("more.csv", csv.toString()));
  }

  private static Config edit(Config before, Change change) throws ConfigException {
    return ConfigReader.edit(before, Layer.RUNTIME, List.of(change)).config();
  }

  private static Change bind(String prefix) {
    return new Change.Bind("web", "tcp", prefix, "80");
  }

  @Test
  void aTableThatWasChangedLittleStaysAsItIs() throws Exception {
    assertThat(Compaction.of(edit(file(), bind("127.3.0.1")))).isNull();
  }

  @Test
  void whatChangesMeanwhileIsInWhatWasCompiledAnew() throws Exception {
    Config file = file();
    Config many = loaded(file, MANY);
    assertThat(many.bindings().sharesWith(file.bindings())).as("nobody waited").isTrue();
    Compaction compaction = requireNonNull(Compaction.of(many));
    compaction.run();
    Config meanwhile =
        edit(edit(many, bind("127.3.0.1")), new Change.Unbind("web", "tcp", "127.1.0.7/32", "80"));

    Config compacted = compaction.applied(meanwhile);
    assertThat(compacted.bindings()).isEqualTo(meanwhile.bindings());
    assertThat(compacted.bindings().size()).isEqualTo(IN_FILE + MANY);
    assertThat(compacted.bindings().sharesWith(many.bindings())).isFalse();
    assertThat(compacted.document().layer(Layer.RUNTIME).bindings())
        .isEqualTo(meanwhile.document().layer(Layer.RUNTIME).bindings());
    assertThat(Compaction.of(compacted)).isNull();

    Config after = edit(compacted, bind("127.3.0.2"));
    assertThat(after.isRebound(compacted)).as("a change is small again").isTrue();
    assertThat(after.bindings().sharesWith(compacted.bindings())).isTrue();
    assertThat(after.document().placeOf(after.bindings().binding(0))).isEqualTo("sluice.yaml:5:5");
  }

  @Test
  void aTableThatAReloadHasReplacedMeanwhileStays() throws Exception {
    Compaction compaction = requireNonNull(Compaction.of(loaded(file(), MANY)));
    compaction.run();
    Config other = file();
    assertThat(compaction.applied(other).bindings()).isSameAs(other.bindings());
  }
}
