package io.sluice.proxy.target;

import static java.util.Objects.requireNonNull;

import io.sluice.config.TargetAddress;
import io.sluice.proxy.health.Endpoint;
import io.sluice.proxy.health.Endpoints;
import io.sluice.proxy.health.Status;
import io.sluice.proxy.health.TargetState;
import io.sluice.proxy.name.Name;
import io.sluice.proxy.name.Resolver;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The endpoints of one target: the one that its address is, or those of its name, in the order in
 * which they are used. The first that is up is used. One that fails while it is the first of its
 * family goes to the end, and is not used while another works. A late failure of one that isn't
 * used any more changes nothing. Answers of the name are compared as sets: an address that stays
 * keeps its place, a new one comes last.
 *
 * <p>Any thread; reading locks nothing and allocates nothing.
 */
final class Addresses implements Endpoint.Watcher, Name.Watcher {
  private static final Endpoint[] NONE = {};

  private final Target target;
  private final @Nullable Name name;
  private final int port;
  private final @Nullable Endpoints endpoints;
  private final Instant madeAt = Instant.now();
  private volatile Endpoint[] order; // never changed, but replaced under the lock
  private volatile boolean isKnown; // false until the name has been answered

  /** Those of a target with one endpoint. */
  Addresses(Target target, Endpoint only) {
    this.target = target;
    this.name = null;
    this.port = 0;
    this.endpoints = null;
    this.order = new Endpoint[] {only};
    this.isKnown = true;
  }

  /** Those of a name. */
  Addresses(Target target, TargetAddress.Host host, Resolver resolver) {
    this.target = target;
    this.name = resolver.name(host.name());
    this.port = host.port();
    this.endpoints = resolver.endpoints();
    this.order = NONE;
  }

  /** Starts to hear of changes, and to tell the target's group. */
  void join() {
    if (name == null) {
      order[0].watch(this);
      changed();
    } else {
      name.watch(this);
    }
  }

  /** Whether the name was answered, and has none. */
  boolean areNone() {
    return isKnown && order.length == 0;
  }

  int count() {
    return order.length;
  }

  boolean has(Endpoint endpoint) {
    for (Endpoint one : order) {
      if (one == endpoint) {
        return true;
      }
    }
    return false;
  }

  /** Whether one is up; a name that nobody has answered yet is taken for one that is. */
  boolean isAnyUp() {
    for (Endpoint one : order) {
      if (one.isUp()) {
        return true;
      }
    }
    return !isKnown;
  }

  boolean isAnyDue() {
    for (Endpoint one : order) {
      if (one.isDue()) {
        return true;
      }
    }
    return false;
  }

  /** Whether one is the probe's now. */
  boolean isAnyProbed() {
    for (Endpoint one : order) {
      if (one.isProbed()) {
        return true;
      }
    }
    return false;
  }

  /** Whether all are known not to serve: nobody need find out. */
  boolean areAllHeld() {
    Endpoint[] known = order;
    for (Endpoint one : known) {
      if (!one.isHeld()) {
        return false;
      }
    }
    return known.length > 0;
  }

  /** That of the one which is used: one that is up, or else the first. */
  Status status() {
    Endpoint[] known = order;
    for (Endpoint one : known) {
      if (one.isUp()) {
        return one.status();
      }
    }
    return known.length > 0
        ? known[0].status()
        : new Status(isKnown ? TargetState.DOWN : TargetState.UP, "it has no address", madeAt);
  }

  /** As they are used now. */
  List<Endpoint> all() {
    return List.of(order);
  }

  /** When the one that is used came back; long ago if it never was down. */
  long upSinceMillis() {
    Endpoint[] known = order;
    return known.length == 0 ? Long.MIN_VALUE : known[0].upSinceMillis();
  }

  /** Makes the caller's connection the probe of one that is due, if any is. */
  boolean claim() {
    for (Endpoint one : order) {
      if (one.claim()) {
        return true;
      }
    }
    return false;
  }

  /**
   * The one that the next connection goes to; null if there is none.
   *
   * @param preferred a family that goes before order; null if either will do
   */
  @Nullable Endpoint choose(@Nullable Family preferred) {
    Endpoint[] known = order;
    if (known.length <= 1) {
      return known.length == 0 ? null : known[0];
    }
    Endpoint best = null;
    int bestRank = Integer.MAX_VALUE;
    for (Endpoint one : known) {
      int rank = rank(one, preferred);
      if (rank < bestRank) {
        best = one;
        bestRank = rank;
      }
    }
    return best;
  }

  /** The less the better: the right family, then up, then the probe, then what is not up. */
  private static int rank(Endpoint one, @Nullable Family preferred) {
    int state = one.isUp() ? 0 : one.isProbed() ? 1 : 2;
    return preferred == null || family(one) == preferred ? state : 3 + state;
  }

  private static @Nullable Family family(Endpoint one) {
    return one.address() instanceof TargetAddress.Ip ip ? ip.address().family() : null;
  }

  @Override
  public synchronized void answered(List<IpAddress> addresses) {
    Endpoint[] before = order;
    List<Endpoint> next = new ArrayList<>(Arrays.asList(before));
    next.removeIf(
        it -> !(it.address() instanceof TargetAddress.Ip ip && addresses.contains(ip.address())));
    Protocol protocol = target.destination().protocol();
    for (IpAddress address : addresses) {
      Endpoint endpoint =
          requireNonNull(endpoints).of(protocol, new TargetAddress.Ip(address, port));
      if (!next.contains(endpoint)) {
        next.add(endpoint);
        endpoint.watch(this);
      }
    }
    order = next.toArray(NONE);
    isKnown = true;
    for (Endpoint one : before) {
      if (!next.contains(one)) {
        one.unwatch(this);
      }
    }
    changed();
  }

  @Override
  public synchronized void changed() {
    // The states are read under the lock: of two that change at once, the last to tell sees both.
    target.destination().changed(target);
  }

  @Override
  public void failed(Endpoint endpoint) {
    if (name != null) {
      goOn(endpoint);
      name.failed();
    }
  }

  private synchronized void goOn(Endpoint failed) {
    Endpoint[] now = order;
    int at = 0;
    while (at < now.length && family(now[at]) != family(failed)) {
      at++;
    }
    if (at < now.length && now[at] == failed) {
      Endpoint[] next = now.clone();
      System.arraycopy(now, at + 1, next, at, now.length - at - 1);
      next[now.length - 1] = failed;
      order = next;
    }
  }
}
