package io.sluice.proxy;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.Config;
import io.sluice.config.ConfigReader;
import io.sluice.proxy.cli.Commands;
import io.sluice.proxy.lookup.Snapshot;
import io.sluice.proxy.name.Resolver;
import io.sluice.proxy.program.TestJar;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What readers copy from the documents works: each fenced block of YAML and Java, each command. */
final class DocumentsTest {
  private static final Pattern ECHO = Pattern.compile("echo '([^']*)' > ([^ ;\n]+)");
  private static final Path ROOT = Path.of("..");
  private static final Pattern BLOCK =
      Pattern.compile("^```(\\w*)\n(.*?)^```$", Pattern.DOTALL | Pattern.MULTILINE);
  private static final Pattern MAKE = Pattern.compile("\\bmake ([a-z][a-z-]*)");
  private static final Pattern TEST_CLASS = Pattern.compile("-D(?:it\\.)?test='?([A-Z]\\w*)");

  /** What leads a newcomer through the code. */
  private static final List<String> GUIDES =
      List.of(
          "CONTRIBUTING.md",
          "docs/architecture.md",
          "docs/epoll.md",
          "docs/glossary.md",
          "docs/packet-path.md");

  /** {@code `Foo`}, {@code `P/relay/Foo`}, {@code `Foo.method`}. */
  private static final Pattern NAMED =
      Pattern.compile("`([SP]/(?:[a-z]+/)*)?([A-Z][a-z]\\w*)(?:\\.([a-z]\\w*))?`");

  private static final Set<String> NOT_CLASSES =
      Set.of("Manager", "Util", "Impl", "LongAdder", "Traffic");

  /** What an excerpt needs besides; only what it doesn't have itself is added. */
  private static final List<String> COMPLETION =
      List.of(
          "version: 1",
          """
          capture:
            - {name: edge, addresses: [192.0.2.0/24, "2001:db8::/32"], ports: any, method: sk_lookup}
          """,
          """
          destinations:
            - {label: web, protocol: tcp, targets: ["127.0.0.1:8081"]}
            - {label: "a, b", protocol: tcp, targets: ["127.0.0.1:8081"]}
            - {label: "a, b", protocol: udp, targets: ["127.0.0.1:8081"]}
          """);

  /** A fenced block. */
  record Block(Path file, int line, String kind, String text) {
    @Override
    public String toString() {
      return "%s:%d".formatted(ROOT.relativize(file), line);
    }
  }

  private static List<Path> documents() throws IOException {
    List<Path> documents =
        new ArrayList<>(List.of(ROOT.resolve("README.md"), ROOT.resolve("CONTRIBUTING.md")));
    for (String directory : List.of("docs", "deploy")) {
      try (Stream<Path> files = Files.walk(ROOT.resolve(directory))) {
        documents.addAll(files.filter(it -> it.toString().endsWith(".md")).sorted().toList());
      }
    }
    return documents;
  }

  private static List<Block> blocks(String kind) throws IOException {
    List<Block> blocks = new ArrayList<>();
    for (Path file : documents()) {
      String text = Files.readString(file);
      Matcher matcher = BLOCK.matcher(text);
      while (matcher.find()) {
        int line = (int) text.substring(0, matcher.start()).lines().count() + 1;
        Block block = new Block(file, line, group(matcher, 1), group(matcher, 2));
        if (block.kind.equals(kind)) {
          blocks.add(block);
        }
      }
    }
    return blocks;
  }

  private static String group(Matcher found, int number) {
    return Objects.requireNonNull(found.group(number));
  }

  static List<Block> yaml() throws IOException {
    return blocks("yaml");
  }

  @Test
  void everyBlockIsOfAKindThatIsTested() throws IOException {
    List<String> unknown = new ArrayList<>();
    for (Path file : documents()) {
      Matcher matcher = BLOCK.matcher(Files.readString(file));
      while (matcher.find()) {
        if (!List.of("yaml", "java", "csv", "sh", "").contains(matcher.group(1))) {
          unknown.add(ROOT.relativize(file) + ": " + matcher.group(1));
        }
      }
    }
    assertThat(unknown).isEmpty();
    assertThat(yaml()).hasSizeGreaterThanOrEqualTo(4);
  }

  /** With the programs in Java and the CSV that the documents show beside it. */
  @ParameterizedTest
  @MethodSource("yaml")
  void everyExcerptOfAConfigurationIsAccepted(Block block, @TempDir Path directory)
      throws Exception {
    Files.createDirectory(directory.resolve("programs"));
    for (Block java : blocks("java")) {
      String name = java.text.replaceFirst("(?s).*?\\bclass (\\w+).*", "$1");
      Path jar = directory.resolve("programs").resolve(name.toLowerCase(Locale.ROOT) + ".jar");
      Path _ = TestJar.of("com.example." + name, source(java)).write(jar);
    }
    for (Block csv : blocks("csv")) {
      Files.writeString(directory.resolve("bindings.csv"), csv.text);
    }
    StringBuilder whole = new StringBuilder(block.text);
    for (String part : COMPLETION) {
      if (!block.text.contains(part.substring(0, part.indexOf(':') + 1))) {
        whole.append(part).append('\n');
      }
    }
    Path file = directory.resolve("sluice.yaml");
    Files.writeString(file, whole);
    Config config = ConfigReader.load(file).config();
    try (Resolver resolver = Resolver.offline()) {
      Snapshot snapshot = Snapshot.of(config, null, resolver);
      assertThat(snapshot.config()).isSameAs(config);
    }
  }

  @Test
  void everyExcerptOfJavaIsCompiled() throws IOException {
    List<Block> all = blocks("java");
    assertThat(all).isNotEmpty();
    for (Block block : all) {
      String name = block.text.replaceFirst("(?s).*?\\bclass (\\w+).*", "$1");
      TestJar _ = TestJar.of("com.example." + name, source(block));
    }
  }

  private static String source(Block block) {
    return """
    package com.example;
    import io.sluice.steering.*;
    import io.sluice.steering.map.*;
    """
        + block.text;
  }

  /**
   * What needs a daemon isn't run: its file is checked, or the command's help is asked for. A file
   * that a line makes by {@code echo '…' > FILE} is made here, too.
   */
  @Test
  void everyCommandOfSluiceIsAccepted(@TempDir Path directory) throws IOException {
    int commands = 0;
    for (Block block : blocks("sh")) {
      Map<String, String> made = new HashMap<>();
      for (MatchResult echo : ECHO.matcher(block.text).results().toList()) {
        Path file = directory.resolve("made" + made.size() + ".yaml");
        Files.writeString(file, echo.group(1) + "\n");
        made.put(requireNonNull(echo.group(2)), file.toString());
      }
      for (String line : block.text.lines().filter(it -> it.startsWith("bin/sluice ")).toList()) {
        String[] words = line.replace(" deploy/", " ../deploy/").split(" +", -1);
        List<String> arguments = new ArrayList<>(List.of(words).subList(1, words.length));
        if (arguments.getFirst().equals("run")) {
          arguments.set(0, "check");
        }
        if (!List.of("check", "test", "explain").contains(arguments.getFirst())) {
          arguments = new ArrayList<>(List.of(arguments.getFirst(), "--help"));
        }
        arguments.replaceAll(it -> made.getOrDefault(it, it));
        commands++;
        String output = output(arguments);
        if (arguments.getFirst().equals("explain")) {
          assertThat(blocks(""))
              .extracting(Block::text)
              .as("%s: its answer", line)
              .contains(output.replace("[../deploy/", "[deploy/"));
        }
      }
    }
    assertThat(commands).isGreaterThanOrEqualTo(4);
  }

  private static String output(List<String> arguments) {
    PrintStream before = System.out;
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    int code;
    try {
      System.setOut(new PrintStream(bytes, true, StandardCharsets.UTF_8));
      code = Commands.run(arguments.toArray(String[]::new));
    } finally {
      System.setOut(before);
    }
    String output = bytes.toString(StandardCharsets.UTF_8);
    assertThat(code).as("%s: %s", arguments, output).isZero();
    return output;
  }

  @Test
  void everyTargetOfMakeAndEveryTestThatIsNamedExists() throws IOException {
    String makefile = Files.readString(ROOT.resolve("Makefile"));
    List<String> tests = new ArrayList<>();
    for (String module : List.of("steering", "config", "proxy-core")) {
      try (Stream<Path> files = Files.walk(ROOT.resolve(module).resolve("src/test/java"))) {
        files.map(it -> String.valueOf(it.getFileName())).forEach(tests::add);
      }
    }
    List<String> missing = new ArrayList<>();
    int found = 0;
    for (Path document : documents()) {
      for (String line : commands(Files.readString(document))) {
        for (Matcher it = MAKE.matcher(line); it.find(); found++) {
          if (!makefile.contains("\n" + it.group(1) + ":")) {
            missing.add(ROOT.relativize(document) + ": " + it.group());
          }
        }
        for (Matcher it = TEST_CLASS.matcher(line); it.find(); found++) {
          if (!tests.contains(it.group(1) + ".java")) {
            missing.add(ROOT.relativize(document) + ": " + it.group(1));
          }
        }
      }
    }
    assertThat(missing).isEmpty();
    assertThat(found).isGreaterThan(10);
  }

  /** With the path and the method, where they are named. */
  @Test
  void everyClassThatTheGuidesNameExists() throws IOException {
    Map<String, String> sources = new HashMap<>();
    for (String module : List.of("steering", "config", "proxy-core")) {
      try (Stream<Path> files = Files.walk(ROOT.resolve(module).resolve("src"))) {
        for (Path file : files.filter(it -> it.toString().endsWith(".java")).toList()) {
          String path = file.toString().replace('\\', '/').replaceFirst("\\.java$", "");
          sources.put(path.replaceFirst(".*/(main|test)/java/", ""), Files.readString(file));
        }
      }
    }
    List<String> missing = new ArrayList<>();
    int found = 0;
    for (String document : GUIDES) {
      Matcher it = NAMED.matcher(Files.readString(ROOT.resolve(document)));
      for (; it.find(); found++) {
        String path = it.group(1) == null ? "" : it.group(1);
        String suffix =
            path.replaceFirst("^S/", "io/sluice/steering/").replaceFirst("^P/", "io/sluice/proxy/")
                + it.group(2);
        String member = it.group(3);
        boolean isThere =
            NOT_CLASSES.contains(it.group(2))
                || sources.entrySet().stream()
                    .anyMatch(source ->
                        ("/" + source.getKey()).endsWith("/" + suffix)
                            && (member == null || source.getValue().contains(" " + member + "(")));
        if (!isThere) {
          missing.add(document + ": " + it.group());
        }
      }
    }
    assertThat(missing).isEmpty();
    assertThat(found).isGreaterThan(100);
  }

  /** Lines of code, and what stands in back quotes. */
  private static List<String> commands(String text) {
    List<String> commands = new ArrayList<>();
    text.lines().filter(it -> it.startsWith("    ")).forEach(commands::add);
    for (Matcher it = Pattern.compile("(?s)```.*?```|`[^`\n]+`").matcher(text); it.find(); ) {
      commands.add(group(it, 0));
    }
    return commands;
  }
}
