package io.sluice.proxy.conformance;

import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;

/** A socket of the kernel, and the engine's socket of the same properties. */
final class Twin {
  final String name;
  final int fd;
  final long cookie;
  final Socket socket;
  private final Kernel kernel;

  private Twin(Kernel kernel, String name, int fd, Socket socket) {
    this.kernel = kernel;
    this.name = name;
    this.fd = fd;
    this.socket = socket;
    this.cookie = kernel.syscalls.cookie(fd);
  }

  /** What a socket is to be. Port 0 takes any that is free. */
  record Spec(
      String name,
      Protocol protocol,
      IpAddress address,
      int port,
      boolean v6Only,
      Reuse reuse,
      int ifindex) {
    /** Who may share an address. */
    enum Reuse {
      NONE,
      /** SO_REUSEADDR. */
      ADDRESS,
      /** SO_REUSEPORT. */
      PORT
    }

    static Spec of(String name, Protocol protocol, String address) {
      return new Spec(name, protocol, IpAddress.parse(address), 0, false, Reuse.NONE, 0);
    }

    Spec withPort(int number) {
      return new Spec(name, protocol, address, number, v6Only, reuse, ifindex);
    }

    Spec withName(String other) {
      return new Spec(other, protocol, address, port, v6Only, reuse, ifindex);
    }

    Spec onlyIpv6() {
      return new Spec(name, protocol, address, port, true, reuse, ifindex);
    }

    Spec inGroup() {
      return new Spec(name, protocol, address, port, v6Only, Reuse.PORT, ifindex);
    }

    Spec onDevice(int index) {
      return new Spec(name, protocol, address, port, v6Only, reuse, index);
    }
  }

  /** A listening TCP, or bound UDP socket; or the negative errno of its bind or listen. */
  static Object tryBound(Kernel kernel, Spec spec) {
    boolean ipv6 = spec.address.family() == Family.IPV6;
    boolean tcp = spec.protocol == Protocol.TCP;
    int fd = open(kernel, spec.address.family(), spec.protocol);
    if (ipv6) {
      option(kernel, fd, Linux.IPPROTO_IPV6, Linux.IPV6_V6ONLY, spec.v6Only ? 1 : 0);
    }
    switch (spec.reuse) {
      case NONE -> {}
      case ADDRESS -> option(kernel, fd, Linux.SOL_SOCKET, Linux.SO_REUSEADDR, 1);
      case PORT -> option(kernel, fd, Linux.SOL_SOCKET, Linux.SO_REUSEPORT, 1);
    }
    if (spec.ifindex != 0) {
      option(kernel, fd, Linux.SOL_SOCKET, Linux.SO_BINDTOIFINDEX, spec.ifindex);
    }
    int result = kernel.syscalls.bind(fd, new Sockaddr().set(spec.address, spec.port));
    if (result == 0 && tcp) {
      result = kernel.syscalls.listen(fd, 64);
    }
    if (result < 0) {
      kernel.close(fd);
      return result;
    }
    Socket.Builder socket = Socket.bound(spec.protocol, spec.address, local(kernel, fd).port());
    socket.boundIfindex(spec.ifindex).attachment(spec.name);
    return new Twin(kernel, spec.name, fd, (spec.v6Only ? socket.v6Only() : socket).build());
  }

  /**
   * The same, with a port that is asked for by its number: one that the kernel chose is given back
   * when a UDP socket disconnects.
   */
  static Twin bound(Kernel kernel, Spec spec) {
    for (int tries = 0; tries < 10; tries++) {
      if (tryBound(kernel, spec) instanceof Twin free) {
        free.close();
        if (tryBound(kernel, spec.withPort(free.socket.port())) instanceof Twin twin) {
          return twin;
        }
      }
    }
    throw new IllegalStateException("can't bind " + spec);
  }

  /** A TCP socket that connects to a listener: it is established when this returns, or soon. */
  static Twin connectedTo(Kernel kernel, String name, Twin listener) {
    int fd = open(kernel, listener.socket.family(), Protocol.TCP);
    Sockaddr address = new Sockaddr().set(listener.socket.address(), listener.socket.port());
    int result = kernel.syscalls.connect(fd, address);
    if (result != 0 && result != -Linux.EINPROGRESS) {
      Kernel.check("connect", result);
    }
    return established(kernel, name, fd, Protocol.TCP);
  }

  /** The next connection that a listener has. */
  static Twin accepted(Kernel kernel, String name, Twin listener) {
    int fd = -Linux.EAGAIN;
    for (long tries = 0; fd == -Linux.EAGAIN && tries < 10_000_000; tries++) {
      fd = kernel.syscalls.accept(listener.fd, new Sockaddr());
    }
    return established(kernel, name, Kernel.check("accept", fd), Protocol.TCP);
  }

  /** A UDP socket that is bound by connecting only, and to be {@linkplain #disconnect undone}. */
  static Twin autobound(Kernel kernel, String name, IpAddress peer) {
    int fd = open(kernel, peer.family(), Protocol.UDP);
    Kernel.check("connect", kernel.syscalls.connect(fd, new Sockaddr().set(peer, 9)));
    // It has no port once it is disconnected, and only then do programs see it.
    IpAddress any = peer.family() == Family.IPV4 ? IpAddress.ANY_IPV4 : IpAddress.ANY_IPV6;
    return new Twin(
        kernel,
        name,
        fd,
        Socket.bound(Protocol.UDP, any, 0)
            .state(Socket.State.ESTABLISHED)
            .attachment(name)
            .build());
  }

  private static Twin established(Kernel kernel, String name, int fd, Protocol protocol) {
    Sockaddr local = local(kernel, fd);
    IpAddress address = IpAddress.of(local.ipFamily(), local.high(), local.low());
    Socket.Builder socket = Socket.bound(protocol, address, local.port());
    return new Twin(
        kernel, name, fd, socket.state(Socket.State.ESTABLISHED).attachment(name).build());
  }

  private static int open(Kernel kernel, Family family, Protocol protocol) {
    int type = protocol == Protocol.TCP ? Linux.SOCK_STREAM : Linux.SOCK_DGRAM;
    return Kernel.check("socket", kernel.syscalls.socket(family.number(), type));
  }

  private static void option(Kernel kernel, int fd, int level, int name, int value) {
    Kernel.check("option " + name, kernel.syscalls.setOption(fd, level, name, value));
  }

  private static Sockaddr local(Kernel kernel, int fd) {
    Sockaddr address = new Sockaddr();
    Kernel.check("getsockname", kernel.syscalls.localAddress(fd, address));
    return address;
  }

  /** Where it is bound now. */
  Sockaddr local() {
    return local(kernel, fd);
  }

  /** A TCP socket that one can connect to. */
  boolean listens() {
    return socket.protocol() == Protocol.TCP && socket.takesNew();
  }

  /** A UDP socket that is open, connected or not. */
  boolean takesDatagrams() {
    return socket.protocol() == Protocol.UDP && !socket.isClosed();
  }

  /** A listener stops to listen, and stays open. */
  void shut() {
    Kernel.check("shutdown", kernel.syscalls.shutdown(fd, Linux.SHUT_RD));
    socket.state(Socket.State.CLOSE);
  }

  /** A UDP socket takes from one peer only. */
  void connect(IpAddress peer, int port) {
    Kernel.check("connect", kernel.syscalls.connect(fd, new Sockaddr().set(peer, port)));
    socket.state(Socket.State.ESTABLISHED);
  }

  /** A UDP socket takes from anybody again. */
  void disconnect() {
    Kernel.check("disconnect", kernel.syscalls.connect(fd, new Sockaddr().setUnspecified()));
    socket.state(Socket.State.CLOSE);
  }

  void close() {
    if (!socket.isClosed()) {
      kernel.close(fd);
      socket.close();
    }
  }

  @Override
  public String toString() {
    return name
        + " ("
        + socket
        + (socket.isV6Only() ? " v6only" : "")
        + (socket.group() == null ? "" : " in " + System.identityHashCode(socket.group()))
        + " dev "
        + socket.boundIfindex()
        + ") "
        + socket.state()
        + (socket.isClosed() ? " closed" : "");
  }
}
