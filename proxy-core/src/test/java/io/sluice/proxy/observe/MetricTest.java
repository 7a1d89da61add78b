package io.sluice.proxy.observe;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

/** The table of metrics in the documentation is that of {@link Metric}. */
final class MetricTest {
  private static String row(Metric metric) {
    String labels =
        metric.labels().stream().map(it -> "`" + it + "`").collect(Collectors.joining(", "));
    return "| `%s` | %s | %s | %s |"
        .formatted(
            metric.exposedName(),
            metric.type().word(),
            labels.isEmpty() ? "–" : labels,
            metric.help());
  }

  @Test
  void theDocumentationHasARowForEachMetric() throws IOException {
    List<String> rows =
        Files.readAllLines(Path.of("../docs/operations.md")).stream()
            .filter(line -> line.startsWith("| `sluice_"))
            .toList();
    assertThat(rows).isEqualTo(Arrays.stream(Metric.values()).map(MetricTest::row).toList());
  }
}
