package io.sluice.proxy;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Which collector {@code bin/sluice} starts Java with, and when it doesn't. The Java of these trees
 * prints what it is told.
 */
class LauncherCollectorTest {
  private static final int LARGE = (8 << 20) + 1;

  @TempDir private Path tree;

  @BeforeEach
  void makeATree() throws IOException {
    Files.createDirectories(tree.resolve("lib"));
    Files.createDirectories(tree.resolve("bin"));
    Files.createDirectories(tree.resolve("etc"));
    Path java = Files.createDirectories(tree.resolve("runtime/bin")).resolve("java");
    Files.writeString(java, "#!/bin/sh\nprintf '%s\\n' \"$@\"\n");
    assertThat(java.toFile().setExecutable(true)).isTrue();
    Files.copy(Path.of("../bin/sluice"), tree.resolve("bin/sluice"));
    write("etc/sluice.yaml", 100);
  }

  @Test
  void aSmallConfigurationHasTheSerialCollector() throws Exception {
    write("etc/bindings.csv", 1000);

    assertThat(collectors("", "run", "-f", file())).containsExactly("-XX:+UseSerialGC");
  }

  @Test
  void aLargeConfigurationHasZgc() throws Exception {
    write("etc/sluice.yaml", LARGE);

    assertThat(collectors("", "run", "-f", file())).containsExactly("-XX:+UseZGC");
    assertThat(collectors("", "run", "--file=" + file())).containsExactly("-XX:+UseZGC");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "bindings: {file: table/b.csv}",
        "bindings:\n  file: \"table/b.csv\" # the table",
        "\"bindings\": {\"requireEnd\": true, 'file': 'table/b.csv' }",
        "#\nbindings: {requireEnd: true,file: ../etc/table/b.csv}"
      })
  void aLargeTableThatItNamesHasZgc(String bindings) throws Exception {
    Files.createDirectories(tree.resolve("etc/table"));
    Files.writeString(tree.resolve("etc/sluice.yaml"), "version: 1\n" + bindings + "\n");

    write("etc/table/b.csv", 1000);
    assertThat(collectors("", "run", "-f", file())).containsExactly("-XX:+UseSerialGC");

    write("etc/table/b.csv", LARGE);
    assertThat(collectors("", "run", "-f", file())).containsExactly("-XX:+UseZGC");
  }

  @Test
  void aTableBesideItThatItDoesNotNameIsNotLookedAt() throws Exception {
    write("etc/bindings.csv", LARGE);
    Files.writeString(
        tree.resolve("etc/sluice.yaml"), "# file: bindings.csv\nprofile: bindings.csv\n");

    assertThat(collectors("", "run", "-f", file())).containsExactly("-XX:+UseSerialGC");
  }

  @Test
  void commandsHaveTheSerialCollector() throws Exception {
    write("etc/sluice.yaml", LARGE);

    assertThat(collectors("", "check", "-f", file())).containsExactly("-XX:+UseSerialGC");
    assertThat(collectors("", "version")).containsExactly("-XX:+UseSerialGC");
  }

  @Test
  void theCollectorOfJavaOptsIsTheOnlyOne() throws Exception {
    assertThat(collectors("-Xmx1g -XX:+UseG1GC -Xss1m", "run", "-f", file()))
        .containsExactly("-XX:+UseG1GC");
    assertThat(collectors("-XX:+UseStringDeduplication", "run", "-f", file()))
        .containsExactly("-XX:+UseSerialGC");
  }

  @Test
  void withTooFewDescriptorsForJavaItSaysSo() throws Exception {
    Process process =
        new ProcessBuilder("sh", "-c", "ulimit -n 63; sh " + tree + "/bin/sluice version")
            .redirectErrorStream(true)
            .start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

    assertThat(process.waitFor()).isEqualTo(1);
    assertThat(output)
        .isEqualTo(
            "sluice: the limit of open files is 63, and 64 are needed to start; raise it with"
                + " LimitNOFILE= or ulimit -n\n");
  }

  private String file() {
    return tree.resolve("etc/sluice.yaml").toString();
  }

  private void write(String name, int bytes) throws IOException {
    try (RandomAccessFile sparse = new RandomAccessFile(tree.resolve(name).toFile(), "rw")) {
      sparse.setLength(bytes);
    }
  }

  private List<String> collectors(String options, String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of("sh", tree + "/bin/sluice"));
    command.addAll(Arrays.asList(arguments));
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("JAVA_OPTS", options);
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(output).isZero();
    return output.lines().filter(line -> line.matches("-XX:\\+Use.*GC")).toList();
  }
}
