package io.sluice.proxy.it;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.sluice.proxy.TestDaemon;
import io.sluice.proxy.admin.Json;
import io.sluice.proxy.api.Parsed;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A page in a real headless Chromium, told what to do by the DevTools protocol. What the page logs
 * as an error, a violation of its policy too, is kept.
 *
 * @see <a href="https://chromedevtools.github.io/devtools-protocol/">DevTools protocol</a>
 */
final class Browser implements AutoCloseable {
  private static final int BOUND_SECONDS = 20;

  private final HttpClient client = HttpClient.newHttpClient();
  private final AtomicInteger numbers = new AtomicInteger();
  private final Map<Integer, CompletableFuture<Map<?, ?>>> answers = new ConcurrentHashMap<>();
  private final List<String> errors = new CopyOnWriteArrayList<>();
  private final SluiceProcess chromium;
  private final WebSocket socket;

  Browser(Path directory) throws Exception {
    assumeTrue(Netns.has("chromium"), "needs chromium");
    Path profile = Files.createTempDirectory(directory, "chromium");
    chromium =
        SluiceProcess.start(
            profile,
            List.of(
                "chromium",
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--remote-debugging-port=0",
                "--user-data-dir=" + profile,
                "about:blank"));
    Path ports = profile.resolve("DevToolsActivePort");
    TestDaemon.until("Chromium is up", () -> Files.exists(ports) && Files.size(ports) > 0);
    String port = Files.readAllLines(ports).getFirst();
    String page =
        client
            .send(
                HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/json/new"))
                    .PUT(HttpRequest.BodyPublishers.noBody())
                    .build(),
                HttpResponse.BodyHandlers.ofString())
            .body();
    String url = (String) requireNonNull(Parsed.object(page).get("webSocketDebuggerUrl"));
    socket =
        client
            .newWebSocketBuilder()
            .buildAsync(URI.create(url), new Heard())
            .get(BOUND_SECONDS, TimeUnit.SECONDS);
    for (String domain : List.of("Page", "Runtime", "Log")) {
      tell(domain + ".enable", Map.of());
    }
  }

  /** Puts messages together, and hands out answers. */
  private final class Heard implements WebSocket.Listener {
    private final StringBuilder text = new StringBuilder();

    @Override
    public @Nullable CompletionStage<?> onText(WebSocket from, CharSequence part, boolean isLast) {
      text.append(part);
      if (isLast) {
        Map<?, ?> message = Parsed.object(text.toString());
        text.setLength(0);
        if (message.get("id") instanceof Number id) {
          requireNonNull(answers.remove(id.intValue())).complete(message);
        } else {
          note(String.valueOf(message.get("method")), message);
        }
      }
      from.request(1);
      return null;
    }
  }

  private void note(String method, Map<?, ?> message) {
    boolean isError =
        method.equals("Runtime.exceptionThrown")
            || method.equals("Log.entryAdded") && Json.of(message).contains("\"level\":\"error\"");
    if (isError) {
      errors.add(Json.of(message));
    }
  }

  private Map<?, ?> tell(String method, Map<String, Object> parameters) throws Exception {
    int id = numbers.incrementAndGet();
    CompletableFuture<Map<?, ?>> answer = new CompletableFuture<>();
    answers.put(id, answer);
    var _ =
        socket
            .sendText(Json.of(Map.of("id", id, "method", method, "params", parameters)), true)
            .get(BOUND_SECONDS, TimeUnit.SECONDS);
    Map<?, ?> message = answer.get(BOUND_SECONDS, TimeUnit.SECONDS);
    if (message.get("error") != null) {
      throw new IOException(method + ": " + message.get("error"));
    }
    return Parsed.map(message.get("result"));
  }

  /** As wide as a phone, or a wall. */
  void size(int width, int height) throws Exception {
    tell(
        "Emulation.setDeviceMetricsOverride",
        Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", width < 500));
  }

  void dark(boolean isDark) throws Exception {
    Object feature = Map.of("name", "prefers-color-scheme", "value", isDark ? "dark" : "light");
    tell("Emulation.setEmulatedMedia", Map.of("features", List.of(feature)));
  }

  void open(String url) throws Exception {
    tell("Page.navigate", Map.of("url", url));
  }

  /** What an expression of JavaScript comes to, as text. */
  String value(String expression) throws Exception {
    Map<?, ?> result = tell("Runtime.evaluate", Map.of("expression", "String(" + expression + ")"));
    return String.valueOf(Parsed.map(result.get("result")).get("value"));
  }

  /** The text of an element as it is shown; empty if it isn't there. */
  String text(String selector) throws Exception {
    return value("(document.querySelector('" + selector + "')||{innerText:''}).innerText");
  }

  void awaitText(String selector, String part) {
    TestDaemon.until(selector + " shows " + part, () -> text(selector).contains(part));
  }

  /** Fills a field, and sends its form. */
  void enter(String selector, String text) throws Exception {
    String field = "document.querySelector('" + selector + "')";
    String _ =
        value(
            "("
                + field
                + ".value='"
                + text
                + "',"
                + field
                + ".dispatchEvent(new Event('input',{bubbles:true})),"
                + field
                + ".form.requestSubmit())");
  }

  /** What the page has logged as errors. */
  List<String> errors() {
    return errors;
  }

  /** A picture of all of the page. */
  void picture(Path file) throws Exception {
    Map<?, ?> result =
        tell("Page.captureScreenshot", Map.of("format", "png", "captureBeyondViewport", false));
    Files.createDirectories(file.getParent());
    Files.write(file, Base64.getDecoder().decode((String) result.get("data")));
  }

  @Override
  public void close() {
    socket.abort();
    chromium.close();
    client.close();
  }
}
