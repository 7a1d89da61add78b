package io.sluice.proxy.capture;

import io.sluice.config.CaptureSpec;
import io.sluice.proxy.arrival.Arrival;
import io.sluice.proxy.arrival.CaptureSocket;
import io.sluice.proxy.arrival.Captured;
import io.sluice.proxy.handover.HandedSocket;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.PortRange;
import io.sluice.steering.Protocol;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The sockets that whoever started this process had opened for it, as systemd does: descriptors
 * from 3 on, LISTEN_FDS of them, named by LISTEN_FDNAMES, for the process LISTEN_PID
 * (sd_listen_fds(3)).
 *
 * <p>Those of a capture have its name, or its {@code fdName}. The originals stay open, so that a
 * later reload may take them again.
 */
final class InheritedSockets {
  private static final int FIRST_FD = 3;
  private static final int MOST = 1024;

  private final List<Inherited> sockets;
  private final String why;

  /**
   * One of them.
   *
   * @param wrong what keeps it from being used; empty if nothing does
   */
  record Inherited(
      int fd, String name, Protocol protocol, IpAddress address, int port, String wrong) {
    Arrival arrival() {
      return address.isWildcard() ? Arrival.WILDCARD : Arrival.BOUND;
    }

    CaptureSocket capture(int fd, Captured captured) {
      return new CaptureSocket(fd, protocol, address, port, arrival(), true, captured);
    }

    @Override
    public String toString() {
      return "the inherited socket " + protocol.word() + " " + IpAddress.withPort(address, port);
    }
  }

  private InheritedSockets(List<Inherited> sockets, String why) {
    this.sockets = sockets;
    this.why = why;
  }

  /** This process's own. */
  static InheritedSockets ofProcess() {
    return of(System.getenv(), ProcessHandle.current().pid());
  }

  static InheritedSockets of(Map<String, String> environment, long pid) {
    String count = environment.getOrDefault("LISTEN_FDS", "");
    String owner = environment.getOrDefault("LISTEN_PID", "");
    if (count.isEmpty()) {
      return new InheritedSockets(List.of(), "LISTEN_FDS is not set");
    }
    if (!owner.equals(String.valueOf(pid))) {
      return new InheritedSockets(
          List.of(), "LISTEN_PID=" + owner + " is not this process, which is " + pid);
    }
    if (!count.matches("[0-9]{1,4}") || Integer.parseInt(count) > MOST) {
      return new InheritedSockets(List.of(), "LISTEN_FDS=" + count + " is no number of sockets");
    }
    String[] names = environment.getOrDefault("LISTEN_FDNAMES", "").split(":", -1);
    Syscalls syscalls = new Syscalls();
    List<Inherited> sockets = new ArrayList<>();
    for (int i = 0; i < Integer.parseInt(count); i++) {
      sockets.add(describe(syscalls, FIRST_FD + i, i < names.length ? names[i] : ""));
    }
    return new InheritedSockets(sockets, "");
  }

  /** Those that the process before this one had inherited. */
  static InheritedSockets given(List<HandedSocket> sockets) {
    Syscalls syscalls = new Syscalls();
    return new InheritedSockets(
        sockets.stream()
            .filter(it -> it.kind() == HandedSocket.Kind.INHERITED)
            .map(it -> describe(syscalls, it.fd(), it.name()))
            .toList(),
        "the daemon before this one had none");
  }

  /** How another process is told of them. */
  void hand(List<HandedSocket> into) {
    for (Inherited it : sockets) {
      into.add(
          new HandedSocket(
              HandedSocket.Kind.INHERITED,
              it.name,
              it.protocol,
              it.arrival().ordinal(),
              it.address,
              it.port,
              it.port,
              it.fd));
    }
  }

  private static Inherited describe(Syscalls syscalls, int fd, String name) {
    int type = syscalls.option(fd, Linux.SOL_SOCKET, Linux.SO_TYPE);
    Sockaddr address = new Sockaddr();
    boolean isIp =
        syscalls.localAddress(fd, address) >= 0
            && (address.family() == Linux.AF_INET || address.family() == Linux.AF_INET6);
    Protocol protocol = type == Linux.SOCK_STREAM ? Protocol.TCP : Protocol.UDP;
    if (!isIp || (type != Linux.SOCK_STREAM && type != Linux.SOCK_DGRAM)) {
      return new Inherited(
          fd, name, protocol, IpAddress.ANY_IPV4, 0, "descriptor " + fd + " is no IP socket");
    }
    String wrong = "";
    if (protocol == Protocol.TCP
        && syscalls.option(fd, Linux.SOL_SOCKET, Linux.SO_ACCEPTCONN) != 1) {
      wrong = "descriptor " + fd + " doesn't listen; with systemd, leave Accept=no";
    }
    address.unmap(); // nothing but IPv4 reaches such an address
    IpAddress bound = IpAddress.of(address.ipFamily(), address.high(), address.low());
    return new Inherited(fd, name, protocol, bound, address.port(), wrong);
  }

  /** The sockets that these captures take, each by the capture that takes it. */
  Map<Inherited, CaptureSpec> of(List<CaptureSpec> captures, List<CaptureFailure> failures) {
    Map<Inherited, CaptureSpec> taken = new LinkedHashMap<>();
    List<CaptureSpec> wanting =
        captures.stream().filter(it -> it.method() == CaptureSpec.Method.INHERITED).toList();
    for (CaptureSpec capture : wanting) {
      boolean isOnly = wanting.size() == 1 && sockets.stream().allMatch(it -> it.name.isEmpty());
      List<Inherited> named =
          sockets.stream().filter(it -> isOnly || it.name.equals(capture.fdName())).toList();
      if (named.isEmpty()) {
        failures.add(failure(capture, missing(capture)));
      }
      for (Inherited socket : named) {
        String wrong = wrong(socket, capture);
        if (wrong.isEmpty()) {
          taken.put(socket, capture);
        } else {
          failures.add(failure(capture, wrong));
        }
      }
    }
    return taken;
  }

  private static CaptureFailure failure(CaptureSpec capture, String what) {
    return new CaptureFailure(capture.name(), what, true);
  }

  private String missing(CaptureSpec capture) {
    String name = capture.fdName();
    if (sockets.isEmpty()) {
      return "no socket named " + name + " was inherited: " + (why.isEmpty() ? "none was" : why);
    }
    List<String> names =
        sockets.stream().map(it -> it.name.isEmpty() ? "(no name)" : it.name).distinct().toList();
    return "no socket named "
        + name
        + " was inherited; there are "
        + String.join(", ", names)
        + "; with systemd, write FileDescriptorName="
        + name;
  }

  private static String wrong(Inherited socket, CaptureSpec capture) {
    if (!socket.wrong.isEmpty()) {
      return socket.wrong;
    }
    if (!capture.protocols().contains(socket.protocol)) {
      return socket + " is not of its protocols " + capture.protocols();
    }
    return narrow(socket, capture).isEmpty() ? socket + " is outside its addresses and ports" : "";
  }

  /** The addresses that come in by a socket and are the capture's; none if its port isn't. */
  private static List<IpPrefix> narrow(Inherited socket, CaptureSpec capture) {
    if (capture.ports().stream().noneMatch(it -> it.contains(socket.port))) {
      return List.of();
    }
    boolean takesBoth = socket.address.equals(IpAddress.ANY_IPV6); // whether it does is its own
    return capture.addresses().stream()
        .filter(prefix ->
            socket.address.isWildcard()
                ? takesBoth || prefix.family() == socket.address.family()
                : prefix.contains(socket.address))
        .map(prefix -> socket.address.isWildcard() ? prefix : IpPrefix.single(socket.address))
        .distinct()
        .toList();
  }

  /** The captures, with one for each inherited socket, of what that really takes. */
  static List<CaptureSpec> narrowed(
      List<CaptureSpec> captures, Map<Inherited, CaptureSpec> sockets) {
    List<CaptureSpec> narrowed = new ArrayList<>(captures);
    narrowed.removeIf(it -> it.method() == CaptureSpec.Method.INHERITED);
    sockets.forEach((socket, capture) ->
        narrowed.add(
            new CaptureSpec(
                capture.name(),
                EnumSet.of(socket.protocol),
                narrow(socket, capture),
                List.of(new PortRange(socket.port, socket.port)),
                capture.method(),
                capture.strict())));
    return narrowed;
  }
}
