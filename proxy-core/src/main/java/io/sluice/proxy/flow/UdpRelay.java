package io.sluice.proxy.flow;

import io.sluice.config.ProxyProtocolIn;
import io.sluice.proxy.arrival.CaptureSocket;
import io.sluice.proxy.arrival.Captured;
import io.sluice.proxy.arrival.DatagramHandler;
import io.sluice.proxy.connect.OwnSources;
import io.sluice.proxy.header.HeaderSources;
import io.sluice.proxy.header.ProxyHeader;
import io.sluice.proxy.header.ProxyHeaderWriter;
import io.sluice.proxy.linux.DatagramBatch;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.lookup.Steering;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.loop.SessionLimit;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.observe.SessionEnd;
import io.sluice.proxy.observe.SessionFilter;
import io.sluice.proxy.observe.SessionState;
import io.sluice.proxy.observe.SessionWalk;
import io.sluice.proxy.target.Traffic;
import io.sluice.steering.IpAddress;
import io.sluice.steering.Protocol;
import io.sluice.steering.Tuple;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * UDP on one event loop: takes datagrams in batches from the front sockets, and passes runs of the
 * same flow on with one system call. Everything but {@link #flows} is called on the loop's thread;
 * nothing is allocated per datagram.
 *
 * <p>Sockets are edge-triggered. One that has more than its share is left for the others, and epoll
 * asked to tell again, which it does after the others' events. (A task that put itself back into
 * Netty's queue would run again at once: the loop looks at epoll only when the queue is empty, or
 * after a second.)
 */
public final class UdpRelay implements DatagramHandler {
  /** How many datagrams one system call takes. */
  private static final int SLOTS = 32;

  /** How many full batches a socket may have at once before others get their turn. */
  private static final int ROUNDS = 4;

  /** How many flows it may open at once: each costs as much as some dozen datagrams. */
  private static final int MOST_OPENED = SLOTS;

  /** How many shares are read of a socket that is being closed. */
  private static final int MOST_SHARES_AT_CLOSE = 64;

  private final Loop loop;
  private final Syscalls syscalls;
  private final Fronts fronts = new Fronts();
  private final Flows flows;
  private @Nullable DatagramBatch batch; // made for the first front socket
  private FlowKey current = new FlowKey();
  private FlowKey next = new FlowKey();
  private final Steering steering;
  private final ProxyHeader header = new ProxyHeader();
  private final Tuple scratch = new Tuple();
  private final Supplier<byte[]> tlvs = this::tlvs; // once: asking for flows allocates nothing
  private int asked; // the slot that a flow is asked for
  private HeaderSources headerSources = HeaderSources.of(List.of());

  /**
   * A relay without front sockets. Made on any thread.
   *
   * @param limit shared by all loops; a reload changes it there
   * @param ownSources shared by all loops
   * @param captured what could come back to us
   */
  public UdpRelay(
      Loop loop, Steering steering, SessionLimit limit, OwnSources ownSources, Captured captured) {
    this(loop, steering, limit, ownSources, captured, ReplySockets.MOST);
  }

  /** With another bound of {@link ReplySockets}. */
  UdpRelay(
      Loop loop,
      Steering steering,
      SessionLimit limit,
      OwnSources ownSources,
      Captured captured,
      int mostReplySockets) {
    this.loop = loop;
    this.steering = steering;
    this.syscalls = loop.syscalls();
    Replies replies = new Replies(loop, mostReplySockets);
    this.flows = new Flows(loop, steering, limit, ownSources, captured, replies);
  }

  /**
   * {@inheritDoc}
   *
   * @param socket bound and non-blocking; a wildcard one reports the original destination
   *     (IP_PKTINFO, IPV6_RECVPKTINFO). An IPv6 one may take IPv4 as well; it may send from
   *     addresses that no interface has but a local route covers (IPV6_FREEBIND; IPv4 needs no
   *     option)
   */
  @Override
  public boolean register(CaptureSocket socket) {
    FrontSocket front = new FrontSocket(this, socket);
    fronts.add(front);
    return front.register(loop);
  }

  @Override
  public void open(CaptureSocket socket) {
    FrontSocket front = fronts.find(socket.port(), socket.fd());
    if (front != null) {
      front.read();
      clientsReady(front);
    }
  }

  @Override
  public void pause(CaptureSocket socket) {
    FrontSocket front = fronts.find(socket.port(), socket.fd());
    if (front != null) {
      front.pause();
    }
  }

  @Override
  public void letGo(CaptureSocket socket) {
    FrontSocket front = fronts.find(socket.port(), socket.fd());
    if (front != null) {
      abandon(front);
    }
  }

  /**
   * Takes nothing new from a socket, after what it holds already. Its flows live on: they reply
   * through it until they end, or until their clients' datagrams come through another socket. Then
   * its descriptor is closed.
   */
  @Override
  public void close(CaptureSocket socket) {
    FrontSocket front = fronts.find(socket.port(), socket.fd());
    if (front == null) {
      return;
    }
    if (!socket.isShared()) {
      connectToItself(socket);
    }
    int shares = front.isRead() ? MOST_SHARES_AT_CLOSE : 0;
    while (shares > 0 && receive(front)) {
      shares--;
    }
    abandon(front);
  }

  /**
   * A socket that is connected gets nothing from anybody but its peer, and no share of its
   * reuseport group's datagrams, but it can still send to anybody.
   */
  private void connectToItself(CaptureSocket socket) {
    IpAddress address = socket.address();
    if (address.equals(IpAddress.ANY_IPV4)) {
      address = IpAddress.ipv4(0x7f000001);
    } else if (address.equals(IpAddress.ANY_IPV6)) {
      address = IpAddress.ipv6(0, 1);
    }
    int _ = syscalls.connect(socket.fd(), new Sockaddr().set(address, socket.port()));
  }

  void abandon(FrontSocket front) {
    fronts.remove(front);
    front.close(syscalls);
  }

  /** Refuses datagrams without a flow from now on; the flows that exist go on. */
  public void drain() {
    flows.drain();
  }

  /** Adds the state of each flow that matches to a list, as it steps through them. */
  public SessionWalk list(SessionFilter filter, List<SessionState> into) {
    return flows.walk(filter, it -> into.add(FlowWalk.state(it, Loop.nowMillis())));
  }

  /** Ends each flow that matches, as it steps through them. */
  public SessionWalk kill(SessionFilter filter, Runnable count) {
    return flows.walk(
        filter,
        it -> {
          flows.end(it, SessionEnd.KILLED);
          count.run();
        });
  }

  /** How flows come from another daemon, and go to one. */
  public FlowMoves moves() {
    return new FlowMoves(loop, flows, fronts);
  }

  /** Ends all flows and closes all descriptors. */
  public void shutdown() {
    flows.endAll(SessionEnd.SHUTDOWN);
    fronts.all().forEach(this::abandon);
  }

  /** How many flows this loop has. Any thread. */
  public int flows() {
    return flows.count();
  }

  /** Epoll says that clients have sent something. */
  void clientsReady(FrontSocket front) {
    try {
      if (front.isRead() && receive(front)) {
        front.rearm();
      }
    } catch (RuntimeException | Error failure) {
      loop.fault("a front socket", failure); // thrown on, it would end the loop
      front.rearm();
    }
  }

  /** Takes a socket's share of datagrams in; true if there may be more. */
  private boolean receive(FrontSocket front) {
    DatagramBatch into = batch();
    refreshHeaderSources();
    int openedBefore = flows.opened();
    for (int round = 0; round < ROUNDS && flows.opened() - openedBefore < MOST_OPENED; round++) {
      int received = into.receive(syscalls, front.socket().fd(), 0, SLOTS);
      if (received > 0) {
        pass(front, into, received);
      }
      // After an error, too: the next datagram brings the next edge, and nothing spins until then.
      if (received < SLOTS) {
        return false;
      }
    }
    return true;
  }

  /** Once per share: a reload takes effect with the next. */
  private void refreshHeaderSources() {
    try {
      headerSources = steering.headerSources();
    } catch (RuntimeException | Error failure) {
      loop.fault("a snapshot", failure); // the last one's hold on: flows that exist need no lookup
    }
  }

  /** Splits a batch into runs of the same flow. */
  private void pass(FrontSocket front, DatagramBatch received, int count) {
    long nowMillis = Loop.nowMillis();
    int start = -1;
    int ifindex = 0;
    for (int slot = 0; slot < count; slot++) {
      boolean isCaptured = readKey(front, received, slot);
      if (isCaptured && start >= 0 && next.same(current)) {
        continue;
      }
      if (start >= 0) {
        passRun(front, received, start, slot, ifindex, nowMillis);
      }
      start = isCaptured ? slot : -1;
      ifindex = received.ifindex();
      FlowKey spare = current;
      current = next;
      next = spare;
    }
    if (start >= 0) {
      passRun(front, received, start, count, ifindex, nowMillis);
    }
  }

  /** Reads whose datagram it is into {@link #next}; false if it is not to be passed on. */
  private boolean readKey(FrontSocket front, DatagramBatch received, int slot) {
    CaptureSocket socket = front.socket();
    boolean isTold = received.readDestination(slot);
    boolean isBound = socket.isBound();
    int port = socket.arrival().isSteered() ? received.destinationPort() : socket.port();
    Tuple packet =
        scratch.set(
            received.family(slot),
            Protocol.UDP,
            received.clientHigh(slot),
            received.clientLow(slot),
            received.clientPort(slot),
            isBound ? socket.address().high() : received.destinationHigh(),
            isBound ? socket.address().low() : received.destinationLow(),
            port);
    FlowKey _ = next.set(packet, received.clientScope(slot));
    if (received.isTruncated(slot)) {
      return refuse(Refusal.UPSTREAM_BUFFER, received);
    }
    boolean isCaptured =
        isBound
            || isTold && socket.captures(next.family(), next.localHigh(), next.localLow(), port);
    if (!isCaptured) {
      return refuse(Refusal.NOT_CAPTURED, received);
    }
    try {
      return headerSources.isEmpty() || readHeader(received, slot);
    } catch (RuntimeException | Error failure) {
      loop.fault("a PROXY header", failure); // thrown on, the others of the batch would be lost
      return false;
    }
  }

  /** Refuses what {@link #next} is the key of; false. */
  private boolean refuse(Refusal reason, DatagramBatch received) {
    next.describe(steering.context(), scratch, received.ifindex());
    steering.refuse(reason);
    return false;
  }

  /**
   * Reads who the client is, if its peer must announce that, into {@link #next}, and leaves the
   * header out of what goes on; false if there is none.
   */
  private boolean readHeader(DatagramBatch received, int slot) {
    ProxyProtocolIn announcing =
        headerSources.of(
            Protocol.UDP,
            next.family(),
            next.clientHigh(),
            next.clientLow(),
            next.localHigh(),
            next.localLow(),
            next.localPort());
    if (announcing == null) {
      return true;
    }
    int length = header.read(received.bytes(slot), Protocol.UDP);
    if (length <= 0) {
      return refuse(Refusal.PROXY_HEADER, received);
    }
    if (header.hasAddresses()) {
      next.announce(header);
    }
    received.skip(slot, length);
    return true;
  }

  /** The TLVs that the header brought of the datagram that a flow is asked for. */
  private byte[] tlvs() {
    DatagramBatch received = batch();
    ByteBuffer datagram = received.bytes(asked);
    boolean isAnnounced = datagram.remaining() > received.length(asked);
    return isAnnounced && header.read(datagram, Protocol.UDP) > 0
        ? header.tlvs(datagram)
        : ProxyHeaderWriter.NO_TLVS;
  }

  /** Passes slots of the {@link #current} key on. */
  private void passRun(
      FrontSocket front, DatagramBatch run, int from, int to, int ifindex, long nowMillis) {
    try {
      passCurrent(front, run, from, to, ifindex, nowMillis);
    } catch (RuntimeException | Error failure) {
      loop.fault("a datagram", failure); // thrown on, the others of the batch would be lost
    }
  }

  private void passCurrent(
      FrontSocket front, DatagramBatch run, int from, int to, int ifindex, long nowMillis) {
    int at = from;
    int failedAt = -1;
    while (at < to) {
      Flow flow = flows.find(current);
      if (flow == null || flows.movesOn(flow, nowMillis)) {
        asked = at;
        flow = flows.open(front, current, ifindex, run.payload(at), tlvs, nowMillis);
      }
      if (flow != null && flow.front != front) {
        flows.move(flow, front);
      }
      int end = current.isPart() ? at + 1 : to; // the next may have another target
      int sent = flow == null ? at + 1 : send(flow, run, at, end, nowMillis);
      if (sent == at && at == failedAt) {
        current.describe(steering.context(), scratch, ifindex);
        steering.refuse(Refusal.CONNECT_ERROR);
        sent = at + 1; // it failed twice, so this is no earlier datagram's fate
      }
      failedAt = sent == at ? at : -1;
      at = sent;
      current.target(0);
    }
  }

  /**
   * Sends slots to a flow's target.
   *
   * @return where it stopped: short of {@code to} if the flow has ended; then these need another
   */
  private int send(Flow flow, DatagramBatch run, int from, int to, long nowMillis) {
    if (flow.connection != null) {
      flow.connection.seen(nowMillis);
    }
    int at = from;
    while (at < to) {
      if (flow.pace != null && flow.pace.allowed(1) == 0) {
        flows.dropped(flow, Refusal.BANDWIDTH, 0);
        at++;
        continue;
      }
      byte[] beginning = flow.header;
      if (beginning != null) {
        run.begin(at, flow.isHeaderForEvery() ? to : at + 1, beginning);
      }
      int sent = run.send(syscalls, flow.upstream(), at, to - at);
      if (sent > 0) {
        count(flow, run, at, at + sent);
        flows.asked(flow, sent, nowMillis);
        at += sent;
        flow.headerSent();
      } else if (UpstreamErrors.isUnreachable(-sent)) {
        flows.upstreamFailed(flow, -sent); // an earlier datagram's fate; this one has not been sent
        run.unbegin(at, to); // the next flow may have another header, or none
        return at;
      } else {
        flows.dropped(flow, UpstreamErrors.dropped(-sent), -sent);
        at++;
      }
    }
    return at;
  }

  private static void count(Flow flow, DatagramBatch run, int from, int to) {
    long bytes = 0;
    for (int slot = from; slot < to; slot++) {
      bytes += run.length(slot);
    }
    flow.bytesIn += bytes;
    if (flow.pace != null) {
      flow.pace.spend(bytes);
    }
    Traffic traffic = flow.target().destination().traffic();
    traffic.datagramsIn.add(to - from);
    traffic.bytesIn.add(bytes);
    flow.target().counters().bytesIn.add(bytes);
  }

  private DatagramBatch batch() {
    DatagramBatch known = batch;
    if (known == null) {
      known = DatagramBatch.fromClients(SLOTS);
      batch = known;
    }
    return known;
  }
}
