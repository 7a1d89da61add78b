package io.sluice.proxy.health;

import io.sluice.config.Passive;
import io.sluice.config.TargetAddress;
import io.sluice.proxy.observe.Refusal;
import io.sluice.steering.Protocol;
import java.lang.ref.WeakReference;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One place that connections and datagrams are sent to, with what checks and traffic have found out
 * about it. It has one state, however many targets lead to it, and the state outlives a reload.
 *
 * <pre>
 *        failures in a row  pause          claim            address written
 *   UP ────────────▶ DOWN ──────▶ DUE ──────▶ CLAIMED ──────▶ PROBING
 *   ▲ ▲               ▲                                        │  │
 *   │ │               └──────── failed: the pause doubles ─────┘  │
 *   │ └──────────────────────── succeeded (in any of these) ──────┘
 *   │   with checks:
 *   └── all checks are good again ── HELD ◀── a check or traffic says that it doesn't serve
 * </pre>
 *
 * <p>While it isn't up, its targets are passed over. Without checks, one connection at a time is
 * let through: the probe. A probe that was never sent, or of which nothing is heard, is followed by
 * another. A datagram's probe of which nothing bad is heard for as long as the pause counts as a
 * success: there are servers that never answer. With checks no client is the probe.
 *
 * <p>Any thread. Nothing is locked while it is up and its traffic succeeds; changes of state are
 * made under its lock. UDP: one that used to answer fails when it falls {@linkplain Silence
 * silent}, too, and its probe must be answered.
 */
public final class Endpoint {
  /** Pauses are longer by up to this part of them, so that many targets' probes spread. */
  private static final double JITTER = 0.2;

  private enum State {
    UP,
    DOWN,
    DUE,
    CLAIMED,
    PROBING,
    HELD
  }

  private final Protocol protocol;
  private final TargetAddress address;
  private final Timer timer;
  private final Changes heard;
  private final List<WeakReference<Watcher>> watchers = new CopyOnWriteArrayList<>();
  private final Silence silence = new Silence(false);
  private volatile @Nullable Runnable connected; // told once
  private volatile State state = State.UP;
  private volatile int failures;
  private volatile Passive passive = Passive.DEFAULT;
  private volatile Status status = new Status(TargetState.UP, "", Instant.now());
  private volatile @Nullable LastCheck lastCheck;
  private volatile long upSinceMillis = Long.MIN_VALUE; // came back; not where it began
  private final Set<Prober> probers = new HashSet<>(); // under the lock, as is all that follows
  private final Set<Prober> unsatisfied = new HashSet<>(); // those of them that say it is down
  private boolean isProven; // by a check
  private long pauseMillis = Passive.DEFAULT.pause().toMillis();
  private int changes; // of the state: a timer that was set before the last one is stale

  /** Hears of an endpoint's changes: a target that it is an address of. */
  public interface Watcher {
    /** Whether connections are let through to it has changed. */
    void changed();

    /** A connection to it has failed, or a datagram. */
    void failed(Endpoint endpoint);
  }

  Endpoint(Protocol protocol, TargetAddress address, Timer timer, Changes heard) {
    this.protocol = protocol;
    this.address = address;
    this.timer = timer;
    this.heard = heard;
  }

  public TargetAddress address() {
    return address;
  }

  public Protocol protocol() {
    return protocol;
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

  /** Whether it gets what is new. */
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

  /** Whether it is known not to serve, so that no client need find out. */
  public boolean isHeld() {
    return state == State.HELD;
  }

  /** Its state, why, and since when. */
  public Status status() {
    return status;
  }

  /** When it last came back, on the loops' clock; long ago if it never was down. */
  public long upSinceMillis() {
    return upSinceMillis;
  }

  /** What failing traffic does to it. Of destinations that share it, the last one says. */
  public void passive(Passive passive) {
    this.passive = passive;
  }

  /** What a check was told last; null if it isn't checked, or has not been yet. */
  public @Nullable LastCheck lastCheck() {
    return lastCheck;
  }

  // ---- what traffic finds

  /** Has somebody told of the next connection that is made; on its loop, so briefly. */
  public void whenConnected(Runnable once) {
    connected = once;
  }

  /** A connection was made, or a datagram answered. */
  public void succeeded() {
    Runnable waiting = connected;
    if (waiting != null) {
      connected = null;
      waiting.run();
    }
    State now = state;
    if (failures != 0 || now != State.UP && now != State.HELD) {
      recover("traffic is answered");
    }
  }

  private synchronized void recover(String why) {
    failures = 0;
    if (state != State.UP && state != State.HELD) {
      change(State.UP, why);
    }
  }

  /**
   * A connection was not made, or a datagram came back as unreachable, or was not answered.
   *
   * @param why for the log
   */
  public void failed(Refusal why) {
    tell(it -> it.failed(this));
    switch (state) {
      case UP, CLAIMED, PROBING -> count(why);
      case DOWN, DUE, HELD -> {} // nothing more to learn from it
    }
  }

  private synchronized void count(Refusal why) {
    switch (state) {
      case UP -> {
        failures++;
        if (failures >= passive.fall()) {
          String reason = why.word() + ", " + failures + " in a row";
          if (probers.isEmpty()) {
            pauseMillis = passive.pause().toMillis();
            pause(reason);
          } else {
            unsatisfied.addAll(probers);
            List<Prober> all = new ArrayList<>(probers);
            timer.after(0, () -> all.forEach(Prober::doubted));
            change(State.HELD, reason);
          }
        }
      }
      case CLAIMED, PROBING -> {
        pauseMillis = Math.min(2 * pauseMillis, passive.max().toMillis());
        pause(why.word());
      }
      case DOWN, DUE, HELD -> {}
    }
  }

  private void pause(String why) {
    change(State.DOWN, why);
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
      change(State.CLAIMED, status.reason());
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
    change(State.PROBING, status.reason());
    if (protocol == Protocol.TCP) {
      next(timeoutMillis + passive.pause().toMillis(), State.DUE);
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
   * failures in a row as it takes.
   */
  public void checkSilence(long nowMillis) {
    if (state == State.UP && silence.isSilent(nowMillis)) {
      for (int failure = passive.fall(); failure > 0; failure--) {
        failed(Refusal.NO_ANSWER);
      }
    }
  }

  // ---- what checks find

  /** A check has ended. */
  public void checked(LastCheck check) {
    lastCheck = check;
  }

  /**
   * It is asked from now on: its state is what checks say.
   *
   * @return whether it is up now; one that is down must rise first
   */
  public synchronized boolean probedBy(Prober prober) {
    boolean isNew = probers.add(prober);
    if (isNew && state != State.UP) {
      unsatisfied.add(prober);
      change(State.HELD, status.reason());
    } else if (isNew && !isProven && probers.size() == 1) {
      change(State.UP, "not checked yet");
    }
    return state == State.UP;
  }

  /** Whether it is up, and no check has ever said so: then the first bad answer counts. */
  public synchronized boolean isStarting() {
    return !isProven && state == State.UP;
  }

  /** It is no longer asked by this one. */
  public synchronized void leftBy(Prober prober) {
    if (!probers.remove(prober)) {
      return;
    }
    unsatisfied.remove(prober);
    if (state == State.HELD && unsatisfied.isEmpty()) {
      if (probers.isEmpty()) {
        pauseMillis = passive.pause().toMillis();
        pause(status.reason()); // from now on, traffic finds out
      } else {
        change(State.UP, "the check that failed is gone");
      }
    } else if (probers.isEmpty() && state == State.UP) {
      change(State.UP, status.reason()); // it is no longer starting
    }
  }

  /** A check is content. */
  public synchronized void passed(Prober prober, String why) {
    if (!probers.contains(prober)) {
      return;
    }
    unsatisfied.remove(prober);
    boolean wasStarting = !isProven;
    isProven = true;
    if (unsatisfied.isEmpty() && (state == State.HELD || wasStarting && state == State.UP)) {
      failures = 0;
      change(State.UP, why);
    }
  }

  /** A check says that it doesn't serve. */
  public synchronized void refused(Prober prober, String why) {
    if (!probers.contains(prober)) {
      return;
    }
    unsatisfied.add(prober);
    isProven = true;
    if (state != State.HELD) {
      change(State.HELD, why);
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
      recover("nothing bad is heard of it");
    } else {
      change(then, status.reason());
    }
  }

  private void change(State next, String why) {
    if (next == State.UP && state != State.UP) {
      upSinceMillis = timer.nowMillis();
    }
    state = next;
    if (next != State.HELD) {
      silence.again();
    }
    changes++;
    Status before = status;
    TargetState now = shown();
    if (now != before.state()) {
      Status after = new Status(now, why, Instant.now());
      status = after;
      timer.after(0, () -> heard.changed(this, before, after)); // no loop's business
    }
    tell(Watcher::changed);
  }

  private TargetState shown() {
    return state != State.UP
        ? TargetState.DOWN
        : isProven || probers.isEmpty() ? TargetState.UP : TargetState.STARTING;
  }

  /** {@code tcp:127.0.0.1:8081}. */
  @Override
  public String toString() {
    return protocol.word() + ":" + address;
  }
}
