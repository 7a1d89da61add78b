package io.sluice.proxy.health;

import io.sluice.config.TargetAddress;
import io.sluice.proxy.observe.Refusal;
import io.sluice.steering.Protocol;
import java.lang.ref.WeakReference;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One place that connections and datagrams are sent to, with what traffic has found out about it.
 * It has one state, however many targets lead to it, and the state outlives a reload.
 *
 * <pre>
 *        {@value #FALL} failures         pause          claim            address written
 *   UP ────────────▶ DOWN ──────▶ DUE ──────▶ CLAIMED ──────▶ PROBING
 *   ▲                 ▲                                        │  │
 *   │                 └──────── failed: the pause doubles ─────┘  │
 *   └───────────────────────── succeeded (in any state) ──────────┘
 * </pre>
 *
 * <p>While it isn't up, its targets are passed over, but for one connection at a time: the probe. A
 * probe that was never sent, or of which nothing is heard, is followed by another. A datagram's
 * probe of which nothing bad is heard for as long as the pause counts as a success: there are
 * servers that never answer.
 *
 * <p>Any thread. Nothing is locked while it is up and its traffic succeeds; changes of state are
 * made under its lock. UDP: one that used to answer fails when it falls {@linkplain Silence
 * silent}, too, and its probe must be answered.
 */
public final class Endpoint {
  private static final Logger log = LoggerFactory.getLogger(Endpoint.class);

  /** How many failures in a row take it out. */
  static final int FALL = 3;

  /** For how long it is passed over at first. */
  static final long FIRST_PAUSE_MILLIS = 5_000;

  /** For how long at most, but for the jitter. */
  static final long LONGEST_PAUSE_MILLIS = 60_000;

  /** Pauses are longer by up to this part of them, so that many targets' probes spread. */
  private static final double JITTER = 0.2;

  private enum State {
    UP,
    DOWN,
    DUE,
    CLAIMED,
    PROBING
  }

  private final Protocol protocol;
  private final TargetAddress address;
  private final Timer timer;
  private final List<WeakReference<Watcher>> watchers = new CopyOnWriteArrayList<>();
  private final Silence silence = new Silence(false);
  private volatile State state = State.UP;
  private volatile int failures;
  private long pauseMillis = FIRST_PAUSE_MILLIS; // under the lock, as is:
  private int changes; // of the state: a timer that was set before the last one is stale

  /** Hears of an endpoint's changes: a target that it is an address of. */
  public interface Watcher {
    /** Whether connections are let through to it has changed. */
    void changed();

    /** A connection to it has failed, or a datagram. */
    void failed(Endpoint endpoint);
  }

  Endpoint(Protocol protocol, TargetAddress address, Timer timer) {
    this.protocol = protocol;
    this.address = address;
    this.timer = timer;
  }

  public TargetAddress address() {
    return address;
  }

  /** Tells it from now on, for as long as anybody has it. */
  public void watch(Watcher watcher) {
    watchers.removeIf(it -> it.refersTo(null));
    watchers.add(new WeakReference<>(watcher));
  }

  public void unwatch(Watcher watcher) {
    watchers.removeIf(it -> it.refersTo(watcher));
  }

  private void tell(Consumer<Watcher> change) {
    for (WeakReference<Watcher> reference : watchers) {
      Watcher watcher = reference.get();
      if (watcher != null) {
        change.accept(watcher);
      }
    }
  }

  /** False from the last of {@value #FALL} failures until something succeeds. */
  public boolean isUp() {
    return state == State.UP;
  }

  /** Whether it waits for a connection that will be its probe. */
  public boolean isDue() {
    return state == State.DUE;
  }

  /** Whether the probe's connection is about to be made, or being made. */
  public boolean isProbed() {
    State now = state;
    return now == State.CLAIMED || now == State.PROBING;
  }

  /** A connection was made, or a datagram answered. */
  public void succeeded() {
    if (failures != 0 || state != State.UP) {
      recover();
    }
  }

  private synchronized void recover() {
    failures = 0;
    if (state == State.UP) {
      return;
    }
    pauseMillis = FIRST_PAUSE_MILLIS;
    change(State.UP);
    timer.after(0, () -> log.info("target up target={}", this)); // no loop's business
  }

  /**
   * A connection was not made, or a datagram came back as unreachable, or was not answered.
   *
   * @param why for the log
   */
  public void failed(Refusal why) {
    tell(it -> it.failed(this));
    State now = state;
    if (now != State.DOWN && now != State.DUE) { // those have nothing more to learn from it
      count(why);
    }
  }

  private synchronized void count(Refusal why) {
    switch (state) {
      case UP -> {
        failures++;
        if (failures >= FALL) {
          pause();
          long millis = pauseMillis;
          timer.after(
              0,
              () ->
                  log.warn(
                      "target down target={} reason={} failures={} nextProbeMillis={}",
                      this,
                      why.word(),
                      FALL,
                      millis));
        }
      }
      case CLAIMED, PROBING -> {
        pauseMillis = Math.min(2 * pauseMillis, LONGEST_PAUSE_MILLIS);
        pause();
      }
      case DOWN, DUE -> {}
    }
  }

  private void pause() {
    change(State.DOWN);
    double jitter = 1 + JITTER * ThreadLocalRandom.current().nextDouble();
    next((long) (pauseMillis * jitter), State.DUE);
  }

  /**
   * Makes the caller's connection the probe, if one is due: it must ask for the {@linkplain
   * Target#endpoint address} next.
   */
  public boolean claim() {
    if (state != State.DUE) {
      return false;
    }
    synchronized (this) {
      if (state != State.DUE) {
        return false;
      }
      change(State.CLAIMED);
      next(pauseMillis, State.DUE);
      return true;
    }
  }

  /**
   * The address was asked for: who has claimed the probe is going to send it.
   *
   * @param timeoutMillis for how long a connection may take
   */
  public void taken(long timeoutMillis) {
    if (state == State.CLAIMED) {
      sent(timeoutMillis);
    }
  }

  private synchronized void sent(long timeoutMillis) {
    if (state != State.CLAIMED) {
      return;
    }
    change(State.PROBING);
    if (protocol == Protocol.TCP) {
      next(timeoutMillis + FIRST_PAUSE_MILLIS, State.DUE);
    } else {
      next(pauseMillis, State.UP);
    }
  }

  // ---- UDP: what is heard

  /** Its answers are known to come, before the first one. */
  public void mustAnswer() {
    silence.mustAnswer();
  }

  /** A flow has sent it something; for {@code before} see {@link Silence#asked}. */
  public int asked(int before, long nowMillis) {
    return silence.asked(before, nowMillis);
  }

  /** A flow has been answered. */
  public void heard(long nowMillis) {
    silence.heard(nowMillis);
    succeeded();
  }

  /**
   * Takes it out if it has fallen silent: several flows in a row without an answer are as many
   * failures in a row.
   */
  public void checkSilence(long nowMillis) {
    if (state == State.UP && silence.isSilent(nowMillis)) {
      for (int flow = 0; flow < Silence.FLOWS; flow++) {
        failed(Refusal.NO_ANSWER);
      }
    }
  }

  /** Goes on to another state later, unless something happens before. */
  private void next(long millis, State then) {
    int set = changes;
    timer.after(millis, () -> timeUp(set, then));
  }

  private synchronized void timeUp(int set, State then) {
    if (changes != set) {
      return;
    }
    if (then == State.UP && silence.isUnanswered()) {
      count(Refusal.NO_ANSWER);
    } else if (then == State.UP) {
      recover();
    } else {
      change(then);
    }
  }

  private void change(State next) {
    state = next;
    silence.again();
    changes++;
    tell(Watcher::changed);
  }

  /** {@code tcp:127.0.0.1:8081}. */
  @Override
  public String toString() {
    return protocol.word() + ":" + address;
  }
}
