package io.sluice.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Somebody writes a file while it is read. */
class ConfigFileTest {
  @TempDir private Path directory;

  @Test
  void whatChangesWhileItIsReadIsReadAgain() throws Exception {
    Path file = Files.writeString(directory.resolve("f.yaml"), "old");
    AtomicInteger readings = new AtomicInteger();

    assertThat(read(file, readings, () -> Files.writeString(file, "newer"))).isEqualTo("newer");
    assertThat(readings).hasValue(2);
  }

  @Test
  void whatIsReplacedWhileItIsReadIsReadAgain() throws Exception {
    Path file = Files.writeString(directory.resolve("f.yaml"), "old");
    Path next = Files.writeString(directory.resolve("next.yaml"), "new");
    Files.setLastModifiedTime(next, Files.getLastModifiedTime(file)); // the same size, too
    AtomicInteger readings = new AtomicInteger();

    assertThat(read(file, readings, () -> Files.move(next, file, StandardCopyOption.ATOMIC_MOVE)))
        .isEqualTo("new");
  }

  @Test
  void whatNeverStopsChangingIsOneLine() throws Exception {
    Path file = Files.writeString(directory.resolve("f.yaml"), "x");
    Problems problems = new Problems("f.yaml");
    AtomicInteger readings = new AtomicInteger();

    ConfigFile.read(file, problems, (in, max) -> grow(file, in, max, readings));

    assertThat(readings).hasValue(ConfigFile.TRIES);
    assertThatExceptionOfType(ConfigException.class)
        .isThrownBy(problems::throwIfErrors)
        .withMessage(
            "f.yaml: changed each time while it was read, 5 times; write it under another name, and"
                + " rename it when it is whole");
  }

  private interface Writing {
    Path write() throws IOException;
  }

  /** Reads a file that is written after its first reading. */
  private static String read(Path file, AtomicInteger readings, Writing writing) throws Exception {
    byte[] bytes =
        ConfigFile.read(
            file,
            new Problems("f"),
            (in, max) -> {
              byte[] read = in.readNBytes(max);
              if (readings.incrementAndGet() == 1) {
                Path _ = writing.write();
              }
              return read;
            });
    return new String(bytes, StandardCharsets.UTF_8);
  }

  private static byte[] grow(Path file, InputStream in, int max, AtomicInteger readings)
      throws IOException {
    byte[] read = in.readNBytes(max);
    Files.writeString(file, "x".repeat(1 + readings.incrementAndGet()));
    return read;
  }
}
