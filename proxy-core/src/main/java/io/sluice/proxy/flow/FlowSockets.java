package io.sluice.proxy.flow;

import io.sluice.proxy.connect.Attempt;
import io.sluice.proxy.connect.Upstreams;
import io.sluice.proxy.flow.Eviction.Shortage;
import io.sluice.proxy.health.Endpoint;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.loop.Descriptors;
import io.sluice.proxy.loop.Share;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.target.Target;
import io.sluice.steering.Family;
import io.sluice.steering.LookupContext;
import org.jspecify.annotations.Nullable;

/**
 * Opens the connected sockets of one loop's flows, within UDP's shares of descriptors and local
 * ports, and closes them. Called on its loop only; allocates nothing.
 *
 * <p>When the machine has no port left all the same, because others hold them, connect(2) has
 * searched the whole range for nothing. Then for {@value #PAUSE_MILLIS} ms no more is asked for.
 */
final class FlowSockets {
  private static final long PAUSE_MILLIS = 100;

  private final Syscalls syscalls;
  private final Upstreams upstreams;
  private @Nullable Shortage shortage;
  private Refusal refusal = Refusal.CONNECT_ERROR;
  private int errno;
  private int searchesInVain;
  private long searchesAgainMillis;

  FlowSockets(Syscalls syscalls) {
    this.syscalls = syscalls;
    this.upstreams = new Upstreams(syscalls);
  }

  /** The share that a flow's port to this target is of; null if it is the client's own port. */
  @Nullable Share ports(Target target) {
    return upstreams.ports(target);
  }

  /**
   * Opens a socket that is connected to a target.
   *
   * @param hasRoom whether a flow has just ended for this one: then it has that one's place, even
   *     if another loop was quicker to take what became free
   * @return what came of it; null if there is none: then {@link #shortage} and {@link #refusal} say
   *     more
   */
  @Nullable Attempt open(Target target, LookupContext context, boolean hasRoom, long nowMillis) {
    shortage = null;
    errno = 0;
    Share ports = upstreams.ports(target);
    if (ports != null && !takeOne(ports, hasRoom)) {
      return tooFew(Shortage.PORTS, Refusal.NO_SOURCE_PORT);
    }
    Attempt made = openWithPort(target, context, ports, hasRoom, nowMillis);
    if (made == null && ports != null) {
      ports.give(1);
    }
    return made;
  }

  private static boolean takeOne(Share share, boolean hasRoom) {
    if (hasRoom) {
      share.take(1);
      return true;
    }
    return share.tryTake(1);
  }

  private @Nullable Attempt openWithPort(
      Target target,
      LookupContext context,
      @Nullable Share ports,
      boolean hasRoom,
      long nowMillis) {
    if (nowMillis < searchesAgainMillis) {
      refusal = Refusal.NO_SOURCE_PORT;
      return null;
    }
    if (!takeOne(Descriptors.udp(), hasRoom)) {
      return tooFew(Shortage.DESCRIPTORS, Refusal.NO_DESCRIPTORS);
    }
    Attempt made = upstreams.openFlow(target, context);
    if (!made.isOpen()) {
      Descriptors.udp().give(1);
      return failed(made, ports, nowMillis);
    }
    int fd = made.descriptor();
    if (Descriptors.isReserved(fd)) {
      closeDescriptor(fd);
      return tooFew(Shortage.DESCRIPTORS, Refusal.NO_DESCRIPTORS);
    }
    searchesInVain = 0;
    // Tells of every ICMP error, also of those that may pass, like "host unreachable" (ip(7)).
    int _ =
        made.remote().ipFamily() == Family.IPV4
            ? syscalls.setOption(fd, Linux.IPPROTO_IP, Linux.IP_RECVERR, 1)
            : syscalls.setOption(fd, Linux.IPPROTO_IPV6, Linux.IPV6_RECVERR, 1);
    return made;
  }

  private @Nullable Attempt failed(Attempt made, @Nullable Share ports, long nowMillis) {
    refusal = made.reason();
    errno = made.errno();
    if (errno == Linux.EMFILE || errno == Linux.ENFILE) {
      return tooFew(Shortage.DESCRIPTORS, Refusal.NO_DESCRIPTORS);
    }
    Endpoint endpoint = made.endpoint();
    if (refusal == Refusal.CONNECT_ERROR && endpoint != null) {
      endpoint.failed(refusal); // the other reasons say nothing about it
    }
    if (refusal != Refusal.NO_SOURCE_PORT || ports == null) {
      return null;
    }
    if (++searchesInVain == 2) { // the second one followed flows that made room
      searchesInVain = 0;
      searchesAgainMillis = nowMillis + PAUSE_MILLIS;
    }
    return tooFew(Shortage.PORTS_OF_THE_MACHINE, Refusal.NO_SOURCE_PORT);
  }

  private @Nullable Attempt tooFew(Shortage what, Refusal reason) {
    shortage = what;
    refusal = reason;
    return null;
  }

  /** What was short when {@link #open} failed last; null if it was something else. */
  @Nullable Shortage shortage() {
    return shortage;
  }

  /** Why {@link #open} failed last: the reason under which the datagram is refused. */
  Refusal refusal() {
    return refusal;
  }

  /** What the kernel answered then, positive; 0 if it wasn't asked. */
  int errno() {
    return errno;
  }

  /** Counts a socket that another daemon had opened, whether there is room for it or not. */
  @Nullable Share adopt(Target target) {
    Share ports = upstreams.ports(target);
    if (ports != null) {
      ports.take(1);
    }
    Descriptors.udp().take(1);
    return ports;
  }

  /** Closes a flow's socket, and gives back its shares. */
  void close(Flow flow) {
    flow.closeDescriptor();
    Descriptors.udp().give(1);
    if (flow.ports != null) {
      flow.ports.give(1);
    }
  }

  private void closeDescriptor(int fd) {
    int _ = syscalls.close(fd);
    Descriptors.udp().give(1);
  }
}
