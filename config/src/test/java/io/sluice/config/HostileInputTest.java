package io.sluice.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Files that aren't configurations, and files that mean harm: one clear line, and soon. */
@Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class HostileInputTest {
  /** Several times what a busy machine needs. */
  private static final Duration LONGEST = Duration.ofSeconds(15);

  @TempDir private Path directory;

  @Test
  void aMissingFileIsOneLine() {
    Path missing = directory.resolve("missing.yaml");

    assertThat(messageOf(missing)).isEqualTo(missing + ": no such file");
  }

  @Test
  void aDirectoryIsOneLine() {
    assertThat(messageOf(directory)).isEqualTo(directory + ": is a directory; name the file in it");
  }

  @Test
  void aPathThroughAFileIsOneLine() throws IOException {
    Path file = write("version: 1\n");

    assertThat(messageOf(file.resolve("x.yaml"))).isEqualTo(file + "/x.yaml: no such file");
  }

  @Test
  void anUnreadableFileIsOneLine() throws IOException {
    Path file = write("version: 1\n");
    Files.setPosixFilePermissions(file, Set.of());
    assumeFalse(Files.isReadable(file), "root reads everything");

    assertThat(messageOf(file))
        .isEqualTo(file + ": not readable by this user; check its mode and owner");
  }

  @Test
  void anEmptyFileIsOneLine() throws IOException {
    assertThat(messageOf(write("")))
        .endsWith("f.yaml:1:1: the file is empty; a configuration starts with version: 1");
    assertThat(messageOf(write("# nothing\n\n")))
        .endsWith("f.yaml:1:1: the file is empty; a configuration starts with version: 1");
  }

  @Test
  void whatIsNotUtf8IsOneLineAtItsPlace() throws IOException {
    Path file = directory.resolve("f.yaml");
    Files.write(file, "version: 1\n# gr\u00fc\u00df\n".getBytes(StandardCharsets.ISO_8859_1));

    assertThat(messageOf(file))
        .endsWith("f.yaml:2:5: the byte 0xfc here is not UTF-8; save the file as UTF-8");
  }

  @Test
  void whatEndsWithinACharacterIsNotUtf8() throws IOException {
    Path file = directory.resolve("f.yaml");
    Files.write(file, new byte[] {'a', ':', ' ', (byte) 0xc3});

    assertThat(messageOf(file))
        .endsWith("f.yaml:1:4: the byte 0xc3 here is not UTF-8; save the file as UTF-8");
  }

  @Test
  void aByteOrderMarkIsSkipped() throws Exception {
    assertThat(ConfigReader.read(write("\ufeffversion: 1\nloops: 2\n")).loops()).isEqualTo(2);
  }

  @Test
  void aControlCharacterIsOneLineAtItsPlace() throws IOException {
    assertThat(messageOf(write("version: 1\n# \ud83d\ude00 \u0007\n")))
        .endsWith("f.yaml:2:5: the character U+0007 isn't allowed in YAML");
  }

  @Test
  void aColumnCountsCharactersNotUtf16() throws IOException {
    assertThat(messageOf(write("version: 1\nadmin: {socket: \"/\ud83d\ude00\", http: x}\n")))
        .contains("f.yaml:2:29: admin.http: ");
  }

  @Test
  void windowsLineEndsDontMoveLines() throws IOException {
    assertThat(messageOf(write("version: 1\r\n\r\nloops: 0\r\n"))).contains("f.yaml:3:8: loops: ");
  }

  @Test
  void aFileThatTheHeapCantHoldIsRefusedUnread() throws IOException {
    Path file = directory.resolve("f.yaml");
    try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.setLength(ConfigFile.maxBytes() + 1L);
    }
    long start = System.nanoTime();

    assertThat(messageOf(file))
        .isEqualTo(
            "%s: is larger than %d MiB, the most that is read with this heap, a quarter of it; raise"
                    .formatted(file, ConfigFile.maxBytes() >> 20)
                + " -Xmx, or write the bindings as CSV");
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(Duration.ofMillis(500));
  }

  @Test
  void aDeviceWithoutEndIsRefused() {
    assertThat(messageOf(Path.of("/dev/zero")))
        .isEqualTo(
            "/dev/zero: is larger than 64 MiB, the most that is read of what is no regular file");
  }

  @Test
  void anAliasBombNeverUnfolds() {
    StringBuilder bomb = new StringBuilder("version: 1\na0: &a0 [x, x]\n");
    for (int i = 1; i < 40; i++) {
      bomb.append("a%d: &a%d [*a%d, *a%d]\n".formatted(i, i, i - 1, i - 1));
    }

    List<Problem> problems = problemsOf(bomb.toString());

    assertThat(problems).filteredOn(p -> p.message().startsWith("the alias")).hasSize(78);
    assertThat(problems.stream().map(Problem::toString))
        .contains(
            "f:3:5: the anchor &a1 isn't supported; write the value out where it is used",
            "f:3:10: the alias *a0 isn't supported; write the value out",
            "f:3:15: the alias *a0 isn't supported; write the value out");
  }

  record Large(String what, String text, String message) {
    @Override
    public String toString() {
      return what;
    }
  }

  static List<Large> large() {
    String huge = "x".repeat(4 << 20);
    String tooLong = "loops: the value has 4194304 characters; at most 4096 fit";
    return List.of(
        new Large("a plain scalar", "version: 1\nloops: " + huge, "f:2:8: " + tooLong),
        new Large("a quoted scalar", "version: 1\nloops: '" + huge + "'", "f:2:8: " + tooLong),
        new Large("a block scalar", "version: 1\nloops: |-\n  " + huge, "f:2:8: " + tooLong),
        new Large("a key", "version: 1\n? " + huge + "\n: 1", "f:2:3: xxxx"),
        new Large("a comment", "version: 1\nloops: 0 # " + huge, "f:2:8: loops: "),
        new Large("an open quote", "version: 1\nloops: '" + huge, "not valid YAML: "),
        new Large(
            "many words", "version: 1\nloops: " + "x ".repeat(2 << 20), "f:2:8: loops: the value"),
        new Large(
            "many lines", "version: 1\nloops: '" + "x\n ".repeat(1 << 20) + "'", "f:2:8: loops"),
        new Large("open lists", "[".repeat(1 << 20), "f:1:34: not valid YAML: lists and maps nest"),
        new Large("open maps", "{a: ".repeat(1 << 20), "nest deeper than 32"),
        new Large("block lists", "- ".repeat(1 << 20), "nest deeper than 32"),
        new Large(
            "many values",
            "version: 1\nlisteners: [" + "a,".repeat(4 << 20) + "]",
            "3000000 values"),
        new Large(
            "many empty bindings",
            "version: 1\nbindings: [" + "{},".repeat(1 << 20) + "]",
            "more problems"),
        new Large("a long comment", "version: 1 # " + "x".repeat(17 << 20), "more than 16 MiB"),
        new Large(
            "many wrong items",
            "version: 1\nbindings: [" + "a,".repeat(1 << 20) + "]",
            "more problems"),
        new Large("many unknown keys", "version: 1\n" + keys(300_000), "and 299000 more problems"));
  }

  private static String keys(int count) {
    StringBuilder keys = new StringBuilder();
    for (int i = 0; i < count; i++) {
      keys.append('k').append(i).append(": 1\n");
    }
    return keys.toString();
  }

  @ParameterizedTest
  @MethodSource("large")
  void whatIsLargeIsRefusedSoon(Large large) {
    long start = System.nanoTime();
    List<Problem> problems = problemsOf(large.text);

    assertThat(problems).anySatisfy(p -> assertThat(p.toString()).contains(large.message));
    assertThat(problems).allSatisfy(p -> assertThat(p.toString()).hasSizeLessThan(2000));
    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(LONGEST);
  }

  @Test
  void aHundredThousandBindingsLoadInSeconds() throws Exception {
    StringBuilder text = new StringBuilder("version: 1\ncapture:\n");
    text.append("  - {name: a, addresses: [10.0.0.0/8], ports: any}\nbindings:\n");
    for (int i = 0; i < 100_000; i++) {
      text.append(
          "  - {label: web, protocol: tcp, prefix: 10.%d.%d.%d/32, port: 443}\n"
              .formatted(i >> 16, i >> 8 & 255, i & 255));
    }
    text.append("destinations: [{label: web, protocol: tcp, targets: ['127.0.0.1:80']}]\n");
    long start = System.nanoTime();

    Loaded loaded = ConfigReader.load("f", text.toString(), Map.of());

    assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(LONGEST);
    assertThat(loaded.config().bindings().size()).isEqualTo(100_000);
    assertThat(loaded.warnings()).isEmpty();
  }

  /** Seeded: the seed of a failing round is in its message. */
  @Test
  void aDamagedFileNeverFailsButWithProblems() throws IOException {
    List<String> examples = ExamplesTest.examples().stream().map(HostileInputTest::text).toList();
    for (long seed = 0; seed < 6_000; seed++) {
      Random random = new Random(seed);
      String damaged = damage(examples.get(random.nextInt(examples.size())), random);
      try {
        ConfigReader.load("f", damaged, Map.of());
      } catch (ConfigException e) {
        checkProblems(seed, damaged, e);
      } catch (RuntimeException | StackOverflowError e) {
        fail("seed " + seed + ":\n" + damaged, e);
      }
    }
  }

  private static void checkProblems(long seed, String damaged, ConfigException e) {
    long lines = damaged.chars().filter(c -> c == '\n' || c == '\r').count() + 1;
    assertThat(e.problems()).as("seed %d", seed).isNotEmpty();
    assertThat(e.getMessage().lines()).as("seed %d", seed).hasSameSizeAs(e.problems());
    assertThat(e.problems())
        .as("seed %d", seed)
        .allSatisfy(p -> {
          assertThat(p.line()).isBetween(1, (int) lines);
          assertThat(p.column()).isPositive();
        });
  }

  private static final String[] PIECES = {
    "\t",
    "\n",
    " ",
    ":",
    "- ",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\"",
    "'",
    "&a ",
    "*a",
    "!!str ",
    "? ",
    "|\n",
    "<<: ",
    "#",
    "${",
    "$",
    "%",
    "@",
    "`",
    "~",
    "\0",
    "\ud83d",
    "\ufeff",
    "\r",
    "---\n",
    "...\n",
    "\\",
    "\"\\UFFFFFFFF\"",
    "0",
    "-1",
    "99999999999",
    "/",
    "\u2028",
    "%YAML 1.3\n",
    "null",
    "true"
  };

  private static String damage(String text, Random random) {
    StringBuilder damaged = new StringBuilder(text);
    for (int i = random.nextInt(4); i >= 0; i--) {
      int at = random.nextInt(damaged.length());
      int end = Math.min(damaged.length(), at + 1 + random.nextInt(random.nextInt(20) + 1));
      switch (random.nextInt(5)) {
        case 0 -> damaged.delete(at, end);
        case 1 -> damaged.insert(at, PIECES[random.nextInt(PIECES.length)]);
        case 2 -> damaged.replace(at, end, PIECES[random.nextInt(PIECES.length)]);
        case 3 -> damaged.setCharAt(at, (char) random.nextInt(random.nextBoolean() ? 128 : 65536));
        default -> damaged.insert(at, damaged.substring(at, end).repeat(2));
      }
    }
    return damaged.toString();
  }

  private static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Path write(String text) throws IOException {
    return Files.writeString(directory.resolve("f.yaml"), text);
  }

  private static String messageOf(Path file) {
    try {
      ConfigReader.read(file);
    } catch (ConfigException e) {
      return e.getMessage();
    }
    return fail("read without problem");
  }

  private static List<Problem> problemsOf(String text) {
    try {
      ConfigReader.read("f", text, Map.of());
    } catch (ConfigException e) {
      return e.problems();
    }
    return fail("read without problem");
  }
}
