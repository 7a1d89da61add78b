package io.sluice.proxy.control;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.Change;
import io.sluice.config.Config;
import io.sluice.config.ConfigReader;
import io.sluice.config.Layer;
import io.sluice.proxy.ChildProcess;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A process that is killed while it writes leaves the state before, or the one after. */
final class StateFileIT {
  private static final int KILLS = 50;
  private static final int BINDINGS = 400; // so that a write takes several pages
  private static final String ANSWERED = "answered ";

  @TempDir private Path directory;

  /** Writes one state after the other until it is killed; all bindings of one have its number. */
  static final class Writer {
    private Writer() {}

    public static void main(String... arguments) throws Exception {
      StateFile state = new StateFile(Path.of(arguments[0]));
      Config config = config();
      for (int number = Integer.parseInt(arguments[1]); ; number++) {
        config = ConfigReader.edit(config, Layer.RUNTIME, bindings(number)).config();
        state.write(config.document().layer(Layer.RUNTIME));
        System.out.println(ANSWERED + number);
      }
    }
  }

  private static Config config() throws Exception {
    return ConfigReader.read("test", "version: 1", Map.of());
  }

  private static List<Change> bindings(int number) {
    List<Change> changes = new ArrayList<>();
    for (int i = 0; i < BINDINGS; i++) {
      String prefix = "127.9." + i / 256 + "." + i % 256 + "/32";
      changes.add(new Change.Bind("state" + number, "tcp", prefix, "80"));
    }
    return changes;
  }

  private static int lastAnswer(ChildProcess writer) {
    return writer.lines().stream()
        .filter(it -> it.startsWith(ANSWERED))
        .mapToInt(it -> Integer.parseInt(it.substring(ANSWERED.length())))
        .max()
        .orElseThrow();
  }

  @Test
  @Timeout(600)
  void aKillLeavesTheLastStateThatWasAnsweredOrTheNext() throws Exception {
    SplittableRandom random = new SplittableRandom(1);
    Path file = directory.resolve("state.yaml");
    int next = 1;
    for (int kill = 0; kill < KILLS; kill++) {
      int answers = 1 + random.nextInt(12);
      int last;
      try (ChildProcess writer =
          ChildProcess.java(":", Writer.class, file.toString(), String.valueOf(next))) {
        writer.awaitLine(ANSWERED + (next + answers - 1));
        writer.close(); // SIGKILL
        int _ = writer.exitCode();
        last = lastAnswer(writer);
      }
      Config config = config();
      Layer layer = new StateFile(file).read(config);
      List<String> labels =
          ConfigReader.change(config, config.document().with(layer))
              .config()
              .bindings()
              .asList()
              .stream()
              .map(it -> it.label())
              .toList();
      assertThat(labels).as("kill %d", kill).hasSize(BINDINGS);
      int found = Integer.parseInt(labels.getFirst().substring("state".length()));
      assertThat(labels).containsOnly("state" + found);
      assertThat(found).as("kill %d, answered %d", kill, last).isBetween(last, last + 1);
      next = found + 1;
    }
  }
}
