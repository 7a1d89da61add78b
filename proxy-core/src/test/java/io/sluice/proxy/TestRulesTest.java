package io.sluice.proxy;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The house rules on tests themselves. */
final class TestRulesTest {
  private static final Path ROOT = Path.of("..");

  /** Texts: they may hold the source of a program that sleeps. */
  private static final Pattern TEXT =
      Pattern.compile("\"\"\".*?\"\"\"|'\"'|'\\\\\"'|\"(?:\\\\.|[^\"\\\\\n])*\"", Pattern.DOTALL);

  private static final Pattern SLEEP = Pattern.compile("\\b(sleep|parkNanos|parkUntil)\\(");

  @Test
  void noTestSleepsButAtAPeersPace() throws IOException {
    List<String> sleeping = new ArrayList<>();
    int files = 0;
    for (String module : List.of("steering", "config", "bpf", "proxy-core")) {
      try (Stream<Path> sources = Files.walk(ROOT.resolve(module).resolve("src/test/java"))) {
        for (Path source : sources.filter(it -> it.toString().endsWith(".java")).toList()) {
          files++;
          if (!source.endsWith("Pace.java") && sleeps(Files.readString(source))) {
            sleeping.add(ROOT.relativize(source).toString());
          }
        }
      }
    }
    assertThat(sleeping)
        .as("wait for a condition (TestDaemon.until); what a peer does slowly is Pace.pause")
        .isEmpty();
    assertThat(files).isGreaterThan(150);
  }

  @Test
  void aSleepIsSeenOutsideOfTextsOnly() {
    assertThat(sleeps("if (c == '\"') { Thread.sleep(1); }")).isTrue();
    assertThat(sleeps("TimeUnit.SECONDS.sleep(1); String a = \"\";")).isTrue();
    assertThat(sleeps("run(\"Thread.sleep(\\\"1\\\");\", \"\"\"\n Thread.sleep(1);\n\"\"\");"))
        .isFalse();
  }

  private static boolean sleeps(String source) {
    return SLEEP.matcher(TEXT.matcher(source).replaceAll("\"\"")).find();
  }
}
