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

/**
 * Which collector {@code bin/sluice} starts Java with. The Java of these trees prints what it is
 * told.
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

  @Test
  void aLargeTableBesideItHasZgc() throws Exception {
    write("etc/bindings.csv", LARGE);

    assertThat(collectors("", "run", "-f", file())).containsExactly("-XX:+UseZGC");
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
