package io.sluice.proxy.flow;

import io.netty.channel.IoEvent;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoHandle;
import io.netty.channel.unix.FileDescriptor;
import io.sluice.config.OnDown;
import io.sluice.proxy.connect.OwnSources;
import io.sluice.proxy.handover.Movable;
import io.sluice.proxy.handover.Packer;
import io.sluice.proxy.handover.Unpacker;
import io.sluice.proxy.header.ProxyHeaderWriter;
import io.sluice.proxy.health.Endpoint;
import io.sluice.proxy.limit.Pace;
import io.sluice.proxy.limit.SourcePlaces;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.loop.Share;
import io.sluice.proxy.loop.TimerWheel;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.observe.SessionEnd;
import io.sluice.proxy.target.Target;
import io.sluice.steering.Tuple;
import io.sluice.steering.reuseport.ConnectionIds;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * One client's datagrams to one address and port, and the connected socket that they leave through.
 * It keeps its target over a reload that keeps the target. With {@code affinity: datagram} it is
 * one target's part of them. Belongs to its loop's thread.
 *
 * <pre>
 *             a datagram without a flow
 *                        │
 *                  ┌─────▼──────┐  an answer  ┌──────────┐ ◀─────── an answer ───────┐
 *                  │ unanswered ├────────────▶│ answered │                       ┌───┴─────┐
 *                  └─────┬──────┘             └─┬──────┬─┘ ── a client's ───────▶│ waiting │
 *                        │                      │      │       datagram          └───┬─────┘
 *   unreachable, moved,  │   unreachable, moved,│      │ all {@code responses} there │ as answered,
 *   evicted, idle        ▼   evicted, idle      ▼      ▼ answered                    ▼ but later
 * </pre>
 *
 * <p>Idle is counted from an unanswered flow's last datagram; from an answered one's last answer;
 * and from a waiting one's first datagram after that, so that what a client says to a target that
 * has stopped answering doesn't keep the flow alive.
 */
final class Flow extends TimerWheel.Entry implements EpollIoHandle, FlowTable.Keyed, Movable {
  /** A target that is down and has not answered for so long is silent. */
  private static final long SILENT_MILLIS = 1_000;

  private final Flows flows;
  private final FlowKey key;
  private final Target target;
  private final Endpoint endpoint;
  private final FileDescriptor descriptor;
  private long openedMillis;
  private final long idleMillis;

  /** The socket that the client's datagrams come from and the replies leave through. */
  FrontSocket front;

  /** The socket that replies leave through instead, where the front socket can't. */
  @Nullable ReplySocket reply;

  /** When it was active last: see above. */
  private long activeMillis;

  /** Payload from the client to the target, in bytes. */
  long bytesIn;

  /** Payload from the target to the client, in bytes. */
  long bytesOut;

  /** The target has answered: this is no forged source, so others make room first. */
  boolean isAnswered;

  /** The client has sent something since the last answer. */
  private boolean isWaiting;

  /** How many answers are still to come, if the destination says how many there are. */
  private int owed;

  /** It is among those that end after the events at hand. */
  boolean isEnding;

  private final OnDown onDown;

  /** The target was not passed over when the flow was opened. */
  private boolean wasUp;

  /** The target was to be left already when the flow was opened: nobody else could take it. */
  private boolean wasRetired;

  /** What {@link Endpoint#asked} said last. */
  private int silenceRound;

  /** The QUIC connection that it carries, as far as that is known. */
  ConnectionIds.@Nullable Entry connection;

  /** It is over, and its descriptor closed. */
  boolean isEnded;

  /** What its source has by it; null if nothing is counted. */
  @Nullable SourcePlaces places;

  /** How fast it may go; null if nothing bounds it. */
  @Nullable Pace pace;

  /** The share that its local port is of. */
  @Nullable Share ports;

  /** What its socket is noted as, because what it sends could come back to us. */
  @Nullable Tuple ownSource;

  /** What its replies are noted as, because the client is captured itself. */
  @Nullable Tuple ownReplies;

  /** The PROXY protocol header that its target's datagrams begin with; null for none (any more). */
  byte @Nullable [] header;

  /** Neighbours in their {@link FlowQueue}. */
  @Nullable Flow older;

  @Nullable Flow newer;

  private @Nullable IoRegistration registration;

  /**
   * @param key nobody changes it any more
   * @param fd connected to {@code endpoint}
   */
  Flow(
      Flows flows,
      FlowKey key,
      FrontSocket front,
      Target target,
      Endpoint endpoint,
      int fd,
      long nowMillis) {
    this.flows = flows;
    this.key = key;
    this.front = front;
    this.target = target;
    this.endpoint = endpoint;
    this.descriptor = new FileDescriptor(fd);
    this.openedMillis = nowMillis;
    this.activeMillis = nowMillis;
    this.idleMillis = target.destination().spec().idleTimeout().toMillis();
    this.onDown = target.destination().spec().health().onDown();
    this.wasUp = endpoint.isUp();
    this.wasRetired = target.isRetired(endpoint);
    if (target.destination().spec().responses() > 0) {
      endpoint.mustAnswer();
    }
  }

  /** Describes it: its socket, whom it leads to, and how far it has come. */
  void pack(Packer out, Syscalls syscalls, long nowMillis) {
    out.descriptor(upstream())
        .i64(front.cookie(syscalls))
        .text(target.destination().label())
        .text(target.toString())
        .text(endpoint.address().toString());
    key.pack(out);
    byte[] beginning = header;
    out.i64(nowMillis - openedMillis)
        .i64(nowMillis - activeMillis)
        .i64(bytesIn)
        .i64(bytesOut)
        .i32(owed)
        .u16(flags());
    if (beginning != null) {
      out.bytes(beginning);
    }
    if (ownSource != null) {
      out.tuple(ownSource);
    }
    if (ownReplies != null) {
      out.tuple(ownReplies);
    }
  }

  private int flags() {
    return (isAnswered ? 1 : 0)
        | (isWaiting ? 1 << 1 : 0)
        | (wasUp ? 1 << 2 : 0)
        | (wasRetired ? 1 << 3 : 0)
        | (header != null ? 1 << 4 : 0)
        | (ownSource != null ? 1 << 5 : 0)
        | (ownReplies != null ? 1 << 6 : 0);
  }

  /** Takes what {@link #pack} described. */
  void unpack(Unpacker in, OwnSources sources, long nowMillis) {
    openedMillis = nowMillis - in.i64();
    activeMillis = nowMillis - in.i64();
    bytesIn = in.i64();
    bytesOut = in.i64();
    owed = in.i32();
    int flags = in.u16();
    isAnswered = (flags & 1) != 0;
    isWaiting = (flags & 1 << 1) != 0;
    wasUp = (flags & 1 << 2) != 0;
    wasRetired = (flags & 1 << 3) != 0;
    header = (flags & 1 << 4) != 0 ? in.bytes() : null;
    ownSource = (flags & 1 << 5) != 0 ? sources.add(in.tuple()) : null;
    ownReplies = (flags & 1 << 6) != 0 ? sources.add(in.tuple()) : null;
  }

  /** Nobody hears of replies for a while. */
  void unregister() {
    if (registration != null) {
      registration.cancel();
      registration = null;
    }
  }

  @Override
  public void back() {
    flows.back(this);
  }

  @Override
  public void gone() {
    flows.gone(this);
  }

  /** Starts to hear of replies; false if epoll refused. */
  boolean register(Loop loop) {
    registration = loop.register(this, Loop.READ_EDGES);
    return registration != null;
  }

  /**
   * Has epoll tell again that there are replies: some were left, so that others have their turn.
   */
  void rearm() {
    if (registration != null) {
      registration.submit(Loop.READ_EDGES);
    }
  }

  /** Whether each datagram begins with the {@link #header}. */
  boolean isHeaderForEvery() {
    ProxyHeaderWriter writer = target.destination().header();
    return writer != null && writer.isForEveryDatagram();
  }

  /** A datagram went out: if only the first has a header, that was it. */
  void headerSent() {
    if (header != null && !isHeaderForEvery()) {
      header = null;
    }
  }

  /**
   * Datagrams went to the target.
   *
   * @return whether they begin a new wait, so that the flow counts as used
   */
  boolean asked(int datagrams, long nowMillis) {
    silenceRound = endpoint.asked(silenceRound, nowMillis);
    owed += datagrams * target.destination().spec().responses();
    if (isWaiting) {
      return false;
    }
    isWaiting = isAnswered;
    activeMillis = nowMillis;
    return isAnswered;
  }

  /** Answers came from the target. */
  void answered(int datagrams, long nowMillis) {
    isWaiting = false;
    owed = Math.max(0, owed - datagrams);
    activeMillis = nowMillis;
    endpoint.heard(nowMillis);
  }

  /** Whether it has had all answers that it can expect. */
  boolean isDone() {
    return isAnswered && owed == 0 && target.destination().spec().responses() > 0;
  }

  /**
   * Whether the client's next datagram needs another target: this one has failed, and {@code
   * onDown} says so, or is gone from the configuration or from its name. Two volatile reads.
   */
  boolean mustMove(long nowMillis) {
    return (wasUp && !endpoint.isUp() && leaves(nowMillis))
        || (!wasRetired && target.isRetired(endpoint));
  }

  /** Whether it leaves its target, which is down. */
  private boolean leaves(long nowMillis) {
    return switch (onDown) {
      case KEEP, CLOSE -> false;
      case MOVE -> true;
      case MOVE_SILENT -> {
        long askedMillis = isAnswered ? activeMillis : openedMillis;
        yield (isWaiting || !isAnswered) && nowMillis - askedMillis >= SILENT_MILLIS;
      }
    };
  }

  /**
   * A datagram to or from the target is lost.
   *
   * @param errno positive; 0 if the kernel wasn't asked
   */
  void dropped(Refusal reason, int errno) {
    flows.dropped(this, reason, errno);
  }

  /**
   * Closes the socket. Doing so before Netty is told spares the epoll_ctl: the kernel forgets it by
   * itself.
   */
  void closeDescriptor() {
    try {
      descriptor.close();
    } catch (IOException _) {
      // Nothing more can be done about it.
    }
    if (registration != null) {
      registration.cancel();
    }
  }

  @Override
  public FlowKey key() {
    return key;
  }

  Target target() {
    return target;
  }

  /** Where the target is reached. */
  Endpoint endpoint() {
    return endpoint;
  }

  int upstream() {
    return descriptor.intValue();
  }

  /** When it was active last, for who shows it. */
  long activeMillis() {
    return activeMillis;
  }

  long openedMillis() {
    return openedMillis;
  }

  @Override
  public FileDescriptor fd() {
    return descriptor;
  }

  @Override
  public void handle(IoRegistration registration, IoEvent event) {
    try {
      flows.upstreamReady(this);
    } catch (RuntimeException | Error failure) {
      flows.failed(this, failure); // thrown on, other flows would lose their events
    }
  }

  /** The loop itself is going down. */
  @Override
  public void close() {
    flows.end(this, SessionEnd.SHUTDOWN);
  }

  @Override
  protected long deadlineMillis() {
    return activeMillis + flows.idleMillis(idleMillis);
  }

  @Override
  protected void expired() {
    flows.end(this, SessionEnd.IDLE);
  }
}
