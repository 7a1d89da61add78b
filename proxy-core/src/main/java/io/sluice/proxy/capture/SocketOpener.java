package io.sluice.proxy.capture;

import io.sluice.proxy.arrival.Arrival;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.steering.Family;
import io.sluice.steering.Protocol;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes and binds the sockets of captures. Each call answers a negative errno if it can't. */
public final class SocketOpener {
  private static final Logger log = LoggerFactory.getLogger(SocketOpener.class);
  private static final int BACKLOG = 4096; // the kernel takes the lesser of this and somaxconn
  private static final int RECEIVE_BUFFER_BYTES = 4 << 20;

  private final Syscalls syscalls;
  private final Sockaddr sockaddr = new Sockaddr();

  public SocketOpener(Syscalls syscalls) {
    this.syscalls = syscalls;
  }

  /**
   * Whether there are IPv6 sockets: a machine may have been booted without (ipv6.disable=1), and
   * systemd may refuse them (RestrictAddressFamilies=).
   */
  static boolean hasIpv6(Syscalls syscalls) {
    int fd = syscalls.socket(Linux.AF_INET6, Linux.SOCK_DGRAM);
    if (fd >= 0) {
      int _ = syscalls.close(fd);
    }
    return fd != -Linux.EAFNOSUPPORT;
  }

  /**
   * Binds without SO_REUSEPORT, and lets go again: otherwise a second daemon of the same user would
   * silently share the port.
   */
  public int probe(CapturePlan.Key key) {
    int fd = socket(key, false);
    if (fd < 0) {
      return fd;
    }
    int result = bind(fd, key, key.port());
    if (result >= 0 && key.protocol() == Protocol.TCP) {
      result = syscalls.listen(fd, 1);
    }
    int _ = syscalls.close(fd);
    return result;
  }

  /**
   * A member of the reuseport group of an address and port, bound, and listening if it is TCP.
   *
   * @param port the key's, or the group's if the key leaves it open
   */
  int open(CapturePlan.Key key, int port) {
    int fd = socket(key, true);
    if (fd < 0) {
      return fd;
    }
    int result = bind(fd, key, port);
    if (result >= 0 && key.protocol() == Protocol.TCP) {
      result = syscalls.listen(fd, BACKLOG);
    }
    if (result < 0) {
      int _ = syscalls.close(fd);
      return result;
    }
    return fd;
  }

  /** The port that a socket is bound to. */
  int port(int fd) {
    int result = syscalls.localAddress(fd, sockaddr);
    return result < 0 ? result : sockaddr.port();
  }

  /**
   * Binds, also to an address that no interface has: a local route is enough, and one may come
   * later. (For IPv6, the kernel doesn't count the addresses of a local route as its own.)
   */
  private int bind(int fd, CapturePlan.Key key, int port) {
    int result = syscalls.bind(fd, sockaddr.set(key.address(), port));
    if (result == -Linux.EADDRNOTAVAIL) {
      setFreebind(fd, key.family());
      result = syscalls.bind(fd, sockaddr.set(key.address(), port));
    }
    return result;
  }

  private void setFreebind(int fd, Family family) {
    option(fd, family, Linux.IP_FREEBIND, Linux.IPV6_FREEBIND);
  }

  private int socket(CapturePlan.Key key, boolean shared) {
    boolean tcp = key.protocol() == Protocol.TCP;
    int fd = syscalls.socket(key.family().number(), tcp ? Linux.SOCK_STREAM : Linux.SOCK_DGRAM);
    if (fd < 0) {
      return fd;
    }
    if (key.family() == Family.IPV6) {
      option(fd, Linux.IPPROTO_IPV6, Linux.IPV6_V6ONLY, key.isOfBothFamilies() ? 0 : 1);
    }
    if (shared) {
      option(fd, Linux.SOL_SOCKET, Linux.SO_REUSEPORT, 1);
    }
    if (key.arrival() == Arrival.TPROXY) {
      option(fd, key.family(), Linux.IP_TRANSPARENT, Linux.IPV6_TRANSPARENT);
    }
    if (tcp) {
      option(fd, Linux.SOL_SOCKET, Linux.SO_REUSEADDR, 1);
      prepareTcp(fd);
    } else {
      prepareUdp(fd, key.family(), key.arrival());
      if (key.isOfBothFamilies()) { // of IPv4, IPV6_ORIGDSTADDR tells nothing
        option(fd, Linux.IPPROTO_IP, Linux.IP_ORIGDSTADDR, 1);
      }
    }
    return fd;
  }

  /** What a listening socket of anybody's needs to be ours. */
  void prepareTcp(int fd) {
    option(fd, Linux.IPPROTO_TCP, Linux.TCP_NODELAY, 1); // accepted sockets inherit it
  }

  /** What a datagram socket of anybody's needs to be ours. */
  void prepareUdp(int fd, Family family, Arrival arrival) {
    option(fd, Linux.SOL_SOCKET, Linux.SO_RCVBUF, RECEIVE_BUFFER_BYTES);
    option(fd, family, Linux.IP_PKTINFO, Linux.IPV6_RECVPKTINFO);
    setFreebind(fd, family); // replies leave from any address that was asked
    if (arrival.isSteered()) {
      option(fd, family, Linux.IP_ORIGDSTADDR, Linux.IPV6_ORIGDSTADDR);
    }
  }

  private void option(int fd, Family family, int ipv4, int ipv6) {
    boolean isIpv4 = family == Family.IPV4;
    option(fd, isIpv4 ? Linux.IPPROTO_IP : Linux.IPPROTO_IPV6, isIpv4 ? ipv4 : ipv6, 1);
  }

  private void option(int fd, int level, int name, int value) {
    int result = syscalls.setOption(fd, level, name, value);
    if (result < 0) {
      log.warn(
          "socket option refused level={} name={} errno={}", level, name, Linux.errnoName(-result));
    }
  }
}
