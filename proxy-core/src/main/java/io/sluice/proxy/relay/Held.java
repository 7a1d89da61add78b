package io.sluice.proxy.relay;

import io.netty.channel.epoll.EpollIoOps;
import io.sluice.proxy.handover.Packer;
import io.sluice.proxy.header.ProxyHeaderWriter;
import io.sluice.proxy.header.Via;
import io.sluice.proxy.loop.Watched;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.observe.SessionFilter;
import io.sluice.proxy.observe.SessionState;
import io.sluice.proxy.target.Target;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import org.jspecify.annotations.Nullable;

/**
 * An accepted connection that has to wait before it is connected to a target: for a place, or for
 * its PROXY header. Nothing is sent to the client, and nothing is read but that header; a client
 * that resets the connection leaves. Called on its loop only.
 */
abstract class Held extends Sessions.Entry {
  private static final EpollIoOps ONLY_ERRORS = EpollIoOps.EPOLLET; // which epoll tells always

  final TcpRelay relay;
  final @Nullable Via via;
  final Via client; // its addresses, announced or not
  final int ifindex;
  final Socket socket;
  private final long startMillis;
  private boolean isOver;

  /**
   * @param via who announced the client; null if nobody did
   */
  Held(TcpRelay relay, int fd, LookupContext context, @Nullable Via via) {
    this.relay = relay;
    this.via = via;
    this.client = Via.of(context, ProxyHeaderWriter.NO_TLVS);
    this.ifindex = context.ingressIfindex();
    this.startMillis = relay.loop().timeMillis();
    this.socket = new Socket(fd);
  }

  /** The connection's socket, until it goes on. */
  final class Socket extends Watched {
    private Socket(int fd) {
      super(fd);
    }

    @Override
    protected void ready(int events) {
      Held.this.ready(events);
    }

    @Override
    protected void failed(Throwable failure) {
      Held.this.failed(failure);
    }

    /** The loop goes down. */
    @Override
    public void close() {
      shutdown();
    }

    /** Another daemon has the connection. */
    void closeQuietly() {
      super.close();
    }
  }

  /** Something is to be seen at the socket: {@link Watched} says what. */
  void ready(int events) {
    if (!isOver && (events & Watched.ERROR) != 0) {
      shutdown();
    }
  }

  /** Something that can't happen did. */
  void failed(Throwable failure) {
    relay.loop().fault("a waiting connection", failure);
    shutdown();
  }

  @Override
  void begin() {
    relay.sessions().add(this);
    if (socket.watch(relay.loop(), ONLY_ERRORS)) {
      relay.loop().schedule(this);
    } else {
      refuse(Refusal.NO_DESCRIPTORS, null);
    }
  }

  final int number() {
    return socket.number();
  }

  final boolean isOver() {
    return isOver;
  }

  final long startMillis() {
    return startMillis;
  }

  final long ageMillis() {
    return relay.loop().timeMillis() - startMillis;
  }

  /** It waits no more; the descriptor stays open. */
  void leave() {
    stopWaiting();
    socket.release();
  }

  final void stopWaiting() {
    isOver = true;
    relay.loop().cancel(this);
    relay.sessions().remove(this);
  }

  final void waitAgain() {
    isOver = false;
    begin();
  }

  /** It waits no more, and is refused. */
  final void refuse(Refusal reason, @Nullable Target target) {
    leave();
    LookupContext _ = describe(relay.lookup());
    relay.refuse(number(), reason, target);
  }

  /** Describes its client. */
  final LookupContext describe(LookupContext context) {
    LookupContext described = client.describe(context, ifindex);
    return via == null ? described : via.addTo(described);
  }

  @Override
  void shutdown() {
    if (!isOver) {
      leave();
      relay.abandon(number());
    }
  }

  @Override
  final void kill() {
    shutdown();
  }

  /** Who waits for a place of this daemon stays. */
  @Override
  boolean pack(Packer out) {
    return false;
  }

  @Override
  void depart() {
    throw new IllegalStateException("a waiting connection isn't handed over");
  }

  @Override
  public void gone() {
    depart();
  }

  @Override
  public void back() {
    depart();
  }

  /** The label that it waits for; null if that isn't known. */
  abstract @Nullable String label();

  /** What it waits for. */
  abstract String waitsFor();

  @Override
  final boolean matches(SessionFilter filter) {
    LookupContext context = describe(relay.scratch());
    return filter.matches(
        label(), context.family(), context.remoteHigh(), context.remoteLow(), ageMillis());
  }

  @Override
  final SessionState state() {
    LookupContext context = describe(relay.scratch());
    return new SessionState(
        Protocol.TCP,
        IpAddress.withPort(context.remote(), context.remotePort()),
        IpAddress.withPort(context.local(), context.localPort()),
        label(),
        null,
        waitsFor(),
        ageMillis(),
        ageMillis(),
        0,
        0,
        SessionState.Tcp.of(relay.loop().syscalls().tcpInfo(number())),
        SessionState.Tcp.NONE,
        null);
  }
}
