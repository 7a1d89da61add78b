package io.sluice.proxy.flow;

import io.netty.channel.IoEvent;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoHandle;
import io.netty.channel.unix.FileDescriptor;
import io.sluice.proxy.header.ProxyHeaderWriter;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.loop.TimerWheel;
import io.sluice.proxy.target.Endpoint;
import io.sluice.proxy.target.OwnSources;
import io.sluice.proxy.target.SessionEnd;
import io.sluice.proxy.target.Target;
import io.sluice.steering.reuseport.ConnectionIds;
import org.jspecify.annotations.Nullable;

/**
 * One client's datagrams to one address and port, and the connected socket that they leave through.
 * It keeps its target over a reload. With {@code affinity: datagram} it is one target's part of
 * them. Belongs to its loop's thread.
 */
final class Flow extends TimerWheel.Entry implements EpollIoHandle, FlowTable.Keyed {
  private final Flows flows;
  private final FlowKey key;
  private final Target target;
  private final Endpoint endpoint;
  private final FileDescriptor descriptor;
  private final long openedMillis;
  private final long idleMillis;

  /** The socket that the client's datagrams come from and the replies leave through. */
  FrontSocket front;

  /** The socket that replies leave through instead, where the front socket can't. */
  @Nullable ReplySocket reply;

  /** When the last datagram of either direction came. */
  long activeMillis;

  /** Payload from the client to the target, in bytes. */
  long bytesIn;

  /** Payload from the target to the client, in bytes. */
  long bytesOut;

  /** The target has answered: this is no forged source, and no eviction touches it. */
  boolean isAnswered;

  /** The QUIC connection that it carries, as far as that is known. */
  ConnectionIds.@Nullable Entry connection;

  /** It is over, and its descriptor closed. */
  boolean isEnded;

  /** What its socket is noted as, because what it sends could come back to us. */
  OwnSources.@Nullable Source ownSource;

  /** The PROXY protocol header that its target's datagrams begin with; null for none (any more). */
  byte @Nullable [] header;

  /** Neighbours in {@link UnansweredFlows}. */
  @Nullable Flow older;

  @Nullable Flow newer;

  private @Nullable IoRegistration registration;

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
  }

  /** Starts to hear of replies; false if epoll refused. */
  boolean register(Loop loop) {
    registration = loop.register(this, Loop.READ_EDGES);
    return registration != null;
  }

  /** Has epoll tell again that there are replies: some were left for the sake of the others. */
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

  /** Hears of no more replies. */
  void deregister() {
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
      flows.failed(this, failure); // thrown on, it would cost other flows their events
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
