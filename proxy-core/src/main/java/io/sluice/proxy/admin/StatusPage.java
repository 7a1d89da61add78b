package io.sluice.proxy.admin;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.ScheduledFuture;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The page at {@code /}: three files, what they ask for under {@code /api/}, and events at {@code
 * /events}, every two seconds while anybody looks. Runs on the admin server's loop; answers are
 * made on another thread.
 */
public final class StatusPage {
  private static final Logger log = LoggerFactory.getLogger(StatusPage.class);
  private static final int EVENT_SECONDS = 2;
  private static final int MOST_DESTINATIONS = 200;

  /** How many may look at once: a quarter of the connections. */
  private static final int MAX_VIEWERS = 4;

  private static final String API = "/api/";
  private static final Map<String, String> TYPES =
      Map.of(
          "page.html", "text/html; charset=utf-8",
          "page.css", "text/css; charset=utf-8",
          "page.js", "text/javascript; charset=utf-8");

  private final EventExecutor loop;
  private final Executor maker;
  private final Source source;
  private final Rates rates; // used on the maker's thread
  private final String host;
  private final Map<String, byte[]> files = new LinkedHashMap<>();
  private final List<AdminConnection> viewers = new ArrayList<>();
  private final ScheduledFuture<?> sampling;
  private @Nullable ScheduledFuture<?> ticking;
  private boolean isMaking;

  /** Answers what the page asks for; called on a thread that may wait. Reads only. */
  public interface Source {
    /**
     * Answers a question.
     *
     * @param name without {@code /api/}
     */
    Answer ask(String name, Map<String, List<String>> parameters) throws InterruptedException;

    /** What the daemon is at, of at most so many destinations. */
    Map<String, Object> status(int mostDestinations);
  }

  /**
   * What is answered.
   *
   * @param body whoever sends it releases it
   */
  public record Answer(HttpResponseStatus status, String contentType, ByteBuf body) {}

  StatusPage(EventExecutor loop, Executor maker, Source source, Rates rates, String host) {
    this.loop = loop;
    this.maker = maker;
    this.source = source;
    this.rates = rates;
    this.host = host;
    this.sampling =
        loop.scheduleAtFixedRate(
            () -> maker.execute(rates::sample),
            Rates.STEP_SECONDS,
            Rates.STEP_SECONDS,
            TimeUnit.SECONDS);
  }

  /** Answers, now or later; false if there is nothing at this path. */
  boolean answer(String uri, String path, AdminConnection to) {
    if (path.equals("/events")) {
      follow(to);
    } else if (path.startsWith(API)) {
      ask(uri, path.substring(API.length()), to);
    } else {
      String file = path.equals("/") ? "page.html" : path.substring(1);
      String type = TYPES.get(file);
      if (type == null) {
        return false;
      }
      to.contentType(type);
      to.send(Unpooled.wrappedBuffer(files.computeIfAbsent(file, StatusPage::read)));
    }
    return true;
  }

  private static byte[] read(String file) {
    try (InputStream in = StatusPage.class.getResourceAsStream(file)) {
      return Objects.requireNonNull(in, file).readAllBytes();
    } catch (IOException broken) {
      throw new UncheckedIOException(broken);
    }
  }

  private void ask(String uri, String name, AdminConnection to) {
    Map<String, List<String>> parameters;
    try {
      parameters = new QueryStringDecoder(uri).parameters();
    } catch (IllegalArgumentException malformed) {
      to.send(HttpResponseStatus.BAD_REQUEST, "not a path: " + malformed.getMessage() + "\n");
      return;
    }
    maker.execute(() -> {
      try {
        Answer answer = source.ask(name, parameters);
        loop.execute(() -> {
          to.contentType(answer.contentType);
          to.send(answer.status, answer.body);
        });
      } catch (RuntimeException | OutOfMemoryError failure) {
        log.error("an answer of the status page failed", failure);
        loop.execute(to::fail);
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
      }
    });
  }

  // ---- events

  private void follow(AdminConnection to) {
    if (viewers.size() >= MAX_VIEWERS) {
      forget(viewers.getFirst()); // it asks again, if anybody still looks at it
    }
    to.contentType("text/event-stream");
    to.startStream();
    viewers.add(to);
    if (ticking == null) {
      ticking = loop.scheduleAtFixedRate(this::tick, 0, EVENT_SECONDS, TimeUnit.SECONDS);
    }
  }

  /** A connection has ended, or is to. */
  void forget(AdminConnection viewer) {
    if (viewers.remove(viewer)) {
      viewer.close();
    }
    if (viewers.isEmpty() && ticking != null) {
      ticking.cancel(false);
      ticking = null;
    }
  }

  private void tick() {
    if (isMaking) {
      return; // it takes longer than the time between two
    }
    isMaking = true;
    maker.execute(() -> {
      String event = "";
      try {
        event = event();
      } catch (RuntimeException | OutOfMemoryError failure) {
        log.error("an event of the status page failed", failure);
      }
      String made = event;
      loop.execute(() -> handOut(made));
    });
  }

  private void handOut(String event) {
    isMaking = false;
    if (!event.isEmpty()) {
      viewers.forEach(it -> it.part(event)); // who doesn't take it misses it
    }
  }

  private String event() {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("host", host);
    json.put("status", source.status(MOST_DESTINATIONS));
    json.put("rates", rates.hour());
    json.put("now", rates.now());
    return "data: " + Json.of(json) + "\n\n";
  }

  void close() {
    sampling.cancel(false);
    List.copyOf(viewers).forEach(this::forget);
  }
}
