package io.sluice.proxy.it;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.admin.Json;
import io.sluice.proxy.api.Parsed;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** A real Prometheus with the rules that are shipped, made quick: it asks once a second. */
final class Prometheus implements AutoCloseable {
  private static final Path RULES = Path.of("../deploy/prometheus/sluice.rules.yml");

  private final int port = TestDaemon.freePort();
  private final HttpClient client = HttpClient.newHttpClient();
  private final SluiceProcess process;

  /** Starts one that scrapes these ports of 127.0.0.1. */
  static Prometheus start(Path directory, Integer... scraped) throws IOException {
    assumeTrue(Netns.has("prometheus"), "needs prometheus");
    return new Prometheus(directory, List.of(scraped));
  }

  private Prometheus(Path directory, List<Integer> scraped) throws IOException {
    String rules =
        Files.readString(RULES)
            .replaceAll("for: \\d+m", "for: 2s")
            .replace("[5m]", "[20s]")
            .replace("[10m]", "[60s]");
    Files.writeString(directory.resolve("sluice.rules.yml"), rules);
    Path file =
        Files.writeString(
            directory.resolve("prometheus.yml"),
            """
            global: {scrape_interval: 1s, evaluation_interval: 1s}
            rule_files: [sluice.rules.yml]
            scrape_configs: [{job_name: sluice, static_configs: [{targets: [%s]}]}]
            """
                .formatted(
                    String.join(
                        ", ", scraped.stream().map(it -> "\"127.0.0.1:" + it + "\"").toList())));
    process =
        SluiceProcess.start(
            directory,
            List.of(
                "prometheus",
                "--config.file=" + file,
                "--storage.tsdb.path=" + directory.resolve("prometheus"),
                "--web.listen-address=127.0.0.1:" + port));
  }

  /** The series that an expression has now, each with {@code metric} and {@code value}. */
  List<Map<?, ?>> query(String expression) throws IOException, InterruptedException {
    HttpResponse<String> response =
        client.send(
            HttpRequest.newBuilder(
                    URI.create(
                        "http://127.0.0.1:"
                            + port
                            + "/api/v1/query?query="
                            + URLEncoder.encode(expression, StandardCharsets.UTF_8)))
                .timeout(Duration.ofSeconds(10))
                .build(),
            HttpResponse.BodyHandlers.ofString());
    if (response.statusCode() != 200) {
      throw new IOException(expression + ": " + response.body());
    }
    return Parsed.maps(
        Parsed.map(Parsed.map(Json.parse(response.body())).get("data")).get("result"));
  }

  /** Whether it answers at all. */
  boolean isReady() {
    try {
      return !query("up").isEmpty();
    } catch (IOException _) {
      return false;
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return false;
    }
  }

  @Override
  public void close() {
    process.close();
    client.close();
  }
}
