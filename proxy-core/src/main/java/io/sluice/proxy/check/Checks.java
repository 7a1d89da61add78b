package io.sluice.proxy.check;

import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.epoll.EpollIoHandler;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.sluice.config.CheckSpec;
import io.sluice.config.DestinationSpec;
import io.sluice.config.Passive;
import io.sluice.config.ProxyProtocolOut;
import io.sluice.config.SourceSpec;
import io.sluice.config.TargetAddress;
import io.sluice.proxy.health.Endpoint;
import io.sluice.proxy.loop.BufferLimit;
import io.sluice.proxy.loop.Descriptors;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.observe.Counters;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.Target;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The checks there are, on one loop of their own that starts with the first of them. What is wanted
 * follows from the destinations in force, and is compared with what is there, also when names get
 * other addresses. Methods are called by the control thread.
 */
public final class Checks implements AutoCloseable {
  /** How often names are looked at for new addresses. */
  private static final long COMPARE_MILLIS = 1_000;

  private final BufferLimit buffers;
  private final Counters counters;
  private final Map<Check.Key, Check> there = new HashMap<>(); // on the loop
  private volatile List<Destination> destinations = List.of();
  private @Nullable MultiThreadIoEventLoopGroup group;
  private @Nullable Loop loop;

  /**
   * @param buffers the limit of all loops; checks keep nothing
   */
  public Checks(BufferLimit buffers, Counters counters) {
    this.buffers = buffers;
    this.counters = counters;
  }

  /** These destinations are in force now. */
  public void inForce(List<Destination> now) {
    destinations = now;
    Descriptors.wantChecks(wanted(now).size());
    setPassive(now);
    if (loop == null && now.stream().anyMatch(Checks::isWatched)) {
      loop = begin();
    }
    if (loop != null) {
      loop.execute(this::compare);
    }
  }

  private static boolean isWatched(Destination it) {
    return it.spec().health().check() != null
        || !it.spec().health().passive().equals(Passive.DEFAULT);
  }

  private Loop begin() {
    group =
        new MultiThreadIoEventLoopGroup(
            1, new DefaultThreadFactory("sluice-checks", true), EpollIoHandler.newFactory());
    Loop its = new Loop(group.next(), 0, buffers);
    var _ =
        its.events()
            .scheduleWithFixedDelay(
                this::compareNames, COMPARE_MILLIS, COMPARE_MILLIS, TimeUnit.MILLISECONDS);
    return its;
  }

  private void compareNames() {
    boolean hasNames =
        destinations.stream()
            .filter(Checks::isWatched)
            .flatMap(it -> it.targets().stream())
            .anyMatch(it -> it.spec().address() instanceof TargetAddress.Host);
    if (hasNames) {
      compare();
    }
  }

  /**
   * Begins what is wanted and not there, spread over a millisecond for each, but an interval at
   * most; then ends what is there and not wanted. On the loop.
   */
  private void compare() {
    List<Destination> now = destinations;
    setPassive(now);
    Set<Check.Key> wanted = wanted(now);
    Set<Check.Key> missing = new HashSet<>(wanted);
    missing.removeAll(there.keySet());
    Loop its = loop();
    for (Check.Key key : missing) {
      Check check = new Check(key, its, counters);
      there.put(key, check);
      long withinMillis = Math.min(key.spec().interval().toMillis(), missing.size());
      check.start(ThreadLocalRandom.current().nextLong(withinMillis + 1));
    }
    there
        .entrySet()
        .removeIf(it -> {
          boolean isUnwanted = !wanted.contains(it.getKey());
          if (isUnwanted) {
            it.getValue().stop();
          }
          return isUnwanted;
        });
  }

  private Loop loop() {
    return Objects.requireNonNull(loop);
  }

  private static Set<Check.Key> wanted(List<Destination> destinations) {
    Set<Check.Key> wanted = new HashSet<>();
    for (Destination destination : destinations) {
      CheckSpec check = destination.spec().health().check();
      if (check != null) {
        for (Target target : destination.targets()) {
          for (Endpoint endpoint : target.endpoints()) {
            wanted.add(key(destination.spec(), check, target, endpoint));
          }
        }
      }
    }
    return wanted;
  }

  private static Check.Key key(
      DestinationSpec destination, CheckSpec check, Target target, Endpoint endpoint) {
    boolean isHttp = check.question() instanceof CheckSpec.Http http && http.host() == null;
    ProxyProtocolOut header = check.saysLocal() ? destination.proxyProtocol() : null;
    boolean isOwn = destination.source() instanceof SourceSpec.Addresses;
    return new Check.Key(
        endpoint,
        check,
        isOwn ? destination.source() : SourceSpec.KERNEL,
        isHttp ? host(target) : "",
        header == null ? 0 : header.version());
  }

  /** What an HTTP request to a target says it wants. */
  private static String host(Target target) {
    return target.isUnix() ? "localhost" : target.toString();
  }

  private static void setPassive(List<Destination> destinations) {
    for (Destination destination : destinations) {
      Passive passive = destination.spec().health().passive();
      for (Target target : destination.targets()) {
        target.endpoints().forEach(it -> it.passive(passive));
      }
    }
  }

  /** Asks nobody any more. */
  @Override
  public void close() {
    if (group != null) {
      var _ = group.shutdownGracefully(0, 1, TimeUnit.SECONDS);
    }
  }
}
