package io.sluice.proxy.name;

import io.sluice.proxy.health.Endpoints;
import io.sluice.proxy.health.Timer;
import io.sluice.proxy.health.TimerThread;
import io.sluice.proxy.loop.Loop;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The names that targets have, and the endpoints that targets lead to. All work on names is done on
 * threads of its own, which start with the first name: an event loop only ever reads the last
 * answer.
 *
 * <p>Names are asked for at once, each by itself, so that one that nobody answers keeps no other
 * waiting. Only very many wait for each other, and then those that failed last time among
 * themselves.
 */
public final class Resolver implements AutoCloseable {
  /** How many names are asked for at a time. */
  private static final int WIDTH = 256;

  /** How many of those that couldn't be found out last time. */
  private static final int FAILING_WIDTH = 64;

  private final Map<String, Name> names = new ConcurrentHashMap<>();
  private final Lane healthy = new Lane(WIDTH);
  private final Lane failing = new Lane(FAILING_WIDTH);
  private final Timer timer;
  private final Endpoints endpoints;
  private final @Nullable Supplier<NameLookup> lookups;
  private @Nullable NameLookup lookup; // under the lock
  private volatile boolean isClosed;

  /** A resolver that asks as {@link DnsLookup} does. */
  public Resolver() {
    this(DnsLookup::new, new TimerThread());
  }

  /** A resolver that knows no names, for commands that only explain. */
  public static Resolver offline() {
    return new Resolver(null, new TimerThread());
  }

  /**
   * @param lookups makes what is asked, when the first name comes; null if nobody is
   */
  public Resolver(@Nullable Supplier<NameLookup> lookups, Timer timer) {
    this.lookups = lookups;
    this.timer = timer;
    this.endpoints = new Endpoints(timer);
  }

  boolean isOffline() {
    return lookups == null;
  }

  Timer timer() {
    return timer;
  }

  /** The endpoints that targets have in common. */
  public Endpoints endpoints() {
    return endpoints;
  }

  /** The name, which is being resolved from now on. */
  public Name name(String host) {
    Name known = names.get(host);
    if (known == null) {
      known = new Name(host, this);
      names.put(host, known); // snapshots are made one at a time
      askSoon(known);
    }
    return known;
  }

  /** Forgets all other names. Who still has one of them can go on to use it. */
  public void retain(Set<String> hosts) {
    names.keySet().retainAll(hosts);
  }

  /**
   * Waits until every name has been asked for once.
   *
   * @return the names that have no address
   */
  public List<String> awaitFirstAnswers(long timeoutMillis) throws InterruptedException {
    long deadline = Loop.nowMillis() + timeoutMillis;
    List<String> unresolved = new ArrayList<>();
    for (Name name : names.values()) {
      name.awaitFirstAnswer(deadline - Loop.nowMillis());
      if (name.addresses().isEmpty()) {
        unresolved.add(name.host());
      }
    }
    return unresolved;
  }

  /** Asks for a name on the timer's thread: the caller must not wait for a file. */
  void askSoon(Name name) {
    if (!isOffline()) {
      timer.after(0, () -> ask(name));
    }
  }

  /** Asks for a name, unless nobody wants to know any more. */
  void ask(Name name) {
    NameLookup asked = lookup();
    boolean isWanted = names.get(name.host()) == name || name.isWatched();
    if (asked == null || !isWanted || !name.beginAsking()) {
      return;
    }
    NameLookup.Answer known = asked.known(name.host());
    if (known != null) {
      name.answered(known);
      return;
    }
    Lane lane = name.isFailing() ? failing : healthy;
    lane.run(() ->
        asked.ask(
            name.host(),
            answer -> {
              lane.done();
              name.answered(answer);
            }));
  }

  private synchronized @Nullable NameLookup lookup() {
    if (isClosed || lookups == null) {
      return null;
    }
    if (lookup == null) {
      lookup = lookups.get();
    }
    return lookup;
  }

  @Override
  public synchronized void close() {
    isClosed = true;
    if (lookup != null) {
      lookup.close();
    }
    timer.close();
  }
}
