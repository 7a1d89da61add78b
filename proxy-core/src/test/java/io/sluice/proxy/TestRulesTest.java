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

/** The house rules on source files: how long they are, and that tests wait for conditions. */
final class TestRulesTest {
  private static final Path ROOT = Path.of("..");
  private static final int MOST_LINES = 450;

  /** Texts: they may hold the source of a program that sleeps. */
  private static final Pattern TEXT =
      Pattern.compile("\"\"\".*?\"\"\"|'\"'|'\\\\\"'|\"(?:\\\\.|[^\"\\\\\n])*\"", Pattern.DOTALL);

  private static final Pattern SLEEP = Pattern.compile("\\b(sleep|parkNanos|parkUntil)\\(");

  @Test
  void noTestSleepsButAtAPeersPace() throws IOException {
    List<String> sleeping = new ArrayList<>();
    List<Path> tests =
        sources().stream().filter(it -> it.toString().contains("/src/test/")).toList();
    for (Path source : tests) {
      if (!source.endsWith("Pace.java") && sleeps(Files.readString(source))) {
        sleeping.add(ROOT.relativize(source).toString());
      }
    }
    assertThat(sleeping)
        .as("wait for a condition (TestDaemon.until); what a peer does slowly is Pace.pause")
        .isEmpty();
    assertThat(tests).hasSizeGreaterThan(150);
  }

  private static List<Path> sources() throws IOException {
    List<Path> sources = new ArrayList<>();
    for (String module : List.of("steering", "config", "bpf", "proxy-core", "deploy")) {
      Path folder = ROOT.resolve(module);
      if (Files.exists(folder)) {
        try (Stream<Path> files = Files.walk(folder)) {
          files
              .filter(it -> it.toString().endsWith(".java") && it.toString().contains("/src/"))
              .forEach(sources::add);
        }
      }
    }
    return sources;
  }

  @Test
  void noFileIsTooLongToBeReadAtOnce() throws IOException {
    List<String> tooLong = new ArrayList<>();
    List<Path> all = sources();
    for (Path source : all) {
      try (Stream<String> lines = Files.lines(source)) {
        long count = lines.count();
        if (count > MOST_LINES) {
          tooLong.add(ROOT.relativize(source) + ": " + count);
        }
      }
    }
    assertThat(tooLong)
        .as("more than %d lines: find the piece that is one by itself", MOST_LINES)
        .isEmpty();
    assertThat(all).hasSizeGreaterThan(600);
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
