package io.sluice.proxy.observe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.admin.Json;
import io.sluice.proxy.api.Parsed;
import io.sluice.steering.Family;
import io.sluice.steering.Protocol;
import io.sluice.steering.Tuple;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The access log's own file, and how its lines look. */
final class AccessFileTest {
  private static final long AT_MILLIS = Instant.parse("2026-11-28T15:57:49.007Z").toEpochMilli();

  @TempDir private Path directory;

  private static AccessRecord record(String label, long bytesIn) {
    Tuple tuple =
        new Tuple().set(Family.IPV4, Protocol.TCP, 0, 0xc000_0201L, 51234, 0, 0x7f00_0001L, 80);
    return new AccessRecord(
        tuple,
        label,
        "127.0.0.1:8082",
        SessionEnd.TARGET_RESET,
        Outcome.Phase.DATA,
        14,
        bytesIn,
        9_876_543_210L,
        null);
  }

  private static String line(String format, String label) {
    LineBytes line = new LineBytes();
    AccessFormat.parse(format).write(record(label, 0), AT_MILLIS, line);
    return line.toString();
  }

  @Test
  void aLineOfTextHasTheKeysOfTheLog() {
    AccessRecord record = record("a b", 0);
    assertThat(line("text", "a b"))
        .isEqualTo("2026-11-28T15:57:49.007Z access " + record + " via=-\n");
  }

  @Test
  void aLineOfJsonIsAnObject() {
    var parsed = Parsed.object(line("json", "a \"b\"\\\n\u00e4"));
    assertThat(parsed.get("label")).isEqualTo("a \"b\"\\\n\u00e4");
    assertThat(parsed.get("out")).isEqualTo(Json.parse("9876543210"));
    assertThat(parsed.get("time")).isEqualTo("2026-11-28T15:57:49.007Z");
    assertThat(parsed.keySet()).hasSize(13);
  }

  @Test
  void aFormatOfOnesOwnIsFilledIn() {
    assertThat(line("{client} -> {label}: {ms} ms!", "web"))
        .isEqualTo("192.0.2.1:51234 -> web: 14 ms!\n");
  }

  @ParameterizedTest
  @CsvSource({
    "'{client} {latency}', '{latency} is no field of a record; there are time, protocol, client,'",
    "'nothing at all', 'has no field; write text, json, or a line like'",
  })
  void aWrongFormatIsSaidWithWhatWouldBeRight(String format, String message) {
    assertThatThrownBy(() -> AccessFormat.parse(format))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(message);
  }

  @Test
  void allRecordsAreWrittenInTheirOrderAlsoOverAReopening() throws Exception {
    Path path = directory.resolve("access.log");
    Path moved = directory.resolve("access.log.1");
    try (AccessFile file = new AccessFile(path, AccessFormat.parse("{in}"))) {
      for (int i = 0; i < 1_000; i++) {
        file.add(record("web", i));
      }
      assertThat(file.awaitWritten(TimeUnit.SECONDS.toNanos(10))).isTrue();
      Path _ = Files.move(path, moved);
      file.reopen();
      TestDaemon.until("it is opened anew", () -> Files.exists(path));
      for (int i = 1_000; i < 2_000; i++) {
        file.add(record("web", i));
      }
      assertThat(file.awaitWritten(TimeUnit.SECONDS.toNanos(10))).isTrue();
      assertThat(file.lost()).isZero();
    }
    assertThat(Files.readAllLines(moved)).hasSize(1_000).startsWith("0").endsWith("999");
    assertThat(Files.readAllLines(path)).hasSize(1_000).startsWith("1000").endsWith("1999");
  }

  @Test
  void aFullRingLosesRecordsAndCountsThemAndADiskThatIsFullHoldsNobodyUp() throws Exception {
    try (AccessFile file = new AccessFile(Path.of("/dev/full"), AccessFormat.parse("text"))) {
      int added = 3 * AccessFile.RECORDS;
      for (int i = 0; i < added; i++) {
        file.add(record("web", i));
      }
      assertThat(file.lost()).isPositive().isLessThan(added);
    }
  }

  @Test
  void aFileThatCannotBeOpenedIsSaidAtOnce() {
    assertThatThrownBy(() -> new AccessFile(directory, AccessFormat.parse("text")))
        .isInstanceOf(IOException.class);
  }
}
