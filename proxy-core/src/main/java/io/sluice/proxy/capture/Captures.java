package io.sluice.proxy.capture;

import io.netty.util.concurrent.Future;
import io.sluice.config.CaptureSpec;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.loop.Loop;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collection;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The sockets by which traffic gets in, under the method {@code bind}. Each socket address is bound
 * once per loop as a reuseport group, so that the kernel spreads connections over the loops and a
 * client's datagrams stay on one; from {@value #WIDE} socket addresses on, each is bound on one
 * loop only, in turn.
 *
 * <p>Called on the main thread only. A reload opens what is new, closes what is gone, and leaves
 * the rest as it is.
 */
public final class Captures {
  private static final Logger log = LoggerFactory.getLogger(Captures.class);
  private static final int WIDE = 1024;
  private static final int BACKLOG = 4096; // the kernel takes the lesser of this and somaxconn
  private static final int RECEIVE_BUFFER_BYTES = 4 << 20;
  private static final long CLOSE_MILLIS = 1_000;

  private final List<Worker> workers;
  private final Syscalls syscalls = new Syscalls();
  private final Sockaddr sockaddr = new Sockaddr();
  private volatile BitSet tcpPorts = new BitSet(); // not changed once it stands here
  private final Map<CapturePlan.Key, Bound> bound = new LinkedHashMap<>();
  private final Set<Port> singles = new HashSet<>();

  /** A loop, and who takes over there what comes in. */
  public record Worker(
      Loop loop, AcceptGate gate, ConnectionHandler connections, DatagramHandler datagrams) {}

  /** Sockets of one address: what they have in common, and how to close each, on its loop. */
  private record Bound(CaptureSocket.Prefixes prefixes, List<Closer> closers) {}

  private record Closer(Loop loop, Runnable action) {}

  /** Where single addresses are bound, beside which a wildcard can be bound only if shared. */
  private record Port(Protocol protocol, Family family, int number) {}

  /**
   * A socket address that could not be bound.
   *
   * @param holder who holds it, if it is in use: looking that up for a whole range takes long
   * @param strict whether its capture wants the start to fail then
   */
  public record Failure(String socket, String capture, int errno, String holder, boolean strict) {
    @Override
    public String toString() {
      String who =
          errno == Linux.EADDRINUSE
              ? "; it is held by " + holder
              : errno == Linux.EACCES
                  ? "; ports below 1024 need root or CAP_NET_BIND_SERVICE"
                  : errno == Linux.EMFILE
                      ? "; raise the limit of open files (ulimit -n, LimitNOFILE=)"
                      : "";
      return "capture " + capture + ": can't bind " + socket + ": " + Linux.errnoName(errno) + who;
    }
  }

  public Captures(List<Worker> workers) {
    this.workers = workers;
  }

  /** How many socket addresses are bound. */
  public int size() {
    return bound.size();
  }

  /**
   * Opens and closes sockets until they are what the captures need. What can't be bound doesn't
   * keep the others from it.
   */
  public List<Failure> apply(List<CaptureSpec> captures) {
    Map<CapturePlan.Key, CapturePlan.Want> wanted = CapturePlan.of(captures);
    List<Bound> gone = new ArrayList<>();
    for (Iterator<Map.Entry<CapturePlan.Key, Bound>> all = bound.entrySet().iterator();
        all.hasNext(); ) {
      Map.Entry<CapturePlan.Key, Bound> entry = all.next();
      if (!wanted.containsKey(entry.getKey())) {
        gone.add(entry.getValue());
        all.remove();
        log.info("released socket=\"{}\"", entry.getKey());
      }
    }
    close(gone); // before anything is bound that may overlap
    singles.clear();
    for (CapturePlan.Key key : bound.keySet()) {
      if (!key.address().isWildcard()) {
        singles.add(new Port(key.protocol(), key.address().family(), key.port()));
      }
    }
    boolean wide = wanted.size() >= WIDE;
    List<Failure> failures = new ArrayList<>();
    wanted.forEach((key, want) -> {
      Bound known = bound.get(key);
      if (known != null) {
        known.prefixes.replace(want.prefixes());
      } else {
        open(key, want, wide, failures);
      }
    });
    BitSet ports = new BitSet();
    bound.keySet().stream()
        .filter(key -> key.protocol() == Protocol.TCP)
        .forEach(key -> ports.set(key.port()));
    tcpPorts = ports;
    for (CaptureSpec capture : captures) {
      if (CapturePlan.of(List.of(capture)).keySet().stream().noneMatch(bound::containsKey)) {
        continue; // its failures say why
      }
      log.info(
          "captured name={} method=bind protocols={} addresses={} ports={} sockets={}",
          capture.name(),
          capture.protocols(),
          capture.addresses(),
          capture.ports(),
          describeSockets(capture, wide));
    }
    return failures;
  }

  private String describeSockets(CaptureSpec capture, boolean wide) {
    boolean wildcard = capture.addresses().stream().anyMatch(it -> !it.isSingle());
    return (wildcard ? "wildcard" : "per-address")
        + (wide || workers.size() == 1 ? ",one-loop-each" : ",one-per-loop");
  }

  private void open(
      CapturePlan.Key key, CapturePlan.Want want, boolean wide, List<Failure> failures) {
    int result = isBesideOurs(key) ? 0 : probe(key);
    Bound opened = new Bound(new CaptureSocket.Prefixes(want.prefixes()), new ArrayList<>());
    List<Worker> chosen = wide ? List.of(workers.get(bound.size() % workers.size())) : workers;
    for (Worker worker : chosen) {
      if (result >= 0) {
        result = bindOn(worker, key, opened);
      }
    }
    if (result >= 0) {
      bound.put(key, opened);
      if (!key.address().isWildcard()) {
        singles.add(new Port(key.protocol(), key.address().family(), key.port()));
      }
      return;
    }
    close(List.of(opened));
    failures.add(
        new Failure(
            key.toString(),
            want.capture().name(),
            -result,
            result == -Linux.EADDRINUSE
                ? PortHolder.find(key.protocol(), key.address(), key.port())
                : "nobody",
            want.capture().strict()));
  }

  /**
   * Whether a socket of our own, listening on the wildcard or on a single address, is in the way of
   * a probe. It isn't in the way of the shared socket.
   */
  private boolean isBesideOurs(CapturePlan.Key key) {
    IpAddress wildcard =
        key.address().family() == Family.IPV4 ? IpAddress.ANY_IPV4 : IpAddress.ANY_IPV6;
    return key.address().isWildcard()
        ? singles.contains(new Port(key.protocol(), key.address().family(), key.port()))
        : bound.containsKey(new CapturePlan.Key(key.protocol(), wildcard, key.port()));
  }

  /**
   * Binds without SO_REUSEPORT, and lets go again: otherwise a second daemon of the same user would
   * silently share the port.
   */
  private int probe(CapturePlan.Key key) {
    int fd = socket(key, false);
    if (fd < 0) {
      return fd;
    }
    int result = bind(fd, key);
    if (result >= 0 && key.protocol() == Protocol.TCP) {
      result = syscalls.listen(fd, 1);
    }
    int _ = syscalls.close(fd);
    return result;
  }

  /**
   * Binds, also to an address that no interface has: a local route is enough, and one may come
   * later. (For IPv6, the kernel doesn't count the addresses of a local route as its own.)
   */
  private int bind(int fd, CapturePlan.Key key) {
    int result = syscalls.bind(fd, sockaddr.set(key.address(), key.port()));
    if (result == -Linux.EADDRNOTAVAIL) {
      setFreebind(fd, key);
      result = syscalls.bind(fd, sockaddr.set(key.address(), key.port()));
    }
    return result;
  }

  private void setFreebind(int fd, CapturePlan.Key key) {
    boolean ipv4 = key.address().family() == Family.IPV4;
    option(
        fd,
        ipv4 ? Linux.IPPROTO_IP : Linux.IPPROTO_IPV6,
        ipv4 ? Linux.IP_FREEBIND : Linux.IPV6_FREEBIND,
        1);
  }

  private int bindOn(Worker worker, CapturePlan.Key key, Bound opened) {
    int fd = socket(key, true);
    if (fd < 0) {
      return fd;
    }
    int result = bind(fd, key);
    if (result >= 0 && key.protocol() == Protocol.TCP) {
      result = syscalls.listen(fd, BACKLOG);
    }
    if (result < 0) {
      int _ = syscalls.close(fd);
      return result;
    }
    CaptureSocket socket =
        new CaptureSocket(fd, key.protocol(), key.address(), key.port(), opened.prefixes);
    if (key.protocol() == Protocol.TCP) {
      Acceptor acceptor = new Acceptor(worker.loop, socket, worker.gate, worker.connections);
      worker.loop.execute(acceptor::start);
      opened.closers.add(new Closer(worker.loop, acceptor::stop));
    } else {
      worker.loop.execute(() -> worker.datagrams.open(socket));
      opened.closers.add(new Closer(worker.loop, () -> worker.datagrams.close(socket)));
    }
    return 0;
  }

  private int socket(CapturePlan.Key key, boolean shared) {
    boolean ipv4 = key.address().family() == Family.IPV4;
    boolean tcp = key.protocol() == Protocol.TCP;
    int fd =
        syscalls.socket(
            key.address().family().number(), tcp ? Linux.SOCK_STREAM : Linux.SOCK_DGRAM);
    if (fd < 0) {
      return fd;
    }
    if (!ipv4) {
      option(fd, Linux.IPPROTO_IPV6, Linux.IPV6_V6ONLY, 1);
    }
    if (shared) {
      option(fd, Linux.SOL_SOCKET, Linux.SO_REUSEPORT, 1);
    }
    if (tcp) {
      option(fd, Linux.SOL_SOCKET, Linux.SO_REUSEADDR, 1);
      option(fd, Linux.IPPROTO_TCP, Linux.TCP_NODELAY, 1); // accepted sockets inherit it
    } else {
      option(fd, Linux.SOL_SOCKET, Linux.SO_RCVBUF, RECEIVE_BUFFER_BYTES);
      option(
          fd,
          ipv4 ? Linux.IPPROTO_IP : Linux.IPPROTO_IPV6,
          ipv4 ? Linux.IP_PKTINFO : Linux.IPV6_RECVPKTINFO,
          1);
      setFreebind(fd, key); // replies leave from any address that was asked
    }
    return fd;
  }

  private void option(int fd, int level, int name, int value) {
    int result = syscalls.setOption(fd, level, name, value);
    if (result < 0) {
      log.warn(
          "socket option refused level={} name={} errno={}", level, name, Linux.errnoName(-result));
    }
  }

  /** Closes all sockets: nothing new comes in. */
  public void close() {
    close(bound.values());
    bound.clear();
  }

  /**
   * Takes no more connections; what had been made before is still accepted. Datagram sockets stay:
   * flows need them.
   */
  public void closeListening() {
    Map<CapturePlan.Key, Bound> listening = new LinkedHashMap<>(bound);
    listening.keySet().removeIf(key -> key.protocol() != Protocol.TCP);
    close(listening.values());
    bound.keySet().removeAll(listening.keySet());
  }

  /** Whether some TCP socket of ours has this port. Any thread. */
  public boolean isTcpPort(int port) {
    return tcpPorts.get(port);
  }

  /** Closes sockets, and waits until the loops have done it. */
  private static void close(Collection<Bound> sockets) {
    List<Future<?>> closing = new ArrayList<>();
    for (Bound each : sockets) {
      for (Closer closer : each.closers) {
        closing.add(closer.loop.events().submit(closer.action));
      }
    }
    long deadline = Loop.nowMillis() + CLOSE_MILLIS;
    closing.forEach(it -> it.awaitUninterruptibly(Math.max(1, deadline - Loop.nowMillis())));
  }

  /** By which capture, and which of its sockets, traffic comes in. */
  public record Entry(String capture, String method, String socket) {}

  /** How traffic to this local address and port comes in; null if nothing captures it. */
  public static @Nullable Entry entry(
      List<CaptureSpec> captures, Protocol protocol, IpAddress local, int port) {
    Entry found = null;
    for (CaptureSpec capture : captures) {
      if (!capture.protocols().contains(protocol)
          || capture.ports().stream().noneMatch(it -> it.contains(port))) {
        continue;
      }
      for (IpPrefix prefix : capture.addresses()) {
        if (prefix.contains(local) && (found == null || prefix.isSingle())) {
          String socket = IpAddress.withPort(CapturePlan.bound(prefix), port);
          found = new Entry(capture.name(), capture.method().word(), socket);
        }
      }
    }
    return found;
  }
}
