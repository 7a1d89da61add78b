package io.sluice.proxy.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.sluice.config.HostPort;
import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.admin.HttpAsker;
import io.sluice.proxy.api.SocketAsker;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The status page in a real browser, of a daemon in trouble. Pictures: target/pictures. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class PageIT {
  private static final Path PICTURES = Path.of("target/pictures");
  private static final String TABLE = "#destinationsTable";

  private Path directory;
  private TroubledDaemon daemon;
  private Browser browser;

  @BeforeAll
  void start(@TempDir Path temporary) throws Exception {
    directory = temporary;
    browser = new Browser(directory);
    daemon = new TroubledDaemon(directory);
    String label = "%3Cscript%3Ewindow.isHurt%3D1%3C%2Fscript%3E";
    assertThat(
            new SocketAsker(daemon.socket)
                .ask("POST", "/register?protocol=tcp&label=web&address=127.0.0.1:9", ""))
        .startsWith("HTTP/1.1 200");
    String path = "/bind?protocol=tcp&prefix=127.0.0.3/32&port=" + TestDaemon.freePort();
    assertThat(new SocketAsker(daemon.socket).ask("POST", path + "&label=" + label, ""))
        .startsWith("HTTP/1.1 200");
  }

  @AfterAll
  void stop() throws Exception {
    if (daemon != null) {
      daemon.close();
    }
    if (browser != null) {
      browser.close();
    }
  }

  @BeforeEach
  void size() throws Exception {
    browser.size(1400, 1000);
    browser.dark(false);
    browser.errors().clear();
  }

  @AfterEach
  void thePageHasLoggedNoError() {
    assertThat(browser.errors()).isEmpty();
  }

  private void view(String name) throws Exception {
    browser.open("about:blank");
    browser.open("http://127.0.0.1:%d/#%s".formatted(daemon.adminPort, name));
    browser.awaitText("#daemon", "generation");
  }

  @Test
  void theOverviewSaysWhatIsWrongAndHowMuchGoesOn() throws Exception {
    view("overview");
    browser.awaitText("#warnings", "destination shut: no target is up");
    browser.awaitText("#warnings", "capture taken");
    browser.awaitText("#warnings", "connections: ");
    browser.awaitText("#plots", "Refusals");
    browser.awaitText("#history", "bind");
    browser.picture(PICTURES.resolve("overview.png"));
    browser.dark(true);
    browser.picture(PICTURES.resolve("overview-dark.png"));
  }

  @ParameterizedTest
  @CsvSource({"390, 1600", "1400, 1000", "3840, 2160"})
  void aTargetThatIsDownIsSeenAtOnceWithSinceWhenAndWhy(int width, int height) throws Exception {
    browser.size(width, height);
    view("destinations");
    browser.awaitText(TABLE, "rare");
    browser.awaitText(TABLE, "down");
    browser.awaitText(TABLE, "connect_refused, 3 in a row");
    assertThat(browser.value("document.documentElement.scrollWidth <= innerWidth"))
        .as("nothing is cut off")
        .isEqualTo("true");
    browser.picture(PICTURES.resolve("destinations-" + width + ".png"));
  }

  @Test
  void aRefusalIsShownWithItsClientAndReasonAndCanBeFiltered() throws Exception {
    view("refusals");
    browser.awaitText("#reasons", "destination_limit");
    browser.awaitText("#refusalsTable", "tcp 127.0.0.1:");
    browser.enter("#refusals [name=reason]", "miss");
    TestDaemon.until(
        "only misses",
        () -> {
          String text = browser.text("#refusalsTable");
          return text.contains("miss") && !text.contains("connect_refused");
        });
    browser.picture(PICTURES.resolve("refusals.png"));
  }

  @Test
  void wrongInputIsAnsweredInOneLine() throws Exception {
    view("refusals");
    browser.enter("#refusals [name=from]", "nonsense");
    browser.awaitText("#refusalsNote", "from: ");
    browser.errors().clear(); // the browser's own line about status 400
    view("explain");
    browser.enter("#explain [name=lookup]", "tcp 1.2.3.4");
    TestDaemon.until("it says why", () -> !browser.text("#explainNote").isEmpty());
    browser.errors().clear();
  }

  @Test
  void anExplanationIsShownInItsSteps() throws Exception {
    view("explain");
    browser.enter("#explain [name=lookup]", "tcp 203.0.113.9:5 127.0.0.1:" + daemon.port("web"));
    browser.awaitText("#explainAnswer", "ASSIGN web");
    browser.picture(PICTURES.resolve("explain.png"));
  }

  @Test
  void whichBindingWinsIsShownForAnAddress() throws Exception {
    view("bindings");
    browser.awaitText("#bindingsTable", "127.0.0.1/32");
    browser.enter("#bindings [name=match]", "tcp 127.0.0.1:" + daemon.port("full"));
    browser.awaitText("#bindingsNote", "the first one wins");
    browser.awaitText("#bindingsTable", "full");
  }

  @Test
  void aLabelIsNeverTakenForMarkup() throws Exception {
    view("bindings");
    browser.awaitText("#bindingsTable", "<script>");
    assertThat(browser.value("window.isHurt")).isEqualTo("undefined");
  }

  @Test
  void sessionsAreListed() throws Exception {
    view("sessions");
    browser.awaitText("#sessionsNote", " in all");
    browser.enter("#sessions [name=label]", "web");
    browser.awaitText("#sessionsTable", "web");
    browser.picture(PICTURES.resolve("sessions.png"));
  }

  @Test
  void aDaemonThatGoesAwayIsSaidToAndShownAgainWhenItIsBack() throws Exception {
    int port = TestDaemon.freePort();
    try (SluiceProcess _ = daemon(port, "")) {
      browser.open("http://127.0.0.1:" + port + "/");
      browser.awaitText("#daemon", "generation");
    }
    browser.awaitText("#lost", "the daemon doesn't answer");
    try (SluiceProcess _ = daemon(port, "")) {
      TestDaemon.until("it is back", () -> browser.text("#lost").isEmpty());
    }
    browser.open("about:blank");
    browser.errors().clear(); // the browser's own lines about the refused connections
  }

  @Test
  void tenThousandDestinationsStayUsable() throws Exception {
    int port = TestDaemon.freePort();
    String destinations =
        IntStream.range(0, 10_000)
            .mapToObj("- {label: l%d, protocol: tcp, targets: [\"127.0.0.1:9\"]}\n"::formatted)
            .collect(Collectors.joining());
    try (SluiceProcess _ = daemon(port, "destinations:\n" + destinations)) {
      browser.open("http://127.0.0.1:" + port + "/#destinations");
      browser.awaitText("#destinationsNote", "200 of 10000");
      browser.enter("#destinations [name=search]", "l9999");
      browser.awaitText(TABLE, "l9999");
      HttpAsker asker = new HttpAsker(HostPort.parse("127.0.0.1:" + port));
      assertThat(events(asker)).as("an event").hasSizeLessThan(200_000);
      browser.open("about:blank");
    }
    browser.errors().clear();
  }

  /** A daemon that is ready, whose page is at this port. */
  private SluiceProcess daemon(int port, String more) throws Exception {
    String yaml =
        "version: 1\nloops: 1\nadmin: {http: \"127.0.0.1:%d\", socket: none}\n%s"
            .formatted(port, more);
    Path file = Files.writeString(directory.resolve("own.yaml"), yaml);
    List<String> command = SluiceProcess.sluice(List.of(), "run", "-f", file.toString());
    return SluiceProcess.start(directory, command).awaitLine("ready ");
  }

  private static String events(HttpAsker asker) throws IOException {
    StringBuilder event = new StringBuilder();
    try (var socket = asker.send(HttpAsker.getOf("/events"));
        var reader =
            new java.io.BufferedReader(
                new java.io.InputStreamReader(
                    socket.getInputStream(), java.nio.charset.StandardCharsets.UTF_8))) {
      for (String line = reader.readLine(); line != null; line = reader.readLine()) {
        event.append(line);
        if (line.startsWith("data: ")) {
          return event.toString();
        }
      }
    }
    throw new IOException("it ended");
  }
}
