package io.sluice.proxy.flow;

import io.sluice.proxy.capture.Captured;
import io.sluice.proxy.flow.Eviction.Shortage;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.loop.Descriptors;
import io.sluice.proxy.loop.Share;
import io.sluice.proxy.target.OwnSources;
import io.sluice.proxy.target.Target;
import io.sluice.proxy.target.Upstreams;
import io.sluice.steering.DropReason;
import io.sluice.steering.Family;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import org.jspecify.annotations.Nullable;

/**
 * Opens the connected sockets of one loop's flows, within UDP's shares of descriptors and local
 * ports, and closes them. Called on its loop only; allocates nothing per socket but what {@link
 * OwnSources} needs.
 *
 * <p>When the machine has no port left all the same, because others hold them, connect(2) has
 * searched the whole range in vain. Then for {@value #PAUSE_MILLIS} ms no more is asked for.
 */
final class FlowSockets {
  private static final long PAUSE_MILLIS = 100;

  private final Syscalls syscalls;
  private final Upstreams upstreams;
  private final OwnSources ownSources;
  private final Captured captured;
  private final Sockaddr remote = new Sockaddr();
  private final Sockaddr local = new Sockaddr();
  private @Nullable Shortage shortage;
  private DropReason refusal = DropReason.CONNECT_ERROR;
  private int searchesInVain;
  private long searchesAgainMillis;

  FlowSockets(Syscalls syscalls, OwnSources ownSources, Captured captured) {
    this.syscalls = syscalls;
    this.upstreams = new Upstreams(syscalls);
    this.ownSources = ownSources;
    this.captured = captured;
  }

  /** Where the next socket is to be connected to. */
  Sockaddr remote() {
    return remote;
  }

  /** The share that a flow's port to this target is of; null if it is the client's own port. */
  @Nullable Share ports(Target target) {
    return upstreams.ports(target);
  }

  /**
   * Opens a socket that is connected to {@link #remote}.
   *
   * @return a descriptor; or a negative errno: then {@link #shortage} and {@link #refusal} say more
   */
  int open(Target target, LookupContext context, long nowMillis) {
    shortage = null;
    Share ports = upstreams.ports(target);
    if (ports != null && !ports.tryTake(1)) {
      return tooFew(Shortage.PORTS, -Linux.EAGAIN);
    }
    int fd = openWithPort(target, context, ports, nowMillis);
    if (fd < 0 && ports != null) {
      ports.give(1);
    }
    return fd;
  }

  private int openWithPort(
      Target target, LookupContext context, @Nullable Share ports, long nowMillis) {
    if (nowMillis < searchesAgainMillis) {
      refusal = DropReason.NO_SOURCE_PORT;
      return -Linux.EAGAIN;
    }
    if (!Descriptors.udp().tryTake(1)) {
      return tooFew(Shortage.DESCRIPTORS, -Linux.EMFILE);
    }
    int fd = upstreams.open(Linux.SOCK_DGRAM, target, context, remote, false);
    if (fd >= 0 && Descriptors.isReserved(fd)) {
      int _ = syscalls.close(fd);
      Descriptors.udp().give(1);
      return tooFew(Shortage.DESCRIPTORS, -Linux.EMFILE);
    }
    if (fd < 0) {
      Descriptors.udp().give(1);
      return failed(fd, ports, nowMillis);
    }
    searchesInVain = 0;
    // Tells of every ICMP error, also of those that may pass, like "host unreachable" (ip(7)).
    int _ =
        remote.ipFamily() == Family.IPV4
            ? syscalls.setOption(fd, Linux.IPPROTO_IP, Linux.IP_RECVERR, 1)
            : syscalls.setOption(fd, Linux.IPPROTO_IPV6, Linux.IPV6_RECVERR, 1);
    return fd;
  }

  private int failed(int result, @Nullable Share ports, long nowMillis) {
    refusal = upstreams.refusal();
    if (result == -Linux.EMFILE || result == -Linux.ENFILE) {
      return tooFew(Shortage.DESCRIPTORS, result);
    }
    if (refusal != DropReason.NO_SOURCE_PORT || ports == null) {
      return result;
    }
    if (++searchesInVain == 2) { // the second one followed flows that made room
      searchesInVain = 0;
      searchesAgainMillis = nowMillis + PAUSE_MILLIS;
    }
    return tooFew(Shortage.PORTS_OF_THE_MACHINE, result);
  }

  private int tooFew(Shortage what, int result) {
    shortage = what;
    refusal = what == Shortage.DESCRIPTORS ? DropReason.NO_DESCRIPTORS : DropReason.NO_SOURCE_PORT;
    return result;
  }

  /** What was short when {@link #open} failed last; null if it was something else. */
  @Nullable Shortage shortage() {
    return shortage;
  }

  /** What it comes to that {@link #open} failed last. */
  DropReason refusal() {
    return refusal;
  }

  /** Notes where the flow whose socket was opened last sends from, if that could come back. */
  OwnSources.@Nullable Source note(int fd, Target target) {
    boolean mayLoop =
        upstreams.mayReturn()
            && captured.contains(
                Protocol.UDP, remote.ipFamily(), remote.high(), remote.low(), remote.port());
    if (!mayLoop || syscalls.localAddress(fd, local) < 0) {
      return null;
    }
    return target.isTransparent()
        ? ownSources.addTransparent(Protocol.UDP, local, remote)
        : ownSources.add(Protocol.UDP, local);
  }

  /** Whether a client's address and port is captured itself: answers to it come back to us. */
  boolean isCaptured(FlowKey client) {
    return captured.contains(
        Protocol.UDP,
        client.family(),
        client.clientHigh(),
        client.clientLow(),
        client.clientPort());
  }

  /** Notes that what we send to such a client is our own. */
  OwnSources.Source noteReplies(FlowKey client) {
    return ownSources.add(
        new OwnSources.Source(
            Protocol.UDP,
            client.family(),
            client.localHigh(),
            client.localLow(),
            client.localPort(),
            client.clientHigh(),
            client.clientLow(),
            client.clientPort()));
  }

  /** Takes back what was noted. */
  void forget(OwnSources.@Nullable Source noted) {
    if (noted != null) {
      ownSources.remove(noted);
    }
  }

  /** Closes a flow's socket, and gives back its shares. */
  void close(Flow flow) {
    int _ = syscalls.close(flow.upstream());
    Descriptors.udp().give(1);
    if (flow.ports != null) {
      flow.ports.give(1);
    }
  }
}
