package io.sluice.proxy.connect;

import io.sluice.config.SourceSpec;
import io.sluice.proxy.health.Endpoint;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Routes;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.linux.Sysctl;
import io.sluice.proxy.loop.Share;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.target.SourceAddresses;
import io.sluice.proxy.target.Target;
import io.sluice.steering.Family;
import io.sluice.steering.LookupContext;
import io.sluice.steering.PortRange;
import org.jspecify.annotations.Nullable;

/**
 * Opens the sockets towards targets for one event loop: makes one, binds it as the destination's
 * {@code source} says, and connects it. Called on its loop only; allocates nothing.
 *
 * <p>TCP sockets with own addresses leave the port to connect(2) (IP_BIND_ADDRESS_NO_PORT), so that
 * a port serves towards each target once; bind(2) would give each port away once for all of them.
 * UDP has no such thing: there, each address has its ports once.
 */
public final class Upstreams {
  /** How many addresses of a source are tried for one connection; each may cost a search. */
  static final int MOST_TRIES = 16;

  private static final int NO_CLIENT = -1;

  /**
   * The ports of flows whose address the kernel chooses. A UDP socket's port is its own on the
   * whole machine until it is connected, so they share one range, half of which is others'.
   */
  private static final Share KERNEL_PORTS =
      new Share(Math.max(1, Sysctl.ephemeralPorts().size() / 2L));

  private final Syscalls syscalls;
  private final Sockaddr local = new Sockaddr();
  private final PortRange ephemeral = Sysctl.ephemeralPorts();
  private final Attempt attempt = new Attempt();
  private final Routes routes;

  public Upstreams(Syscalls syscalls) {
    this.syscalls = syscalls;
    this.routes = new Routes(syscalls);
  }

  /** The share that a flow's port to this target is of; null if it is the client's own port. */
  public @Nullable Share ports(Target target) {
    return switch (target.destination().spec().source()) {
      case SourceSpec.Kernel _ -> KERNEL_PORTS;
      case SourceSpec.Addresses _ -> target.destination().sources().ports();
      case SourceSpec.Transparent _ -> null;
    };
  }

  /**
   * Opens a datagram socket for a client's flow, and connects it.
   *
   * @param context the lookup, which knows the client
   * @return what came of it, until the next one
   */
  public Attempt openFlow(Target target, LookupContext context) {
    return open(Linux.SOCK_DGRAM, target, context, NO_CLIENT);
  }

  /**
   * Opens a stream socket for a client's connection, and connects it, or begins to.
   *
   * @param context the lookup, which knows the client
   * @param client the client's own socket
   * @return what came of it, until the next one
   */
  public Attempt openStream(Target target, LookupContext context, int client) {
    return open(Linux.SOCK_STREAM, target, context, client);
  }

  private Attempt open(int type, Target target, LookupContext context, int client) {
    Sockaddr remote = attempt.start().remote();
    Endpoint endpoint = target.endpoint(context, remote);
    attempt.endpoint(endpoint);
    if (endpoint == null) {
      return attempt.failed(Refusal.NO_TARGET, 0);
    }
    if (remote.family() == Linux.AF_UNIX) {
      return connect(syscalls.socket(Linux.AF_UNIX, type), type, remote);
    }
    return switch (target.destination().spec().source()) {
      case SourceSpec.Kernel _ -> connect(syscalls.socket(remote.family(), type), type, remote);
      case SourceSpec.Transparent _ ->
          transparent(type, context, remote, isRedirected(client, context));
      case SourceSpec.Addresses _ -> inTurn(type, target.destination().sources(), remote);
    };
  }

  /**
   * Whether connection tracking leads this client's connection from where it wanted to go to us:
   * the same from the same port would be led here as well. Its socket has another local end then.
   */
  private boolean isRedirected(int client, LookupContext context) {
    if (client == NO_CLIENT || context.isAnnounced() || syscalls.localAddress(client, local) < 0) {
      return false;
    }
    local.unmap();
    return local.port() != context.localPort()
        || local.low() != context.localLow()
        || local.high() != context.localHigh();
  }

  // ---- from the client's address

  private Attempt transparent(
      int type, LookupContext context, Sockaddr remote, boolean isRedirected) {
    if (remote.ipFamily() != context.family()) {
      return attempt.failed(Refusal.NO_SOURCE_ADDRESS, -Linux.EAFNOSUPPORT);
    }
    boolean isWanted =
        remote.high() == context.localHigh()
            && remote.low() == context.localLow()
            && remote.port() == context.localPort();
    if (isWanted && routes.leadHere(remote.ipFamily(), remote.high(), remote.low(), false)) {
      return attempt.failed(Refusal.LOOP, -Linux.ELOOP);
    }
    boolean keepsPort = !(isWanted && isRedirected);
    if (isWanted && keepsPort && !context.isAnnounced()) { // other packets have not come in
      attempt.cannotReturn();
    }
    Attempt its = fromClient(type, context, keepsPort ? context.remotePort() : 0, remote);
    return keepsPort && !its.isOpen() && its.reason() == Refusal.NO_SOURCE_PORT
        ? fromClient(type, context, 0, remote) // its port is taken, or a privileged one
        : its;
  }

  private Attempt fromClient(int type, LookupContext context, int port, Sockaddr remote) {
    int fd = syscalls.socket(remote.family(), type);
    if (fd < 0) {
      return noSocket(fd);
    }
    int result = setTransparent(syscalls, fd, context.family());
    if (result < 0) {
      return giveUp(fd, Refusal.NO_SOURCE_ADDRESS, result);
    }
    boolean isLeftToConnect = type == Linux.SOCK_STREAM && leavePortToConnect(fd, port);
    if (type == Linux.SOCK_STREAM && !isLeftToConnect) {
      // Connections of one client port to several targets, and those that have just ended.
      int _ = syscalls.setOption(fd, Linux.SOL_SOCKET, Linux.SO_REUSEADDR, 1);
    }
    local.set(
        context.family(), context.remoteHigh(), context.remoteLow(), isLeftToConnect ? 0 : port);
    return bindAndConnect(fd, type, remote);
  }

  /**
   * Has connect(2) take the port. One of the machine's ephemeral ports that bind(2) took would be
   * lost for every connect(2) of the machine, and clients' ports are mostly such.
   *
   * @param port 0 for any
   * @return false if only bind(2) can take this port
   */
  private boolean leavePortToConnect(int fd, int port) {
    boolean isBound =
        port != 0
            && (!ephemeral.contains(port)
                || syscalls.setOption(
                        fd, Linux.IPPROTO_IP, Linux.IP_LOCAL_PORT_RANGE, port << 16 | port)
                    < 0); // before Linux 6.3
    return !isBound
        && syscalls.setOption(fd, Linux.IPPROTO_IP, Linux.IP_BIND_ADDRESS_NO_PORT, 1) >= 0;
  }

  /** Lets a socket bind to an address that isn't this machine's (ip(7), ipv6(7)). */
  public static int setTransparent(Syscalls syscalls, int fd, Family family) {
    return family == Family.IPV4
        ? syscalls.setOption(fd, Linux.IPPROTO_IP, Linux.IP_TRANSPARENT, 1)
        : syscalls.setOption(fd, Linux.IPPROTO_IPV6, Linux.IPV6_TRANSPARENT, 1);
  }

  // ---- from own addresses

  private Attempt inTurn(int type, SourceAddresses sources, Sockaddr remote) {
    Family family = remote.ipFamily();
    long count = sources.count(family);
    if (count == 0) {
      return attempt.failed(Refusal.NO_SOURCE_ADDRESS, -Linux.EAFNOSUPPORT);
    }
    long turn = sources.next();
    int outOfPorts = 0;
    for (int i = 0; i < Math.min(count, MOST_TRIES); i++) {
      if (fromOwn(type, sources, family, turn + i, remote).isOpen()) {
        return attempt;
      }
      switch (attempt.reason()) {
        case NO_SOURCE_PORT -> outOfPorts = -attempt.errno();
        case NO_SOURCE_ADDRESS -> {}
        default -> {
          return attempt; // no other address would change it
        }
      }
    }
    return outOfPorts < 0
        ? attempt.failed(Refusal.NO_SOURCE_PORT, outOfPorts) // they come back; addresses may not
        : attempt;
  }

  private Attempt fromOwn(
      int type, SourceAddresses sources, Family family, long turn, Sockaddr remote) {
    int fd = syscalls.socket(remote.family(), type);
    if (fd < 0) {
      return noSocket(fd);
    }
    boolean isOfPrefix = sources.write(family, turn, local);
    if (isOfPrefix && family == Family.IPV6) {
      // Of a whole prefix, interfaces have few addresses: a local route covers it. For IPv4, bind
      // takes that for an own address, for IPv6 not.
      int _ = syscalls.setOption(fd, Linux.IPPROTO_IPV6, Linux.IPV6_FREEBIND, 1);
    }
    if (type == Linux.SOCK_STREAM) {
      int _ = syscalls.setOption(fd, Linux.IPPROTO_IP, Linux.IP_BIND_ADDRESS_NO_PORT, 1);
    } else {
      int first = ephemeral.first();
      int last = first + Math.max(1, ephemeral.size() / 2) - 1;
      // Before Linux 6.3 there is no such option: then other programs may miss ports.
      int _ =
          syscalls.setOption(fd, Linux.IPPROTO_IP, Linux.IP_LOCAL_PORT_RANGE, last << 16 | first);
    }
    return bindAndConnect(fd, type, remote);
  }

  // ---- either way

  private Attempt bindAndConnect(int fd, int type, Sockaddr remote) {
    int result = syscalls.bind(fd, local);
    if (result < 0) {
      boolean isPort = result == -Linux.EADDRINUSE || result == -Linux.EACCES;
      return giveUp(fd, isPort ? Refusal.NO_SOURCE_PORT : Refusal.NO_SOURCE_ADDRESS, result);
    }
    return connect(fd, type, remote);
  }

  /**
   * Connects a socket.
   *
   * @param fd what socket(2) answered
   */
  private Attempt connect(int fd, int type, Sockaddr remote) {
    if (fd < 0) {
      return noSocket(fd);
    }
    int result = syscalls.connect(fd, remote);
    return switch (-result) {
      case 0 -> attempt.opened(fd, Attempt.State.CONNECTED);
      // Interrupted, it goes on by itself, as connect(2) says.
      case Linux.EINPROGRESS, Linux.EINTR -> attempt.opened(fd, Attempt.State.CONNECTING);
      default -> {
        Attempt failed = giveUp(fd, connectFailure(type, -result), result);
        boolean isFull = result == -Linux.EAGAIN && remote.family() == Linux.AF_UNIX;
        yield isFull && type == Linux.SOCK_STREAM ? attempt.busy() : failed;
      }
    };
  }

  private static Refusal connectFailure(int type, int errno) {
    // A datagram socket takes its port like bind(2) does, and says EAGAIN when there is none.
    return errno == Linux.EAGAIN && type == Linux.SOCK_DGRAM
        ? Refusal.NO_SOURCE_PORT
        : reason(errno);
  }

  /**
   * What a connection came to that was not made.
   *
   * @param errno positive: what connect(2) or SO_ERROR said
   */
  public static Refusal reason(int errno) {
    return switch (errno) {
      case Linux.ECONNREFUSED -> Refusal.CONNECT_REFUSED;
      case Linux.ETIMEDOUT -> Refusal.CONNECT_TIMEOUT;
      case Linux.EADDRNOTAVAIL -> Refusal.NO_SOURCE_PORT;
      default -> Refusal.CONNECT_ERROR;
    };
  }

  private Attempt noSocket(int result) {
    return switch (-result) {
      case Linux.EMFILE, Linux.ENFILE, Linux.ENOMEM, Linux.ENOBUFS ->
          attempt.failed(Refusal.NO_DESCRIPTORS, result);
      default -> attempt.failed(Refusal.CONNECT_ERROR, result); // such as a machine without IPv6
    };
  }

  private Attempt giveUp(int fd, Refusal reason, int result) {
    int _ = syscalls.close(fd);
    return attempt.failed(reason, result);
  }
}
