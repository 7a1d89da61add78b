package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.admin.Json;
import io.sluice.proxy.api.Parsed;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;

/**
 * What an operator looks at, of a daemon in all the trouble there is: the six questions, the
 * dashboard, and each alert.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
final class TroubleIT {
  private static final Duration BOUND = Duration.ofSeconds(90);

  /** What the answer to each of the six questions says of {@link TroubledDaemon}, by its number. */
  private static final List<String> ANSWERS =
      List.of("shut", "127.0.0.1:", "connections", "127.0.0.1:2", "web", "connect_refused");

  private TroubledDaemon daemon;
  private Prometheus prometheus;

  @BeforeAll
  void start(@TempDir Path directory) throws Exception {
    assumeTrue(Netns.has("prometheus"), "needs prometheus");
    daemon = new TroubledDaemon(directory);
    prometheus = Prometheus.start(directory, daemon.adminPort, 4); // nobody listens on 4
    TestDaemon.until("Prometheus answers", prometheus::isReady);
    daemon.collectGarbage();
  }

  @AfterAll
  void stop() throws Exception {
    if (prometheus != null) {
      prometheus.close();
    }
    if (daemon != null) {
      daemon.close();
    }
  }

  private void awaitAnswer(String expression) {
    Awaitility.await(expression)
        .atMost(BOUND)
        .pollInterval(Duration.ofMillis(500))
        .until(() -> !prometheus.query(expression).isEmpty());
  }

  @Test
  @Order(0)
  void theRulesPassTheirOwnTests() throws Exception {
    Process promtool =
        new ProcessBuilder("promtool", "test", "rules", "sluice.rules.test.yml")
            .directory(Path.of("../deploy/prometheus").toFile())
            .redirectErrorStream(true)
            .start();
    String said = new String(promtool.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(promtool.waitFor()).as(said).isZero();
  }

  @Test
  @Order(1)
  void noQueryOfTheDashboardIsEmpty() throws IOException {
    String text = Files.readString(Path.of("../deploy/grafana/dashboard.json"));
    List<String> expressions = new ArrayList<>();
    for (Map<?, ?> panel : Parsed.maps(Parsed.object(text).get("panels"))) {
      if (panel.get("targets") != null) {
        Parsed.maps(panel.get("targets")).forEach(it -> expressions.add((String) it.get("expr")));
      }
    }
    assertThat(expressions).hasSizeGreaterThan(20);
    for (String expression : expressions) {
      awaitAnswer(expression.replace("$instance", ".+").replace("$__rate_interval", "20s"));
    }
  }

  @Test
  @Order(2)
  void theSixQuestionsAreAnsweredByPrometheusAndByACommand() throws Exception {
    List<String[]> rows = questions();
    assertThat(rows).hasSize(ANSWERS.size());
    for (int i = 0; i < rows.size(); i++) {
      String expression = code(rows.get(i)[2]);
      awaitAnswer(expression);
      assertThat(Json.of(prometheus.query(expression))).as(expression).contains(ANSWERS.get(i));
      String command = code(rows.get(i)[4]);
      assertThat(run(command)).as(command).contains(ANSWERS.get(i));
    }
  }

  private static List<String[]> questions() throws IOException {
    String text = Files.readString(Path.of("../docs/operations.md"));
    String table = text.substring(text.indexOf("| question |")).split("\n\n", 2)[0];
    return table.lines().skip(2).map(it -> it.split("(?<!\\\\)\\|", -1)).toList();
  }

  private static String code(String cell) {
    return cell.substring(cell.indexOf('`') + 1, cell.lastIndexOf('`')).replace("\\|", "|");
  }

  private String run(String command) throws IOException, InterruptedException {
    assertThat(command).startsWith("sluice ");
    List<String> words = new ArrayList<>(List.of(command.split(" ")));
    words.removeFirst();
    words.add("--socket");
    words.add(daemon.socket.toString());
    Process process =
        new ProcessBuilder(SluiceProcess.sluice(List.of(), words.toArray(String[]::new)))
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as(said).isZero();
    return said;
  }

  @Test
  @Order(3)
  void eachAlertFiresWhenItsFaultHappens() throws Exception {
    List<String> alerts =
        Files.readAllLines(Path.of("../deploy/prometheus/sluice.rules.yml")).stream()
            .filter(it -> it.contains("- alert: "))
            .map(it -> it.substring(it.indexOf(": ") + 2))
            .toList();
    assertThat(alerts).hasSizeGreaterThan(10);
    String rare = "ALERTS{alertname=\"SluiceTargetDown\",label=\"rare\",alertstate=\"firing\"}";
    awaitAnswer(rare); // one connection in six seconds: found down by the third
    TreeSet<String> fired = new TreeSet<>(firing());
    daemon.reloadWrongly();
    awaitAnswer("ALERTS{alertname=\"SluiceReloadRefused\",alertstate=\"firing\"}");
    daemon.starve();
    Awaitility.await("all of " + alerts)
        .atMost(BOUND)
        .pollInterval(Duration.ofMillis(500))
        .untilAsserted(() -> {
          fired.addAll(firing());
          assertThat(fired).containsAll(alerts);
        });
  }

  private List<String> firing() throws IOException, InterruptedException {
    return prometheus.query("ALERTS{alertstate=\"firing\"}").stream()
        .map(it -> (String) Parsed.map(it.get("metric")).get("alertname"))
        .toList();
  }
}
