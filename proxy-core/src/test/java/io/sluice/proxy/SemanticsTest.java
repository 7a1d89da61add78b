package io.sluice.proxy;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Holds docs/semantics.md to the code: what it names exists. */
class SemanticsTest {
  private static final Path ROOT = Path.of("..");

  /** {@code `SomeTest`}, {@code `SomeTest.someMethod`} or {@code `SomeTest` "a display name"}. */
  private static final Pattern REFERENCE =
      Pattern.compile("`([A-Z]\\w+)(?:\\.(\\w+))?`(?: \"([^\"]+)\")?");

  /** How many subtests the kernel's files have, by the headings of the tables. */
  private static final Map<String, Integer> ROWS =
      Map.of(
          "prog_tests/sk_lookup.c", 50,
          "prog_tests/sockmap_listen.c", 32,
          "prog_tests/select_reuseport.c", 7,
          "others", 21);

  private final Map<String, String> sources = new HashMap<>();

  SemanticsTest() throws IOException {
    for (String module : List.of("steering", "config", "proxy-core")) {
      try (Stream<Path> files = Files.walk(ROOT.resolve(module).resolve("src"))) {
        for (Path file :
            (Iterable<Path>) files.filter(it -> it.toString().endsWith(".java"))::iterator) {
          String name = String.valueOf(file.getFileName());
          sources.merge(
              name.substring(0, name.length() - ".java".length()),
              Files.readString(file),
              String::concat);
        }
      }
    }
  }

  @Test
  void everyClassMethodAndTestThatTheTablesNameExists() throws IOException {
    List<String> missing = new ArrayList<>();
    int references = 0;
    for (String line : lines()) {
      if (!line.startsWith("|")) {
        continue;
      }
      Matcher matcher = REFERENCE.matcher(line);
      while (matcher.find()) {
        references++;
        String source = sources.get(matcher.group(1));
        String method = matcher.group(2);
        String displayName = matcher.group(3);
        boolean isThere =
            source != null
                && (method == null
                    || Pattern.compile("\\b" + method + "\\b").matcher(source).find())
                && (displayName == null || source.contains(displayName));
        if (!isThere) {
          missing.add(line.substring(matcher.start(), matcher.end()));
        }
      }
    }
    assertThat(missing).isEmpty();
    assertThat(references).isGreaterThan(100);
  }

  @Test
  void everySubtestOfTheKernelHasATestOrAReason() throws IOException {
    Map<String, Integer> rows = new HashMap<>();
    List<String> bare = new ArrayList<>();
    String heading = "";
    for (String line : lines()) {
      if (line.startsWith("#")) {
        heading = line.replaceFirst("^#+ ", "").replaceFirst(" .*", "");
      } else if (ROWS.containsKey(heading)
          && line.startsWith("| ")
          && !line.startsWith("| the kernel")) {
        rows.merge(heading, 1, Integer::sum);
        String ours = line.split("\\|", -1)[2].strip();
        if (!REFERENCE.matcher(ours).find() && !ours.startsWith("can't exist: ")) {
          bare.add(line);
        }
      }
    }
    assertThat(bare).isEmpty();
    assertThat(rows).isEqualTo(ROWS);
  }

  private static List<String> lines() throws IOException {
    return Files.readAllLines(ROOT.resolve("docs/semantics.md"));
  }
}
