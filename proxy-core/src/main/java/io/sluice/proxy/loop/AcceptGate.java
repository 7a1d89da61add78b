package io.sluice.proxy.loop;

import io.sluice.proxy.observe.Counters;
import io.sluice.proxy.observe.RateLimit;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Whether one loop accepts. While it doesn't, connections wait in the kernel's backlog.
 *
 * <p>It shuts for a moment when the machine runs out of descriptors or source ports, and while the
 * connection limit is reached; in time it opens by itself. Called on its loop only.
 */
public final class AcceptGate {
  private static final Logger log = LoggerFactory.getLogger(AcceptGate.class);
  private static final RateLimit logLimit = new RateLimit(1_000);
  private static final long PAUSE_MILLIS = 100;

  private final Loop loop;
  private final SessionLimit connections;
  private final Counters counters;
  private final Set<Runnable> waiting = new LinkedHashSet<>();
  private boolean paused;

  public AcceptGate(Loop loop, SessionLimit connections, Counters counters) {
    this.loop = loop;
    this.connections = connections;
    this.counters = counters;
  }

  SessionLimit connections() {
    return connections;
  }

  /** Takes a place for a connection; if there is none, {@code accepting} is run again later. */
  public boolean tryEnter(Runnable accepting) {
    if (!paused && !Descriptors.tcp().tryTake(Descriptors.PER_CONNECTION)) {
      pause("TCP's share of the file descriptors is used up; raise LimitNOFILE= or ulimit -n");
    }
    if (!paused && !connections.mayBegin()) {
      Descriptors.tcp().give(Descriptors.PER_CONNECTION);
      shut("limits.newConnectionsPerSecond is reached");
    }
    if (!paused) {
      if (connections.tryOpen()) {
        return true;
      }
      Descriptors.tcp().give(Descriptors.PER_CONNECTION);
      shut("limits.connections is reached");
    }
    waiting.add(accepting); // once, however often a new arrival wakes it meanwhile
    return false;
  }

  /** How many are to be run again. */
  int waiting() {
    return waiting.size();
  }

  /** A connection that another daemon had accepted takes a place, whether there is one or not. */
  public void enter() {
    Descriptors.tcp().take(Descriptors.PER_CONNECTION);
    connections.open();
  }

  /** A connection is gone: its place is free. */
  public void leave() {
    Descriptors.tcp().give(Descriptors.PER_CONNECTION);
    connections.close();
  }

  /** The machine is out of something: accept nothing for a moment. */
  public void pause(String why) {
    if (!paused) {
      counters.acceptPauses().increment();
      shut(why);
    }
  }

  /** A connection got this descriptor: if there are few left, accept nothing for a moment. */
  public void took(int fd) {
    connections.begun();
    if (Descriptors.isReserved(fd)) {
      pause("file descriptors are nearly used up");
    }
  }

  private void shut(String why) {
    paused = true;
    if (logLimit.permits()) {
      log.warn(
          "accepting paused loop={} why=\"{}\" connections={}",
          loop.index(),
          why,
          connections.active());
    }
    reopenLater();
  }

  private void reopenLater() {
    var _ = loop.events().schedule(this::reopen, PAUSE_MILLIS, TimeUnit.MILLISECONDS);
  }

  private void reopen() {
    if (Descriptors.areScarce(loop.syscalls())) {
      reopenLater();
      return;
    }
    paused = false;
    List<Runnable> again = List.copyOf(waiting);
    waiting.clear();
    again.forEach(Runnable::run);
  }
}
