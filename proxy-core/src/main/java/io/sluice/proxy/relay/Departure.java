package io.sluice.proxy.relay;

import io.sluice.config.OnDown;
import io.sluice.proxy.health.Endpoint;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.observe.SessionEnd;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Resets the sessions of one loop whose target has gone down and whose destination wants that,
 * spread over {@value #SPREAD_MILLIS} ms, so that not all clients come back at once. It stops if
 * the target comes back meanwhile. Called on the loop only.
 */
final class Departure implements Runnable {
  private static final long SPREAD_MILLIS = 2_000;
  private static final long STEP_MILLIS = 20;

  private final Loop loop;
  private final Endpoint endpoint;
  private final List<Session> leaving = new ArrayList<>();
  private int perStep;
  private int next;

  Departure(Loop loop, Endpoint endpoint) {
    this.loop = loop;
    this.endpoint = endpoint;
  }

  void begin(Sessions sessions) {
    sessions.forEach(it -> {
      if (it instanceof Session session && leaves(session)) {
        leaving.add(session);
      }
    });
    perStep = (int) (leaving.size() * STEP_MILLIS / SPREAD_MILLIS) + 1;
    run();
  }

  private boolean leaves(Session session) {
    if (session.destination().spec().health().onDown() == OnDown.CLOSE) {
      for (Peer upstream : session.upstreams) {
        if (upstream != null && upstream.endpoint == endpoint && !upstream.isConnecting) {
          return true;
        }
      }
    }
    return false;
  }

  /** Resets both sides, so that nobody takes a part for the whole. */
  private static void reset(Session session) {
    if (session.isClosed()) {
      return;
    }
    session.ending.because(SessionEnd.TARGET_DOWN);
    session.client.resetOnClose();
    for (Peer upstream : session.upstreams) {
      if (upstream != null) {
        upstream.resetOnClose();
      }
    }
    session.finish();
  }

  @Override
  public void run() {
    if (endpoint.isUp()) {
      return;
    }
    int until = Math.min(leaving.size(), next + perStep);
    for (; next < until; next++) {
      reset(leaving.get(next));
    }
    if (next < leaving.size()) {
      var _ = loop.events().schedule(this, STEP_MILLIS, TimeUnit.MILLISECONDS);
    }
  }
}
