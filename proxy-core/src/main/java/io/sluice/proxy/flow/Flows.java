package io.sluice.proxy.flow;

import static java.util.Objects.requireNonNull;

import io.sluice.config.DestinationSpec;
import io.sluice.proxy.arrival.Captured;
import io.sluice.proxy.connect.Attempt;
import io.sluice.proxy.connect.LoopGuard;
import io.sluice.proxy.connect.OwnSources;
import io.sluice.proxy.flow.Eviction.Shortage;
import io.sluice.proxy.handover.Packer;
import io.sluice.proxy.handover.Unpacker;
import io.sluice.proxy.header.ProxyHeaderWriter;
import io.sluice.proxy.health.Endpoint;
import io.sluice.proxy.limit.Admission;
import io.sluice.proxy.limit.SourcePlaces;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.lookup.Steering;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.loop.SessionLimit;
import io.sluice.proxy.loop.Share;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.observe.SessionEnd;
import io.sluice.proxy.observe.SessionFilter;
import io.sluice.proxy.observe.SessionWalk;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.Target;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Payload;
import io.sluice.steering.Protocol;
import io.sluice.steering.Tuple;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The flows of one loop: finds, opens and ends them. Everything but {@link #count} is called on the
 * loop's thread.
 */
final class Flows {
  /** A draining daemon doesn't wait for a flow that has been quiet for so long. */
  private static final long QUIET_MILLIS = 1_000;

  private final Loop loop;
  private final Syscalls syscalls;
  private final Steering steering;
  private final SessionLimit limit;
  private final FlowSockets sockets;
  private final LoopGuard guard;
  private final Replies replies;
  private final FlowTable<Flow> table;
  private final Eviction eviction = new Eviction();
  private final AtomicInteger count = new AtomicInteger();
  private final AtomicBoolean isAskedForRoom = new AtomicBoolean();
  private final DoneFlows done;
  private final LookupContext described = new LookupContext();
  private final Tuple scratch = new Tuple();
  private int opened;
  private boolean isDraining;

  Flows(
      Loop loop,
      Steering steering,
      SessionLimit limit,
      OwnSources ownSources,
      Captured captured,
      Replies replies) {
    this.loop = loop;
    this.syscalls = loop.syscalls();
    this.table = new FlowTable<>(syscalls);
    this.steering = steering;
    this.limit = limit;
    this.sockets = new FlowSockets(syscalls);
    this.guard = new LoopGuard(syscalls, ownSources, captured);
    this.replies = replies;
    this.done = new DoneFlows(loop, this);
    limit.roomMaker(this::askedForRoom);
  }

  /** How many were opened so far; the difference of two answers is what counts. */
  int opened() {
    return opened;
  }

  /** How many there are. Any thread. */
  int count() {
    return count.get();
  }

  /** Opens no more, and lets those that exist end once they are quiet. */
  void drain() {
    isDraining = true;
    table.entries().forEach(loop::schedule); // their deadlines are nearer now
  }

  /** How long a flow may be idle. */
  long idleMillis(long configuredMillis) {
    return isDraining ? Math.min(configuredMillis, QUIET_MILLIS) : configuredMillis;
  }

  /** The flow that a datagram belongs to, if there is one. */
  @Nullable Flow find(FlowKey key) {
    return table.get(key);
  }

  /** The client's datagrams come through another socket now: so do the replies. */
  void move(Flow flow, FrontSocket front) {
    replies.flush();
    FrontSocket before = flow.front;
    front.hold();
    flow.front = front;
    before.release(syscalls);
  }

  /**
   * Asks the engine where a datagram without a flow belongs, and opens a flow to there. If its
   * destination wants each datagram looked up, there may be a flow to that target already.
   *
   * @param key copied; left narrowed down to the target in the second case
   * @param tlvs that the client came with, in a PROXY protocol header; asked for a new flow's only
   * @return null if it is refused, which has been counted
   */
  @Nullable Flow open(
      FrontSocket front,
      FlowKey key,
      int ifindex,
      Payload datagram,
      Supplier<byte[]> tlvs,
      long nowMillis) {
    key.describe(steering.context(), scratch, ifindex);
    steering.context().payload(datagram);
    if (!guard.sources().isEmpty() && guard.sources().contains(steering.context())) {
      return refused(Refusal.LOOP, null, 0);
    }
    Target target = steering.steer().target();
    if (target == null) {
      return null;
    }
    Destination destination = target.destination();
    if (destination.spec().affinity() == DestinationSpec.Affinity.DATAGRAM) {
      key.target(target.socket().cookie());
      Flow known = table.get(key);
      if (known != null) {
        return known;
      }
    }
    boolean answersReturn = answersReturn(key.physical());
    if (answersReturn && !isAllowed(key.physical())) {
      return refused(Refusal.OWN_SOURCE, target, 0);
    }
    if (isDraining) {
      return refused(Refusal.DRAINING, target, 0);
    }
    Admission admission = steering.admit(destination);
    Refusal over = admission.refusal();
    if (over != null) {
      return refused(over, target, 0);
    }
    SourcePlaces places = admission.places();
    Flow flow = open(front, key, target, nowMillis);
    if (flow == null) {
      SourcePlaces.leaveAny(places);
      return null;
    }
    flow.places = places;
    flow.pace = destination.pace(places);
    if (destination.isQuic()) {
      flow.connection = destination.connection(datagram);
    }
    ProxyHeaderWriter writer = destination.header();
    if (writer != null) {
      flow.header = writer.header(steering.context(), tlvs.get());
    }
    if (answersReturn) {
      flow.ownReplies = guard.sources().add(flow.key().physical().reply());
    }
    target.opened();
    target.counters().flowOpened();
    front.hold();
    table.put(flow);
    eviction.opened(flow);
    opened++;
    loop.schedule(flow);
    count.incrementAndGet();
    return flow;
  }

  /** A flow that has places in all limits, and its socket; null if it is refused. */
  private @Nullable Flow open(FrontSocket front, FlowKey key, Target target, long nowMillis) {
    Destination destination = target.destination();
    if (!destination.tryOpen()) {
      return refused(Refusal.DESTINATION_LIMIT, target, 0);
    }
    if (!limit.tryOpen()) {
      limit.open(); // before another one leaves, so that no other loop takes its place
      if (!makeRoom(Shortage.FLOWS, null)) {
        limit.close();
        destination.close();
        return refused(Refusal.FLOW_LIMIT, target, 0);
      }
      if (limit.isExceeded()) { // a reload has lowered it
        boolean _ = makeRoom(Shortage.FLOWS, null);
      }
    }
    Flow flow = connect(front, key, target, nowMillis);
    if (flow == null) {
      limit.close();
      destination.close();
    }
    return flow;
  }

  /** Whether answers to a client come back to us. */
  private boolean answersReturn(FlowKey came) {
    return guard.returns(
        Protocol.UDP, came.family(), came.clientHigh(), came.clientLow(), came.clientPort());
  }

  private boolean isAllowed(FlowKey came) {
    return steering.allowsCapturedSource(
        came.family(), came.clientHigh(), came.clientLow(), came.clientPort());
  }

  private @Nullable Flow connect(FrontSocket front, FlowKey key, Target target, long nowMillis) {
    Attempt made = sockets.open(target, steering.context(), false, nowMillis);
    Shortage shortage = sockets.shortage();
    if (made == null && shortage != null && makeRoom(shortage, sockets.ports(target))) {
      made = sockets.open(target, steering.context(), true, nowMillis);
    }
    if (made == null) {
      return refused(sockets.refusal(), target, sockets.errno());
    }
    Endpoint endpoint = requireNonNull(made.endpoint());
    Flow flow = new Flow(this, key.copy(), front, target, endpoint, made.descriptor(), nowMillis);
    flow.ports = sockets.ports(target);
    if (!flow.register(loop)) {
      sockets.close(flow);
      return refused(Refusal.NO_DESCRIPTORS, target, 0);
    }
    endpoint.checkSilence(nowMillis); // then the next datagram goes elsewhere
    flow.ownSource = guard.note(Protocol.UDP, made, target);
    return flow;
  }

  private @Nullable Flow refused(Refusal reason, @Nullable Target target, int errno) {
    steering.refuse(reason, target, errno);
    return null;
  }

  /**
   * Counts and keeps a refusal of what a flow carries.
   *
   * @param errno positive
   */
  void dropped(Flow flow, Refusal reason, int errno) {
    flow.key().describe(described, scratch, 0);
    steering.refuse(reason, described, flow.target(), errno);
  }

  /** Ends flows for a new one; if this loop has none, it asks the others to, for the next one. */
  private boolean makeRoom(Shortage shortage, @Nullable Share ports) {
    eviction.tell(shortage, limit.active());
    for (int ended = 0; ended < shortage.flowsAtOnce(); ended++) {
      Flow next = shortage.isOfPorts() ? eviction.next(ports) : eviction.next();
      if (next == null) {
        limit.askForRoom();
        return ended > 0;
      }
      end(next, SessionEnd.EVICTED);
    }
    return true;
  }

  /** Another loop needs room. Any thread. */
  private void askedForRoom() {
    if (count.get() > 0 && isAskedForRoom.compareAndSet(false, true)) {
      loop.execute(() -> {
        isAskedForRoom.set(false);
        Flow oldest = eviction.next();
        if (oldest != null) {
          end(oldest, SessionEnd.EVICTED);
        }
      });
    }
  }

  /** Ends a flow whose client needs another target now; false if it can stay. */
  boolean movesOn(Flow flow, long nowMillis) {
    if (isDraining) {
      return false; // there is no new one for it
    }
    flow.endpoint().checkSilence(nowMillis);
    if (!flow.mustMove(nowMillis)) {
      return false;
    }
    end(flow, SessionEnd.MOVED);
    return true;
  }

  /** A flow's client has sent something to the target. */
  void asked(Flow flow, int datagrams, long nowMillis) {
    if (flow.asked(datagrams, nowMillis)) {
      eviction.used(flow, false);
    }
  }

  /** Epoll says that the target has answered, or that an error came back. */
  void upstreamReady(Flow flow) {
    if (flow.isEnded) {
      return;
    }
    takeReplies(flow);
    if (replies.failure() != 0) {
      unreachable(flow, replies.failure());
    } else if (!replies.isDrained()) {
      flow.rearm();
    }
  }

  private void takeReplies(Flow flow) {
    int taken = replies.receive(flow);
    if (taken == 0) {
      return;
    }
    flow.answered(taken, Loop.nowMillis());
    boolean isFirst = !flow.isAnswered;
    flow.isAnswered = true;
    eviction.used(flow, isFirst);
    if (flow.isDone() && !flow.isEnding) {
      done.add(flow);
    }
  }

  /** Sending to the target told the fate of an earlier datagram. */
  void upstreamFailed(Flow flow, int errno) {
    takeReplies(flow);
    unreachable(flow, errno);
  }

  private void unreachable(Flow flow, int errno) {
    Refusal reason = errno == Linux.ECONNREFUSED ? Refusal.PORT_UNREACHABLE : Refusal.CONNECT_ERROR;
    dropped(flow, reason, errno);
    flow.target().counters().failed(reason);
    flow.endpoint().failed(reason);
    end(flow, SessionEnd.UNREACHABLE);
  }

  /** Ends a flow; one that has ended stays so. */
  void end(Flow flow, SessionEnd end) {
    if (flow.isEnded) {
      return;
    }
    flow.isEnded = true;
    replies.flush();
    boolean _ = table.remove(flow.key());
    eviction.ended(flow);
    loop.cancel(flow);
    release(flow);
    Target target = flow.target();
    target.destination().traffic().ends(end).increment();
    FlowWalk.record(flow, end);
  }

  /** Closes its socket, and gives back all that it has counted. */
  private void release(Flow flow) {
    guard.forget(flow.ownSource);
    guard.forget(flow.ownReplies);
    sockets.close(flow);
    replies.release(flow);
    flow.front.release(syscalls);
    count.decrementAndGet();
    limit.close();
    flow.target().closed();
    flow.target().destination().close();
    SourcePlaces.leaveAny(flow.places);
  }

  // ---- to and from another daemon

  /** Describes a flow that leaves, and listens to it no more; true, as each can leave. */
  boolean pack(Flow flow, Packer out) {
    flow.pack(out, syscalls, Loop.nowMillis());
    replies.flush();
    boolean _ = table.remove(flow.key());
    eviction.ended(flow);
    loop.cancel(flow);
    flow.unregister();
    return true;
  }

  /** A flow of another daemon's, which replies through this socket; null if it can't be taken. */
  @Nullable Flow unpack(Unpacker in, FrontSocket front) {
    Target target = steering.target(in.text(), Protocol.UDP, in.text());
    Endpoint endpoint = target == null ? null : target.endpoint(in.text());
    if (target == null || endpoint == null) {
      return null;
    }
    FlowKey key = FlowKey.unpack(in, target.socket().cookie());
    long now = Loop.nowMillis();
    Flow flow = new Flow(this, key, front, target, endpoint, in.descriptor(), now);
    flow.unpack(in, guard.sources(), now);
    flow.ports = sockets.adopt(target);
    target.destination().reopen();
    target.opened();
    limit.open();
    front.hold();
    count.incrementAndGet();
    return flow;
  }

  /** It goes on here. */
  void back(Flow flow) {
    table.put(flow);
    eviction.opened(flow);
    if (flow.isAnswered) {
      eviction.used(flow, true);
    }
    loop.schedule(flow);
    if (!flow.register(loop)) {
      end(flow, SessionEnd.FAILED);
    }
  }

  /** It goes on elsewhere. */
  void gone(Flow flow) {
    flow.isEnded = true;
    release(flow);
  }

  /** A walk that does something with each flow that matches and lives. */
  SessionWalk walk(SessionFilter filter, Consumer<Flow> action) {
    return new FlowWalk(table.entries(), filter, action);
  }

  /** Something that can't happen did: ends this flow, so that the others live. */
  void failed(Flow flow, Throwable failure) {
    loop.fault("a flow", failure);
    end(flow, SessionEnd.FAILED);
  }

  /** Ends all of them. */
  void endAll(SessionEnd end) {
    for (Flow flow : table.entries()) {
      end(flow, end);
    }
  }
}
