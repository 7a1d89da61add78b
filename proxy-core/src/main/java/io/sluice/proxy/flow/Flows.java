package io.sluice.proxy.flow;

import static java.util.Objects.requireNonNull;

import io.sluice.config.DestinationSpec;
import io.sluice.proxy.capture.Captured;
import io.sluice.proxy.capture.SessionLimit;
import io.sluice.proxy.header.ProxyHeaderWriter;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.loop.Descriptors;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.metrics.AccessLog;
import io.sluice.proxy.target.Attempt;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.Endpoint;
import io.sluice.proxy.target.LoopGuard;
import io.sluice.proxy.target.OwnSources;
import io.sluice.proxy.target.SessionEnd;
import io.sluice.proxy.target.Steering;
import io.sluice.proxy.target.Target;
import io.sluice.proxy.target.Upstreams;
import io.sluice.steering.DropReason;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Payload;
import io.sluice.steering.Protocol;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The flows of one loop: finds, opens and ends them. Everything but {@link #count} is called on the
 * loop's thread.
 */
final class Flows {
  private final Loop loop;
  private final Syscalls syscalls;
  private final Steering steering;
  private final SessionLimit limit;
  private final Upstreams upstreams;
  private final LoopGuard guard;
  private final Replies replies;
  private final FlowTable<Flow> table;
  private final UnansweredFlows unanswered = new UnansweredFlows();
  private final AtomicInteger count = new AtomicInteger();

  /** A draining daemon doesn't wait for a flow that has been quiet for so long. */
  private static final long QUIET_MILLIS = 1_000;

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
    this.upstreams = new Upstreams(loop.syscalls());
    this.guard = new LoopGuard(loop.syscalls(), ownSources, captured);
    this.replies = replies;
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
    describe(key, ifindex, datagram);
    if (!guard.sources().isEmpty() && guard.sources().contains(steering.context())) {
      return refused(DropReason.LOOP);
    }
    Target target = steering.steer();
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
    if (isDraining) {
      return refused(DropReason.DRAINING);
    }
    if (!destination.tryOpen()) {
      return refused(DropReason.DESTINATION_LIMIT);
    }
    if (!limit.tryOpen() && !(evict() && limit.tryOpen())) {
      destination.close();
      return refused(DropReason.FLOW_LIMIT);
    }
    Flow flow = connect(front, key, target, nowMillis);
    if (flow == null) {
      limit.close();
      destination.close();
      return null;
    }
    if (destination.isQuic()) {
      flow.connection = destination.connection(datagram);
    }
    ProxyHeaderWriter writer = destination.header();
    if (writer != null) {
      flow.header = writer.header(steering.context(), tlvs.get());
    }
    target.opened();
    front.hold();
    table.put(flow);
    unanswered.add(flow);
    loop.schedule(flow);
    count.incrementAndGet();
    return flow;
  }

  private void describe(FlowKey key, int ifindex, Payload datagram) {
    LookupContext context = steering.context();
    if (key.family() == Family.IPV4) {
      context.ipv4(
          Protocol.UDP,
          (int) key.clientLow(),
          key.clientPort(),
          (int) key.localLow(),
          key.localPort(),
          ifindex);
    } else {
      context.ipv6(
          Protocol.UDP,
          key.clientHigh(),
          key.clientLow(),
          key.clientPort(),
          key.localHigh(),
          key.localLow(),
          key.localPort(),
          ifindex);
    }
    context.payload(datagram);
    if (key.isAnnounced()) {
      FlowKey came = key.physical();
      context.physical(
          came.family(),
          came.clientHigh(),
          came.clientLow(),
          came.clientPort(),
          came.localHigh(),
          came.localLow(),
          came.localPort());
    }
  }

  private @Nullable Flow connect(FrontSocket front, FlowKey key, Target target, long nowMillis) {
    Attempt attempt = openUpstream(target);
    if (isExhausted(attempt) && evict()) {
      attempt = openUpstream(target);
    }
    if (!attempt.isOpen()) {
      return isExhausted(attempt) ? refused(DropReason.NO_DESCRIPTORS) : notOpened(attempt);
    }
    int fd = attempt.descriptor();
    Endpoint endpoint = requireNonNull(attempt.endpoint());
    Flow flow = new Flow(this, key.copy(), front, target, endpoint, fd, nowMillis);
    if (!flow.register(loop)) {
      int _ = syscalls.close(fd);
      return refused(DropReason.NO_DESCRIPTORS);
    }
    flow.ownSource = guard.note(Protocol.UDP, attempt, target);
    return flow;
  }

  private Attempt openUpstream(Target target) {
    Attempt attempt = upstreams.openFlow(target, steering.context());
    if (attempt.isOpen() && Descriptors.isReserved(attempt.descriptor())) {
      int _ = syscalls.close(attempt.descriptor());
      return attempt.failed(DropReason.NO_DESCRIPTORS, -Linux.EMFILE);
    }
    return attempt;
  }

  private static boolean isExhausted(Attempt attempt) {
    return attempt.errno() == Linux.EMFILE || attempt.errno() == Linux.ENFILE;
  }

  private @Nullable Flow refused(DropReason reason) {
    steering.refuse(reason);
    return null;
  }

  private @Nullable Flow notOpened(Attempt attempt) {
    DropReason reason = attempt.reason();
    if (reason == DropReason.CONNECT_ERROR) {
      requireNonNull(attempt.endpoint()).failed(reason); // the others say nothing about it
    }
    return refused(reason);
  }

  /** Ends the flow that has waited longest for a first answer; false if there is none. */
  private boolean evict() {
    Flow oldest = unanswered.oldest();
    if (oldest == null) {
      return false;
    }
    end(oldest, SessionEnd.EVICTED);
    return true;
  }

  /** Epoll says that the target has answered, or that an error came back. */
  void upstreamReady(Flow flow) {
    if (flow.isEnded) {
      return;
    }
    takeReplies(flow);
    if (replies.isRefused()) {
      unreachable(flow);
    } else if (!replies.isDrained()) {
      flow.rearm();
    }
  }

  private void takeReplies(Flow flow) {
    if (replies.receive(flow) == 0) {
      return;
    }
    flow.activeMillis = Loop.nowMillis();
    if (!flow.isAnswered) {
      flow.isAnswered = true;
      unanswered.remove(flow);
    }
    flow.endpoint().succeeded();
  }

  /** Sending to the target said that its port is unreachable. */
  void upstreamRefused(Flow flow) {
    takeReplies(flow);
    unreachable(flow);
  }

  private void unreachable(Flow flow) {
    steering.counters().drops(DropReason.PORT_UNREACHABLE, Protocol.UDP).increment();
    flow.endpoint().failed(DropReason.PORT_UNREACHABLE);
    end(flow, SessionEnd.UNREACHABLE);
  }

  /**
   * Why the kernel did not pass a datagram on to the target's socket.
   *
   * @param errno positive
   */
  static DropReason upstreamDrop(int errno) {
    return switch (errno) {
      case Linux.EAGAIN, Linux.ENOBUFS, Linux.ENOMEM, Linux.EMSGSIZE -> DropReason.UPSTREAM_BUFFER;
      default -> DropReason.CONNECT_ERROR;
    };
  }

  /** Ends a flow; one that has ended stays so. */
  void end(Flow flow, SessionEnd end) {
    if (flow.isEnded) {
      return;
    }
    flow.isEnded = true;
    replies.flush();
    boolean _ = table.remove(flow.key());
    if (!flow.isAnswered) {
      unanswered.remove(flow);
    }
    loop.cancel(flow);
    flow.deregister();
    guard.forget(flow.ownSource);
    int _ = syscalls.close(flow.upstream());
    replies.release(flow);
    flow.front.release(syscalls);
    count.decrementAndGet();
    limit.close();
    Target target = flow.target();
    target.closed();
    target.destination().close();
    target.destination().traffic().ends(end).increment();
    if (AccessLog.isOn()) {
      FlowKey key = flow.key();
      AccessLog.ended(
          Protocol.UDP,
          key.client(),
          key.clientPort(),
          key.local(),
          key.localPort(),
          target.destination().label(),
          target.toString(),
          end.word(),
          Loop.nowMillis() - flow.openedMillis(),
          flow.bytesIn,
          flow.bytesOut,
          key.isAnnounced()
              ? IpAddress.withPort(key.physical().client(), key.physical().clientPort())
              : null);
    }
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
