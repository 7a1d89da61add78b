package io.sluice.proxy.target;

import io.sluice.proxy.loop.Loop;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Resolves target names by the system's resolver, on threads of its own: an event loop only ever
 * reads the last answer. A name is asked for again when its answer is {@value #REFRESH_MILLIS} ms
 * old and used, and when its target fails; an answer that can't be renewed stays in use.
 */
public final class Resolver implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Resolver.class);
  private static final long REFRESH_MILLIS = 30_000;
  private static final long RETRY_MILLIS = 1_000;
  private static final int THREADS = 4;

  private final Map<String, Name> names = new ConcurrentHashMap<>();
  private final Lookup lookup;
  private final ExecutorService threads =
      Executors.newFixedThreadPool(
          THREADS, Thread.ofPlatform().daemon().name("sluice-resolver-", 0).factory());

  /** Asks for a name's addresses; may block. */
  @FunctionalInterface
  interface Lookup {
    InetAddress[] resolve(String name) throws UnknownHostException;
  }

  /** A resolver that asks the system. */
  public Resolver() {
    this(InetAddress::getAllByName);
  }

  /** A resolver that knows no names, for commands that only explain. */
  public static Resolver offline() {
    return new Resolver(_ -> new InetAddress[0]);
  }

  Resolver(Lookup lookup) {
    this.lookup = lookup;
  }

  /** The name, which is being resolved from now on. */
  Name name(String host) {
    return names.computeIfAbsent(host, Name::new);
  }

  /** Forgets all other names. Who still has one of them can go on to use it. */
  void retain(Set<String> hosts) {
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
      boolean _ = name.asked.await(deadline - Loop.nowMillis(), TimeUnit.MILLISECONDS);
      if (name.addresses.isEmpty()) {
        unresolved.add(name.host);
      }
    }
    return unresolved;
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }

  /** A name and its last answer. Any thread. */
  final class Name {
    private final String host;
    private final AtomicBoolean asking = new AtomicBoolean();
    private final CountDownLatch asked = new CountDownLatch(1);
    private volatile List<IpAddress> addresses = List.of();
    private volatile long askedMillis;
    private volatile int version;
    private int resolutions; // written by one thread at a time: see asking
    private final AtomicInteger turn = new AtomicInteger();

    Name(String host) {
      this.host = host;
      ask();
    }

    /**
     * The address whose turn it is, or null if there is none. Never blocks.
     *
     * @param preferred a family that goes before turns; null if either will do
     */
    @Nullable IpAddress address(@Nullable Family preferred) {
      List<IpAddress> known = addresses;
      if (Loop.nowMillis() - askedMillis > (known.isEmpty() ? RETRY_MILLIS : REFRESH_MILLIS)) {
        ask();
      }
      if (known.isEmpty()) {
        return null;
      }
      int first = Math.floorMod(turn.get(), known.size());
      for (int i = 0; preferred != null && i < known.size(); i++) {
        IpAddress address = known.get((first + i) % known.size());
        if (address.family() == preferred) {
          return address;
        }
      }
      return known.get(first);
    }

    /** How many addresses there are. Never blocks. */
    int count() {
      return addresses.size();
    }

    /** Changes when the addresses do. */
    int version() {
      return version;
    }

    /** Whether this is one of the addresses. */
    boolean has(Family family, long high, long low) {
      for (IpAddress address : addresses) {
        if (address.family() == family && address.high() == high && address.low() == low) {
          return true;
        }
      }
      return false;
    }

    /** The address failed: takes the next one, and asks again. */
    void failed() {
      turn.incrementAndGet();
      if (Loop.nowMillis() - askedMillis > RETRY_MILLIS) {
        ask();
      }
    }

    private void ask() {
      if (asking.compareAndSet(false, true)) {
        askedMillis = Loop.nowMillis();
        threads.execute(this::resolve);
      }
    }

    private void resolve() {
      try {
        List<IpAddress> found = new ArrayList<>();
        for (InetAddress address : lookup.resolve(host)) {
          found.add(IpAddress.ofBytes(address.getAddress()));
        }
        if (!found.equals(addresses)) {
          log.info("resolved name={} addresses={}", host, found);
          addresses = List.copyOf(found);
          version = ++resolutions;
        }
      } catch (UnknownHostException unknown) {
        log.warn("not resolved name={} keeping={}", host, addresses);
      } finally {
        asked.countDown();
        asking.set(false);
      }
    }
  }
}
