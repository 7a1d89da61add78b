package io.sluice.proxy.name;

import io.sluice.proxy.loop.Loop;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A name and its addresses: asked for whenever the answer's time to live is over, and when an
 * address has failed. What can't be found out changes nothing: the last answer stays.
 *
 * <p>Any thread; changed under its lock.
 */
public final class Name {
  private static final Logger log = LoggerFactory.getLogger(Name.class);

  /** An answer holds at least so long, whatever it says. */
  static final long SHORTEST_MILLIS = 1_000;

  /** And at most so long. */
  static final long LONGEST_MILLIS = 3_600_000;

  /** How long to wait after a failure, at first, and at most. */
  private static final long RETRY_MILLIS = 1_000;

  private static final long LONGEST_RETRY_MILLIS = 30_000;

  private final String host;
  private final Resolver resolver;
  private final CountDownLatch asked;
  private final List<WeakReference<Watcher>> watchers = new ArrayList<>();
  private volatile List<IpAddress> addresses = List.of();
  private volatile long askedMillis;
  private boolean isAsking;
  private boolean isAnswered;
  private boolean isFailing;
  private long retryMillis = RETRY_MILLIS;
  private int answers; // a timer that was set before the last one is stale

  /** Hears of a name's addresses. */
  public interface Watcher {
    /** It has these now: never none, unless it has never had any. */
    void answered(List<IpAddress> addresses);
  }

  Name(String host, Resolver resolver) {
    this.host = host;
    this.resolver = resolver;
    this.asked = new CountDownLatch(resolver.isOffline() ? 0 : 1);
  }

  String host() {
    return host;
  }

  List<IpAddress> addresses() {
    return addresses;
  }

  /** Whether it couldn't be found out when it was last asked for. */
  synchronized boolean isFailing() {
    return isFailing;
  }

  /** Waits until it has been asked for once. */
  void awaitFirstAnswer(long timeoutMillis) throws InterruptedException {
    boolean _ = asked.await(timeoutMillis, TimeUnit.MILLISECONDS);
  }

  /** Tells it the addresses, now if they are known, and whenever they change. */
  public synchronized void watch(Watcher watcher) {
    watchers.removeIf(it -> it.refersTo(null));
    watchers.add(new WeakReference<>(watcher));
    if (isAnswered) {
      watcher.answered(addresses);
    }
  }

  /** Whether anybody wants to hear of it. */
  synchronized boolean isWatched() {
    return watchers.stream().anyMatch(it -> !it.refersTo(null));
  }

  /** An address failed: the name is asked for again, once in a while. */
  public void failed() {
    if (Loop.nowMillis() - askedMillis > RETRY_MILLIS) {
      askedMillis = Loop.nowMillis();
      resolver.askSoon(this);
    }
  }

  /** Whether it is to be asked for now: nobody does yet. */
  synchronized boolean beginAsking() {
    if (isAsking) {
      return false;
    }
    isAsking = true;
    askedMillis = Loop.nowMillis();
    return true;
  }

  /** The answer is there. */
  synchronized void answered(NameLookup.Answer answer) {
    isAsking = false;
    List<IpAddress> found = new ArrayList<>();
    addTo(found, answer.ipv4(), true);
    addTo(found, answer.ipv6(), false);
    boolean isFound = !found.isEmpty() && (isSome(answer.ipv4()) || isSome(answer.ipv6()));
    if (isFound) {
      take(found);
    } else if (!isFailing || !isAnswered) {
      log.warn("not resolved name={} keeping={}", host, addresses);
    }
    isFailing = !isFound;
    if (!isAnswered) {
      isAnswered = true;
      tell();
    }
    asked.countDown();
    askAgain(isFound ? answer.ttlMillis() : nextRetryMillis());
  }

  private static boolean isSome(@Nullable List<IpAddress> answer) {
    return answer != null && !answer.isEmpty();
  }

  /** What was answered for a family, or what it had if that could not be found out. */
  private void addTo(List<IpAddress> found, @Nullable List<IpAddress> answer, boolean isIpv4) {
    if (answer != null) {
      found.addAll(answer);
      return;
    }
    for (IpAddress address : addresses) {
      if ((address.family() == Family.IPV4) == isIpv4) {
        found.add(address);
      }
    }
  }

  private void take(List<IpAddress> found) {
    retryMillis = RETRY_MILLIS;
    if (!Set.copyOf(found).equals(Set.copyOf(addresses))) {
      addresses = List.copyOf(found);
      log.info("resolved name={} addresses={}", host, addresses);
      if (isAnswered) {
        tell();
      }
    }
  }

  private void tell() {
    for (WeakReference<Watcher> reference : watchers) {
      Watcher watcher = reference.get();
      if (watcher != null) {
        watcher.answered(addresses);
      }
    }
  }

  private long nextRetryMillis() {
    long millis = retryMillis;
    retryMillis = Math.min(2 * millis, LONGEST_RETRY_MILLIS);
    return millis;
  }

  private void askAgain(long ttlMillis) {
    int these = ++answers;
    long millis = Math.clamp(ttlMillis, SHORTEST_MILLIS, LONGEST_MILLIS);
    resolver.timer().after(millis, () -> timeUp(these));
  }

  private void timeUp(int these) {
    boolean isDue;
    synchronized (this) {
      isDue = these == answers;
    }
    if (isDue) {
      resolver.ask(this);
    }
  }
}
