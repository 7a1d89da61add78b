package io.sluice.proxy.capture;

import io.sluice.config.CaptureSpec;
import io.sluice.proxy.arrival.Arrival;
import io.sluice.proxy.arrival.CaptureSocket;
import io.sluice.proxy.arrival.Captured;
import io.sluice.proxy.handover.HandedSocket;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.loop.Loop;
import io.sluice.steering.Protocol;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The sockets by which traffic gets in. Each socket address is bound once per loop as a reuseport
 * group, so that the kernel spreads connections over the loops and a client's datagrams stay on
 * one; if a plan is wide, each is bound on one loop only, in turn.
 *
 * <p>New ones are opened before old ones are closed. A TCP socket that new connections no longer
 * come to, because they come another way by now, goes on to accept for {@value #LEAVING_MILLIS} ms:
 * a connection whose handshake had begun would be reset otherwise. Called on the control thread.
 */
final class CaptureSockets {
  private static final Logger log = LoggerFactory.getLogger(CaptureSockets.class);
  private static final long LEAVING_MILLIS = 2_000; // a lost SYN-ACK is sent again after one second
  private static final long LOOP_MILLIS = 5_000;

  private final List<Captures.Worker> workers;
  private final Captured captured;
  private final Syscalls syscalls;
  private final SocketOpener opener;
  private final Map<CapturePlan.Key, SocketGroup> bound = new LinkedHashMap<>();
  private final Map<InheritedSockets.Inherited, SocketGroup> adopted = new LinkedHashMap<>();
  private final Map<CapturePlan.Key, Leaving> leaving = new LinkedHashMap<>();
  private final OwnPorts ownPorts = new OwnPorts();
  private final Map<CapturePlan.Key, List<HandedSocket>> given = new LinkedHashMap<>();
  private final Set<CapturePlan.Key> lent = new HashSet<>(); // given, and not yet ours alone
  private int turn;

  /** A group that still accepts, but is wanted no more. */
  private record Leaving(SocketGroup group, long untilMillis) {}

  /**
   * @param captured what the sockets ask whether something that came in is captured
   */
  CaptureSockets(List<Captures.Worker> workers, Captured captured, Syscalls syscalls) {
    this.workers = workers;
    this.captured = captured;
    this.syscalls = syscalls;
    this.opener = new SocketOpener(syscalls);
  }

  /** Takes what another process has bound and listens on; {@link #prepare} uses it. */
  void give(List<HandedSocket> sockets) {
    for (HandedSocket it : sockets) {
      if (it.kind() == HandedSocket.Kind.CAPTURE) {
        Arrival arrival = Arrival.values()[it.arrival()];
        CapturePlan.Key key =
            new CapturePlan.Key(it.protocol(), it.address(), it.keyPort(), arrival);
        given.computeIfAbsent(key, _ -> new ArrayList<>()).add(it);
      }
    }
  }

  /** What was given is in force: nobody gets it back. What nobody needs of it is closed. */
  void closeGiven() {
    lent.clear();
    given.values().forEach(same -> closeAll(same.stream().map(HandedSocket::fd).toList()));
    given.clear();
  }

  /** How another process is told of all that is bound. */
  void hand(List<HandedSocket> into) {
    bound.forEach((key, group) -> group.hand(key, into));
  }

  /** Takes nothing in until {@link #resume}; false if a loop doesn't answer. */
  boolean pause() {
    LoopTasks pausing = new LoopTasks();
    closeLeaving(pausing);
    bound.values().forEach(group -> group.pause(pausing));
    adopted.values().forEach(group -> group.pause(pausing));
    return pausing.run(LOOP_MILLIS).isEmpty();
  }

  /** Takes in what has waited, and what comes. */
  void resume() {
    LoopTasks opening = new LoopTasks();
    bound.values().forEach(group -> group.open(opening));
    adopted.values().forEach(group -> group.open(opening));
    opening.start();
  }

  /** Another process has them now. */
  void letGo() {
    LoopTasks closing = new LoopTasks();
    bound.values().forEach(group -> group.letGo(closing));
    adopted.values().forEach(group -> group.letGo(closing));
    bound.clear();
    adopted.clear();
    List<Integer> _ = closing.run(LOOP_MILLIS);
  }

  /** How many socket addresses there are. */
  int size() {
    return bound.size() + adopted.size();
  }

  /** Whether a socket address is there. */
  boolean has(CapturePlan.Key key) {
    return bound.containsKey(key);
  }

  /** Sockets that take nothing in yet. */
  final class Prepared {
    private final Map<CapturePlan.Key, SocketGroup> opened = new LinkedHashMap<>();
    private final Map<InheritedSockets.Inherited, SocketGroup> taken = new LinkedHashMap<>();

    /** Whether there would be none at all, of those that a plan needs. */
    boolean isNothing(CapturePlan plan) {
      return opened.isEmpty()
          && taken.isEmpty()
          && plan.sockets().keySet().stream().noneMatch(bound::containsKey)
          && plan.inherited().keySet().stream().noneMatch(adopted::containsKey);
    }

    /** A descriptor of what would be bound to this; negative if nothing would. */
    int fd(CapturePlan.Key key) {
      SocketGroup group = opened.getOrDefault(key, bound.get(key));
      return group == null ? -1 : group.fd();
    }

    /** Takes in what comes from now on. Can't fail. */
    void commit() {
      LoopTasks opening = new LoopTasks();
      opened.forEach((key, group) -> {
        if (leaving.remove(key) == null) { // one that is leaving goes on as it is
          group.open(opening);
        }
      });
      taken.values().forEach(group -> group.open(opening));
      bound.putAll(opened);
      adopted.putAll(taken);
      opening.start();
    }

    /** Gives back what was opened. */
    void abort() {
      LoopTasks closing = new LoopTasks();
      opened.forEach((key, group) -> {
        if (lent.contains(key)) {
          group.letGo(closing);
        } else if (!leaving.containsKey(key)) {
          close(key.protocol(), group, closing);
          ownPorts.remove(key);
        }
      });
      taken.forEach((socket, group) -> close(socket.protocol(), group, closing));
      List<Integer> _ = closing.run(LOOP_MILLIS);
    }
  }

  /** Opens what a plan needs and isn't there. What can't be had doesn't keep the others from it. */
  Prepared prepare(CapturePlan plan, List<CaptureFailure> failures) {
    Prepared prepared = new Prepared();
    boolean wide = plan.isWide();
    for (CapturePlan.Key key : plan.diff(bound.keySet()).open()) {
      CaptureSpec capture = Objects.requireNonNull(plan.sockets().get(key));
      Leaving still = leaving.get(key);
      int result = still == null ? open(key, wide, prepared) : 0;
      if (still != null) {
        prepared.opened.put(key, still.group); // wanted again
      } else if (result < 0) {
        String holder =
            result == -Linux.EADDRINUSE
                ? PortHolder.find(key.protocol(), key.address(), key.port())
                : "nobody";
        failures.add(CaptureFailure.ofBind(capture, key, -result, holder));
      }
    }
    plan.inherited()
        .forEach((socket, capture) -> {
          if (!adopted.containsKey(socket)) {
            adopt(socket, capture, prepared, failures);
          }
        });
    register(prepared, failures);
    return prepared;
  }

  /**
   * Tries again to open sockets that could not be had.
   *
   * @return those that are there now
   */
  List<CapturePlan.Key> retry(List<CapturePlan.Key> missing, CapturePlan plan) {
    Prepared prepared = new Prepared();
    for (CapturePlan.Key key : missing) {
      int _ = open(key, plan.isWide(), prepared);
    }
    if (!prepared.opened.isEmpty()) {
      register(prepared, new ArrayList<>());
      prepared.commit();
    }
    return List.copyOf(prepared.opened.keySet());
  }

  /** Opens a group: all of it, or nothing, and the answer is a negative errno. */
  private int open(CapturePlan.Key key, boolean wide, Prepared prepared) {
    List<HandedSocket> same = given.remove(key);
    if (same != null) {
      return takeGiven(key, same, prepared);
    }
    int result = key.port() == 0 || ownPorts.areBeside(key) ? 0 : opener.probe(key);
    if (result == -Linux.EADDRINUSE && ownPorts.areHeldByFlows(key)) {
      result = 0;
    }
    boolean onOne = wide && !key.isForAll();
    List<Captures.Worker> chosen = onOne ? List.of(workers.get(turn++ % workers.size())) : workers;
    SocketGroup group = new SocketGroup(key.protocol());
    int port = key.port();
    for (Captures.Worker worker : chosen) {
      if (result >= 0) {
        result = opener.open(key, port);
      }
      if (result >= 0) {
        int fd = result;
        port = port == 0 ? opener.port(fd) : port;
        group.add(worker, socket(key, port, fd));
      }
    }
    if (result < 0) {
      closeAll(group.fds()); // no loop knows them yet
      return result;
    }
    ownPorts.add(key);
    prepared.opened.put(key, group);
    return 0;
  }

  /**
   * Takes a group that another process has bound. If it had more loops, some of ours get several
   * sockets: the kernel spreads over all that there are. If it had fewer, ours get one more each.
   */
  private int takeGiven(CapturePlan.Key key, List<HandedSocket> same, Prepared prepared) {
    SocketGroup group = new SocketGroup(key.protocol());
    int port = same.getFirst().port();
    boolean isOfOneLoop = same.size() == 1 && !key.isForAll();
    int first = isOfOneLoop ? turn++ : 0;
    for (int i = 0; i < same.size(); i++) {
      group.add(workers.get((first + i) % workers.size()), socket(key, port, same.get(i).fd()));
    }
    for (int i = same.size(); i < workers.size() && !isOfOneLoop; i++) {
      int fd = opener.open(key, port);
      if (fd >= 0) { // else the others do without
        group.add(workers.get(i), socket(key, port, fd));
      }
    }
    lent.add(key);
    ownPorts.add(key);
    prepared.opened.put(key, group);
    return 0;
  }

  private CaptureSocket socket(CapturePlan.Key key, int port, int fd) {
    return new CaptureSocket(
        fd, key.protocol(), key.address(), port, key.arrival(), false, captured);
  }

  /**
   * Takes a socket that was there already. TCP connections are taken by whichever loop is there
   * first; datagrams by one loop, in turn, as a client's are to stay together.
   */
  private void adopt(
      InheritedSockets.Inherited socket,
      CaptureSpec capture,
      Prepared prepared,
      List<CaptureFailure> failures) {
    boolean tcp = socket.protocol() == Protocol.TCP;
    List<Captures.Worker> chosen = tcp ? workers : List.of(workers.get(turn++ % workers.size()));
    SocketGroup group = new SocketGroup(socket.protocol());
    for (Captures.Worker worker : chosen) {
      int fd = syscalls.duplicateNonBlocking(socket.fd());
      if (fd < 0) {
        closeAll(group.fds());
        String what = "can't take " + socket + ": " + Linux.errnoName(-fd);
        failures.add(new CaptureFailure(capture.name(), what, true));
        return;
      }
      if (tcp) {
        opener.prepareTcp(fd);
      } else {
        opener.prepareUdp(fd, socket.address().family(), socket.arrival());
      }
      group.add(worker, socket.capture(fd, captured));
    }
    prepared.taken.put(socket, group);
  }

  /** Puts new sockets under epoll. */
  private void register(Prepared prepared, List<CaptureFailure> failures) {
    LoopTasks registering = new LoopTasks();
    List<SocketGroup> groups = new ArrayList<>(prepared.taken.values());
    prepared.opened.forEach((key, group) -> {
      if (!leaving.containsKey(key)) {
        groups.add(group);
      }
    });
    groups.forEach(group -> group.register(registering));
    for (int loop : registering.run(LOOP_MILLIS)) {
      failures.add(new CaptureFailure("of loop " + loop, "the loop does not answer", true));
    }
    long refused = groups.stream().filter(it -> !it.isRegistered()).count();
    if (refused > 0) {
      String what =
          "epoll refuses %d sockets; raise the sysctl fs.epoll.max_user_watches".formatted(refused);
      failures.add(new CaptureFailure("sockets", what, true));
    }
  }

  /**
   * Closes what a plan does without: at once, or after a while if new connections come another way.
   */
  void closeOthers(CapturePlan plan) {
    LoopTasks closing = new LoopTasks();
    for (CapturePlan.Key key : plan.diff(bound.keySet()).close()) {
      SocketGroup group = Objects.requireNonNull(bound.remove(key));
      if (key.protocol() == Protocol.TCP && plan.isBypassed(key)) {
        leaving.put(key, new Leaving(group, Loop.nowMillis() + LEAVING_MILLIS));
      } else {
        close(key.protocol(), group, closing);
        ownPorts.remove(key);
      }
      log.info("released socket=\"{}\"", key);
    }
    leaving
        .entrySet()
        .removeIf(entry -> {
          boolean isReached = !plan.isBypassed(entry.getKey()); // it was passed by for another plan
          if (isReached) {
            close(entry.getKey().protocol(), entry.getValue().group, closing);
            ownPorts.remove(entry.getKey());
          }
          return isReached;
        });
    adopted
        .entrySet()
        .removeIf(entry -> {
          boolean isGone = !plan.inherited().containsKey(entry.getKey());
          if (isGone) {
            close(entry.getKey().protocol(), entry.getValue(), closing);
            log.info("released socket=\"{}\"", entry.getKey());
          }
          return isGone;
        });
    List<Integer> _ = closing.run(LOOP_MILLIS);
  }

  /** Closes those that have accepted for long enough. */
  void closeLeft() {
    if (leaving.isEmpty()) {
      return;
    }
    LoopTasks closing = new LoopTasks();
    long now = Loop.nowMillis();
    leaving
        .entrySet()
        .removeIf(entry -> {
          boolean isDue = entry.getValue().untilMillis <= now;
          if (isDue) {
            close(entry.getKey().protocol(), entry.getValue().group, closing);
            ownPorts.remove(entry.getKey());
          }
          return isDue;
        });
    List<Integer> _ = closing.run(LOOP_MILLIS);
  }

  /** Closes the listening sockets, after what had been made before; those of UDP stay. */
  void closeListening() {
    LoopTasks closing = new LoopTasks();
    closeLeaving(closing);
    bound.forEach((key, group) -> {
      if (key.protocol() == Protocol.TCP) {
        close(key.protocol(), group, closing);
      }
    });
    adopted.forEach((socket, group) -> {
      if (socket.protocol() == Protocol.TCP) {
        close(socket.protocol(), group, closing);
      }
    });
    bound.keySet().removeIf(it -> it.protocol() == Protocol.TCP);
    adopted.keySet().removeIf(it -> it.protocol() == Protocol.TCP);
    List<Integer> _ = closing.run(LOOP_MILLIS);
  }

  private void closeLeaving(LoopTasks closing) {
    leaving.forEach((key, left) -> close(key.protocol(), left.group, closing));
    leaving.clear();
  }

  /** Closes all of them. */
  void close() {
    closeListening();
    LoopTasks closing = new LoopTasks();
    bound.forEach((key, group) -> close(key.protocol(), group, closing));
    adopted.forEach((socket, group) -> close(socket.protocol(), group, closing));
    bound.clear();
    adopted.clear();
    List<Integer> _ = closing.run(LOOP_MILLIS);
  }

  private void closeAll(List<Integer> fds) {
    for (int fd : fds) {
      int _ = syscalls.close(fd);
    }
  }

  private void close(Protocol protocol, SocketGroup group, LoopTasks closing) {
    group.close(closing);
    if (protocol == Protocol.UDP) {
      ownPorts.closedUdp();
    }
  }
}
