package io.sluice.proxy.offload;

import io.sluice.config.TargetAddress;
import io.sluice.proxy.health.Endpoint;
import io.sluice.proxy.kernel.TargetFinder;
import io.sluice.proxy.kernel.TargetMaps;
import io.sluice.proxy.linux.Routes;
import io.sluice.proxy.target.OffloadState;
import io.sluice.proxy.target.OffloadState.Kind;
import io.sluice.proxy.target.Target;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import org.jspecify.annotations.Nullable;

/**
 * A target with a slot in the kernel, or the reason why it has none. Its slot holds its listening
 * socket while it is up and listens on this machine. Called by one thread at a time.
 */
final class SteeredTarget {
  private static final int NO_SLOT = -1;
  private static final OffloadState REMOTE =
      OffloadState.not(Kind.REMOTE, "it is not on this machine");
  private static final OffloadState ABSENT =
      OffloadState.not(Kind.ABSENT, "nobody listens there at the moment");
  private static final OffloadState CAPTURED =
      OffloadState.not(Kind.UNSUPPORTED, "another socket gets what is sent there");
  private static final OffloadState MULTIPATH =
      OffloadState.not(Kind.UNSUPPORTED, "its socket is of Multipath TCP");
  private static final OffloadState REFUSED =
      OffloadState.not(Kind.UNSUPPORTED, "the kernel refuses to look for its socket");

  private final Target target;
  private final @Nullable String obstacle;
  private final int slot;
  private OffloadState state = OffloadState.OFF;
  private long cookie;

  /**
   * A target.
   *
   * @param slot for it alone
   */
  SteeredTarget(Target target, int slot) {
    this.target = target;
    this.obstacle = null;
    this.slot = slot;
  }

  /** One that the relay has always. */
  SteeredTarget(Target target, String obstacle) {
    this.target = target;
    this.obstacle = obstacle;
    this.slot = NO_SLOT;
  }

  /** The same place in the kernel for the same target of another snapshot. */
  SteeredTarget with(Target next) {
    SteeredTarget same = new SteeredTarget(next, slot);
    same.state = state;
    same.cookie = cookie;
    return same;
  }

  /** Its slot; negative if it has none. */
  int slot() {
    return slot;
  }

  Target target() {
    return target;
  }

  OffloadState state() {
    return state;
  }

  /** The slot that connections find its socket in; negative if the relay gets them. */
  int slotInUse() {
    return switch (state.kind()) {
      case OFFLOADED, ABSENT -> slot;
      case OFF, UNSUPPORTED, REMOTE, OUT -> NO_SLOT;
    };
  }

  /**
   * Looks at it, and fills or empties its slot.
   *
   * @param thoroughly whether to ask a socket that is there whether it still takes connections
   * @param connected told if the relay connects to it while nobody listens
   */
  void look(
      TargetMaps maps, TargetFinder finder, Routes routes, boolean thoroughly, Runnable connected) {
    OffloadState found = found(maps, finder, routes, thoroughly);
    if (slot >= 0 && cookie != 0 && !found.isOffloaded()) {
      maps.empty(slot);
      cookie = 0;
    }
    if (found.kind() == Kind.ABSENT) {
      for (Endpoint endpoint : target.endpoints()) {
        endpoint.whenConnected(connected);
      }
    }
    state = found;
  }

  private OffloadState found(
      TargetMaps maps, TargetFinder finder, Routes routes, boolean thoroughly) {
    if (obstacle != null || !(target.spec().address() instanceof TargetAddress.Ip ip)) {
      return OffloadState.not(Kind.OFF, String.valueOf(obstacle));
    }
    IpAddress address = ip.address();
    if (target.spec().share() == 0 || target.endpoints().stream().anyMatch(Endpoint::isHeld)) {
      return out();
    }
    if (!routes.leadHere(address.family(), address.high(), address.low(), false)) {
      return REMOTE;
    }
    long now = cookie == 0 ? 0 : maps.cookie(slot);
    if (now != 0 && now == cookie && target.isUp() && !thoroughly) {
      return state;
    }
    boolean isSought = now == 0 || !target.isUp();
    TargetFinder.Found found =
        isSought ? finder.find(address, ip.port(), slot) : TargetFinder.Found.REGISTERED;
    if (!target.isUp()) {
      if (found != TargetFinder.Found.REGISTERED) {
        return out();
      }
      // As good as a connection: one that asks for it would be made.
      target.endpoints().forEach(Endpoint::succeeded);
      if (!target.isUp()) {
        return out();
      }
    }
    cookie = found == TargetFinder.Found.REGISTERED ? maps.cookie(slot) : 0;
    return switch (found) {
      case REGISTERED -> registered(finder);
      case ABSENT -> ABSENT;
      case OTHERS -> CAPTURED;
      case UNSUPPORTED -> MULTIPATH;
      case REFUSED -> REFUSED;
    };
  }

  private OffloadState out() {
    return OffloadState.not(Kind.OUT, "its state is " + target.status().state().word());
  }

  private OffloadState registered(TargetFinder finder) {
    boolean ipv4 = finder.takes(slot, Family.IPV4);
    boolean ipv6 = finder.takes(slot, Family.IPV6);
    return ipv4 || ipv6 ? new OffloadState(Kind.OFFLOADED, "", ipv4, ipv6) : ABSENT;
  }
}
