package io.sluice.proxy.capture;

import io.netty.util.concurrent.Future;
import io.sluice.config.CaptureSpec;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.loop.Loop;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;
import java.util.ArrayList;
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
 * The sockets by which traffic gets in. Each socket address is bound once per loop as a reuseport
 * group, so that the kernel spreads connections over the loops and a client's datagrams stay on
 * one; from {@value #WIDE} bound socket addresses on, each is bound on one loop only, in turn.
 *
 * <p>Called on the main thread only, but for {@link #contains}. A reload opens what is new, closes
 * what is gone, and leaves the rest as it is.
 */
public final class Captures implements Captured {
  private static final Logger log = LoggerFactory.getLogger(Captures.class);
  private static final int WIDE = 1024;
  private static final long CLOSE_MILLIS = 1_000;

  private final List<Worker> workers;
  private final Syscalls syscalls = new Syscalls();
  private final SocketOpener opener = new SocketOpener(syscalls);
  private final KernelLookup kernel = new KernelLookup(syscalls);
  private final Methods methods = new Methods(kernel);
  private final InheritedSockets inherited;
  private final boolean ipv6 = SocketOpener.hasIpv6(syscalls);
  private final InstalledRules rules = new InstalledRules();
  private volatile CapturedRanges ranges = CapturedRanges.NONE;
  private final Map<CapturePlan.Key, Bound> bound = new LinkedHashMap<>();
  private final Map<InheritedSockets.Inherited, Bound> adopted = new LinkedHashMap<>();
  private final Set<Port> singles = new HashSet<>();

  /** A loop, and who takes over there what comes in. */
  public record Worker(
      Loop loop, AcceptGate gate, ConnectionHandler connections, DatagramHandler datagrams) {}

  /** The sockets of one address, one per loop. */
  private record Bound(Protocol protocol, List<Integer> fds, List<Closer> closers) {
    Bound(Protocol protocol) {
      this(protocol, new ArrayList<>(), new ArrayList<>());
    }
  }

  /** How to close a socket, on its loop. */
  private record Closer(Loop loop, Runnable action) {}

  /** Where single addresses are bound, beside which a wildcard can be bound only if shared. */
  private record Port(Protocol protocol, Family family, int number) {}

  /**
   * A capture that is not, or not wholly, there.
   *
   * @param what what is wrong, and what would mend it
   * @param strict whether the start is to fail then
   */
  public record Failure(String capture, String what, boolean strict) {
    /**
     * A socket address could not be bound.
     *
     * @param holder who holds it, if it is in use: looking that up for a whole range takes long
     */
    static Failure ofBind(CaptureSpec capture, CapturePlan.Key key, int errno, String holder) {
      String who =
          errno == Linux.EADDRINUSE
              ? "; it is held by " + holder
              : errno == Linux.EACCES
                  ? "; ports below 1024 need root or CAP_NET_BIND_SERVICE"
                  : errno == Linux.EMFILE
                      ? "; raise the limit of open files (ulimit -n, LimitNOFILE=)"
                      : errno == Linux.EAFNOSUPPORT ? "; " + Requirements.ALLOW_IPV6 : "";
      String what = "can't bind " + key + ": " + Linux.errnoName(errno) + who;
      // The ports of bind are many, and one may be missed; the others have all or nothing.
      boolean all = capture.method() != CaptureSpec.Method.BIND;
      return new Failure(capture.name(), what, capture.strict() || all);
    }

    @Override
    public String toString() {
      return "capture " + capture + ": " + what;
    }
  }

  public Captures(List<Worker> workers) {
    this(workers, InheritedSockets.ofProcess());
  }

  Captures(List<Worker> workers, InheritedSockets inherited) {
    this.workers = workers;
    this.inherited = inherited;
  }

  /** How many socket addresses there are. */
  public int size() {
    return bound.size() + adopted.size();
  }

  /**
   * Opens and closes sockets until they are what the captures need. What can't be bound doesn't
   * keep the others from it.
   */
  public List<Failure> apply(List<CaptureSpec> configured) {
    List<Failure> failures = new ArrayList<>();
    List<CaptureSpec> captures = methods.resolve(configured);
    Map<CapturePlan.Key, CaptureSpec> wanted = CapturePlan.of(captures, ipv6);
    Map<InheritedSockets.Inherited, CaptureSpec> offered = inherited.of(captures, failures);
    List<CaptureSpec> kernels =
        captures.stream().filter(it -> it.method() == CaptureSpec.Method.SK_LOOKUP).toList();
    if (kernels.isEmpty()) {
      kernel.close();
    }
    List<Bound> gone = new ArrayList<>();
    collectGone(bound, wanted.keySet(), gone);
    collectGone(adopted, offered.keySet(), gone);
    close(gone); // before anything is bound that may overlap
    ranges = CapturedRanges.of(InheritedSockets.narrowed(captures, offered));
    findSingles();
    long ofBind = wanted.keySet().stream().filter(it -> !isGrouped(it.arrival())).count();
    boolean wide = ofBind >= WIDE;
    wanted.forEach((key, capture) -> {
      if (!bound.containsKey(key)) {
        open(key, capture, wide, failures);
      }
    });
    offered.forEach((socket, capture) -> {
      if (!adopted.containsKey(socket)) {
        adopt(socket, capture, failures);
      }
    });
    if (!kernels.isEmpty()) {
      captureInKernel(kernels, failures);
    }
    failures.addAll(rules.apply(captures));
    report(captures, failures, wide);
    return failures;
  }

  private static <K> void collectGone(Map<K, Bound> from, Set<K> wanted, List<Bound> gone) {
    for (Iterator<Map.Entry<K, Bound>> all = from.entrySet().iterator(); all.hasNext(); ) {
      Map.Entry<K, Bound> entry = all.next();
      if (!wanted.contains(entry.getKey())) {
        gone.add(entry.getValue());
        all.remove();
        log.info("released socket=\"{}\"", entry.getKey());
      }
    }
  }

  private void findSingles() {
    singles.clear();
    for (CapturePlan.Key key : bound.keySet()) {
      if (!key.address().isWildcard()) {
        singles.add(new Port(key.protocol(), key.family(), key.port()));
      }
    }
  }

  /** Whether one group takes everything, so that each loop needs a member. */
  private static boolean isGrouped(Arrival arrival) {
    return arrival != Arrival.BOUND && arrival != Arrival.WILDCARD;
  }

  private void report(List<CaptureSpec> captures, List<Failure> failures, boolean wide) {
    for (CaptureSpec capture : captures) {
      boolean there =
          capture.method() == CaptureSpec.Method.INHERITED
              ? failures.stream().noneMatch(it -> it.capture.equals(capture.name()))
              : CapturePlan.of(List.of(capture), ipv6).keySet().stream()
                  .anyMatch(bound::containsKey);
      if (!there) {
        continue; // its failures say why
      }
      log.info(
          "captured name={} method={} protocols={} addresses={} ports={}{} sockets={}",
          capture.name(),
          capture.method().word(),
          capture.protocols(),
          capture.addresses(),
          capture.ports(),
          describeExceptions(capture),
          describeSockets(capture, wide));
    }
  }

  private static String describeExceptions(CaptureSpec capture) {
    StringBuilder all = new StringBuilder();
    for (Protocol protocol : capture.protocols()) {
      if (!Exceptions.excepted(capture, protocol).isEmpty()) {
        all.append(" except=")
            .append(protocol.word())
            .append(Exceptions.excepted(capture, protocol));
      }
    }
    if (!capture.options().exceptAddresses().isEmpty()) {
      all.append(" except=").append(capture.options().exceptAddresses());
    }
    return all.toString();
  }

  private String describeSockets(CaptureSpec capture, boolean wide) {
    return switch (capture.method()) {
      case INHERITED -> "inherited";
      case SK_LOOKUP -> "kernel,one-per-loop";
      case TPROXY, REDIRECT -> "port-" + capture.options().socketPort() + ",one-per-loop";
      case AUTO, BIND -> {
        boolean wildcard = capture.addresses().stream().anyMatch(it -> !it.isSingle());
        yield (wildcard ? "wildcard" : "per-address")
            + (wide || workers.size() == 1 ? ",one-loop-each" : ",one-per-loop");
      }
    };
  }

  private void open(
      CapturePlan.Key key, CaptureSpec capture, boolean wide, List<Failure> failures) {
    int result = key.port() == 0 || isBesideOurs(key) ? 0 : opener.probe(key);
    Bound opened = new Bound(key.protocol());
    boolean onOne = wide && !isGrouped(key.arrival());
    List<Worker> chosen = onOne ? List.of(workers.get(bound.size() % workers.size())) : workers;
    int port = key.port();
    for (Worker worker : chosen) {
      if (result >= 0) {
        result = opener.open(key, port);
      }
      if (result >= 0) {
        int fd = result;
        port = port == 0 ? opener.port(fd) : port;
        serve(
            worker,
            new CaptureSocket(fd, key.protocol(), key.address(), port, key.arrival(), false, this),
            opened);
      }
    }
    if (result >= 0) {
      bound.put(key, opened);
      if (!key.address().isWildcard()) {
        singles.add(new Port(key.protocol(), key.family(), key.port()));
      }
      return;
    }
    close(List.of(opened));
    String holder =
        result == -Linux.EADDRINUSE
            ? PortHolder.find(key.protocol(), key.address(), key.port())
            : "nobody";
    failures.add(Failure.ofBind(capture, key, -result, holder));
  }

  /**
   * Whether a socket of our own, listening on the wildcard or on a single address, is in the way of
   * a probe. It isn't in the way of the shared socket.
   */
  private boolean isBesideOurs(CapturePlan.Key key) {
    IpAddress wildcard = key.family() == Family.IPV4 ? IpAddress.ANY_IPV4 : IpAddress.ANY_IPV6;
    return key.address().isWildcard()
        ? singles.contains(new Port(key.protocol(), key.family(), key.port()))
        : bound.containsKey(
            new CapturePlan.Key(key.protocol(), wildcard, key.port(), Arrival.WILDCARD));
  }

  private void serve(Worker worker, CaptureSocket socket, Bound opened) {
    opened.fds.add(socket.fd());
    if (socket.protocol() == Protocol.TCP) {
      Acceptor acceptor = new Acceptor(worker.loop, socket, worker.gate, worker.connections);
      worker.loop.execute(acceptor::start);
      opened.closers.add(new Closer(worker.loop, acceptor::stop));
    } else {
      worker.loop.execute(() -> worker.datagrams.open(socket));
      opened.closers.add(new Closer(worker.loop, () -> worker.datagrams.close(socket)));
    }
  }

  /**
   * Serves a socket that was there already. TCP connections are taken by whichever loop is there
   * first; datagrams by one loop, in turn, as a client's are to stay together.
   */
  private void adopt(
      InheritedSockets.Inherited socket, CaptureSpec capture, List<Failure> failures) {
    Bound opened = new Bound(socket.protocol());
    boolean tcp = socket.protocol() == Protocol.TCP;
    List<Worker> chosen = tcp ? workers : List.of(workers.get(adopted.size() % workers.size()));
    for (Worker worker : chosen) {
      int fd = syscalls.duplicateNonBlocking(socket.fd());
      if (fd < 0) {
        close(List.of(opened));
        String what = "can't take " + socket + ": " + Linux.errnoName(-fd);
        failures.add(new Failure(capture.name(), what, true));
        return;
      }
      if (tcp) {
        opener.prepareTcp(fd);
      } else {
        opener.prepareUdp(fd, socket.address().family(), socket.arrival());
      }
      serve(worker, socket.capture(fd, this), opened);
    }
    adopted.put(socket, opened);
  }

  private void captureInKernel(List<CaptureSpec> captures, List<Failure> failures) {
    String wrong = null;
    for (Map.Entry<CapturePlan.Key, Bound> entry : bound.entrySet()) {
      CapturePlan.Key key = entry.getKey();
      if (wrong == null && key.arrival() == Arrival.SK_LOOKUP) {
        // Again for one that is there already changes nothing.
        int fd = entry.getValue().fds.getFirst();
        wrong = kernel.assignTo(key.protocol(), fd);
      }
    }
    if (wrong == null) {
      wrong = kernel.capture(CapturedRanges.of(captures));
    }
    if (wrong != null) {
      for (CaptureSpec capture : captures) {
        failures.add(new Failure(capture.name(), wrong, true));
      }
    }
  }

  /** Closes all sockets: nothing new comes in. */
  public void close() {
    release();
    close(bound.values());
    close(adopted.values());
    bound.clear();
    adopted.clear();
  }

  /**
   * Takes no more connections; what had been made before is still accepted. Datagram sockets stay:
   * flows need them.
   */
  public void closeListening() {
    List<Bound> listening = new ArrayList<>(bound.values());
    listening.addAll(adopted.values());
    listening.removeIf(it -> it.protocol != Protocol.TCP);
    close(listening);
    bound.values().removeAll(listening);
    adopted.values().removeAll(listening);
  }

  /** Gives back what the kernel has of us besides sockets: programs and rules. */
  public void release() {
    kernel.close();
    rules.remove();
  }

  @Override
  public boolean contains(Protocol protocol, Family family, long high, long low, int port) {
    return ranges.contains(protocol, family, high, low, port);
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

  /** By which capture, and which way, traffic comes in. */
  public record Entry(String capture, String method, String socket) {}

  /** How traffic to this local address and port comes in; null if nothing captures it. */
  public static @Nullable Entry entry(
      List<CaptureSpec> captures, Protocol protocol, IpAddress local, int port) {
    Entry found = null;
    for (CaptureSpec capture : captures) {
      if (!capture.protocols().contains(protocol)
          || capture.ports().stream().noneMatch(it -> it.contains(port))
          || Exceptions.excepted(capture, protocol).stream().anyMatch(it -> it.contains(port))
          || capture.options().exceptAddresses().stream().anyMatch(it -> it.contains(local))) {
        continue;
      }
      for (IpPrefix prefix : capture.addresses()) {
        if (prefix.contains(local) && (found == null || prefix.isSingle())) {
          String socket = CapturePlan.way(capture, prefix, port);
          found = new Entry(capture.name(), capture.method().word(), socket);
        }
      }
    }
    return found;
  }
}
