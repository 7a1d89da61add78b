package io.sluice.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** {@code problems.txt}: what is said about wrong configurations, to the letter. */
class ProblemCasesTest {
  private static final Map<String, String> ENVIRONMENT = Map.of("MANY", "many");

  record Case(String name, String yaml, List<String> expected) {
    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Case> cases() {
    List<Case> cases = new ArrayList<>();
    for (String block : resource().split("(?m)^=== ", -1)) {
      int end = block.indexOf('\n');
      if (block.startsWith("#") || end < 0) {
        continue;
      }
      List<String> lines = block.substring(end + 1).stripTrailing().lines().toList();
      cases.add(
          new Case(
              block.substring(0, end),
              String.join("\n", lines.stream().filter(line -> !line.startsWith("->")).toList())
                  + "\n",
              lines.stream()
                  .filter(line -> line.startsWith("->"))
                  .map(line -> line.substring("-> ".length()))
                  .toList()));
    }
    return cases.stream();
  }

  private static String resource() {
    try (InputStream in =
        Objects.requireNonNull(ProblemCasesTest.class.getResourceAsStream("problems.txt"))) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @ParameterizedTest
  @MethodSource("cases")
  void everyProblemIsReportedAtItsPlace(Case wrong) {
    List<Problem> problems;
    try {
      problems = ConfigReader.load("f", wrong.yaml, ENVIRONMENT).warnings();
    } catch (ConfigException e) {
      problems = e.problems();
    }
    assertThat(problems.stream().map(Problem::toString)).containsExactlyElementsOf(wrong.expected);
  }
}
