package io.sluice.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Files that were cut: half written, or a disk that was full. */
class EndMarkerTest {
  @TempDir private Path directory;

  static List<Path> examples() throws IOException {
    return ExamplesTest.examples();
  }

  @ParameterizedTest
  @MethodSource("examples")
  void noCutOfAFileThatRequiresItsEndIsAccepted(Path example) throws Exception {
    byte[] whole =
        ("requireEnd: true\n" + Files.readString(example) + "\nend: true\n")
            .getBytes(StandardCharsets.UTF_8);
    Path file = directory.resolve("f.yaml");
    Files.write(file, whole);
    assertThatCode(() -> ConfigReader.load(file)).doesNotThrowAnyException();

    noCutIsAccepted(whole, file, 0, file);
  }

  @Test
  void noCutOfATableThatRequiresItsEndIsAccepted() throws Exception {
    byte[] whole =
        """
        # the edge
        web,tcp,192.0.2.0/24,80
        web,tcp,192.0.2.0/24,443
        "web",tcp,2001:db8::/32,8080
        # end 3
        """
            .getBytes(StandardCharsets.UTF_8);
    Path table = directory.resolve("t.csv");
    Path file = directory.resolve("f.yaml");
    Files.writeString(
        file,
        """
        version: 1
        bindings: {file: t.csv, requireEnd: true}
        destinations: [{label: web, protocol: tcp, targets: "127.0.0.1:80"}]
        """);
    Files.write(table, whole);
    assertThat(ConfigReader.read(file).bindings().size()).isEqualTo(3);

    noCutIsAccepted(whole, table, 0, file);
  }

  @Test
  void noCutOfJsonIsAccepted() throws Exception {
    byte[] whole =
        """
        {"bindings": [{"label": "web", "protocol": "tcp", "prefix": "192.0.2.0/24", "port": 80}]}
        """
            .getBytes(StandardCharsets.UTF_8);
    Path table = directory.resolve("t.json");
    Path file = directory.resolve("f.yaml");
    Files.writeString(
        file,
        """
        version: 1
        bindings: {file: t.json}
        destinations: [{label: web, protocol: tcp, targets: "127.0.0.1:80"}]
        """);
    Files.write(table, whole);
    assertThat(ConfigReader.read(file).bindings().size()).isEqualTo(1);

    noCutIsAccepted(whole, table, 1, file); // nothing at all is an empty table
  }

  @Test
  void anEndWithoutRequireEndIsTaken() throws Exception {
    Loaded loaded = ConfigReader.load("f", "version: 1\nlisteners: []\nend: true\n", Map.of());

    assertThat(loaded.config().listeners()).isEmpty();
  }

  /** The last byte is a line end, which may be missing. */
  private static void noCutIsAccepted(byte[] whole, Path cut, int leastBytes, Path file)
      throws IOException {
    for (int length = leastBytes; length < whole.length - 1; length++) {
      Files.write(cut, Arrays.copyOf(whole, length));

      assertThatExceptionOfType(ConfigException.class)
          .as("cut after %d of %d bytes", length, whole.length)
          .isThrownBy(() -> ConfigReader.load(file));
    }
  }
}
