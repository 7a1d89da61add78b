package io.sluice.proxy.relay;

import static java.util.Objects.requireNonNull;

import io.sluice.config.DestinationSpec;
import io.sluice.proxy.header.ProxyHeaderWriter;
import io.sluice.proxy.header.Via;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.loop.TimerWheel;
import io.sluice.proxy.metrics.AccessLog;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.Endpoint;
import io.sluice.proxy.target.OwnSources;
import io.sluice.proxy.target.SessionEnd;
import io.sluice.proxy.target.Target;
import io.sluice.proxy.target.Upstreams;
import io.sluice.steering.DropReason;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.reuseport.Tried;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A client's connection and the one that we made for it to a target. Called on its loop only.
 *
 * <pre>
 *   CONNECTING ──▶ RELAYING ──────────────▶ CLOSED    both sent FIN, or a timeout
 *       │             └────▶ RESETTING ──▶ CLOSED    one side broke: the other is reset, but
 *       └───────────────────────────────▶ CLOSED    not before it has all that was sent to it
 * </pre>
 *
 * <p>Readiness is edge-triggered and asked for once: a side is read until it is empty or the other
 * side can't take more, and then not before that one can.
 *
 * <p>Longer than most files here, because connecting, relaying and ending turn on the same state,
 * and what an event means is only clear beside what the other two leave behind.
 */
final class TcpSession extends TimerWheel.Entry {
  private static final Logger log = LoggerFactory.getLogger(TcpSession.class);

  /** How many buffers or pipes one side may fill before the loop sees to others. */
  private static final int TURNS = 16;

  /** A side that sends less at a time than this goes back from splicing to copying. */
  private static final int BULK_BYTES = Loop.BUFFER_BYTES / 4;

  private enum State {
    CONNECTING,
    RELAYING,
    RESETTING,
    CLOSED
  }

  private final TcpRelay relay;
  private final Side client;
  private final Family family;
  private final long remoteHigh;
  private final long remoteLow;
  private final long localHigh;
  private final long localLow;
  private final char remotePort;
  private final char localPort;
  private final @Nullable Via via;
  private final long startMillis;
  private @Nullable Side upstream;
  private Target target;
  private @Nullable Endpoint endpoint;
  private State state = State.CONNECTING;
  private @Nullable SessionEnd end;
  private int retries;
  private @Nullable Tried tried;
  private long activeMillis;
  private int undelivered;

  TcpSession(TcpRelay relay, LookupContext context, int fd, Target target, @Nullable Via via) {
    this.relay = relay;
    this.via = via;
    this.target = target;
    this.client = new Side(this, fd);
    this.family = context.family();
    this.remoteHigh = context.remoteHigh();
    this.remoteLow = context.remoteLow();
    this.remotePort = (char) context.remotePort();
    this.localHigh = context.localHigh();
    this.localLow = context.localLow();
    this.localPort = (char) context.localPort();
    this.startMillis = Loop.nowMillis();
    this.activeMillis = startMillis;
    target.opened();
  }

  /** The client's descriptor. */
  int clientNumber() {
    return client.number();
  }

  /** Describes this session's connection again. */
  LookupContext describe(LookupContext context) {
    LookupContext described =
        family == Family.IPV4
            ? context.ipv4(Protocol.TCP, (int) remoteLow, remotePort, (int) localLow, localPort, 0)
            : context.ipv6(
                Protocol.TCP, remoteHigh, remoteLow, remotePort, localHigh, localLow, localPort, 0);
    return via == null ? described : via.addTo(described);
  }

  private Loop loop() {
    return relay.loop();
  }

  private Syscalls syscalls() {
    return relay.loop().syscalls();
  }

  private DestinationSpec spec() {
    return target.destination().spec();
  }

  // ---- connecting

  /** Connects to the target. */
  void connect() {
    activeMillis = Loop.nowMillis();
    endpoint = relay.resolve(this, target);
    if (endpoint == null) {
      connectFailed(DropReason.NO_TARGET);
      return;
    }
    int fd = relay.open(this, target);
    if (fd < 0) {
      DropReason reason = relay.notOpened(-fd, target);
      if (reason == DropReason.NO_DESCRIPTORS) {
        refuse(reason);
      } else {
        connectFailed(reason);
      }
      return;
    }
    Side side = new Side(this, fd);
    side.isDelaying = !target.isUnix();
    upstream = side;
    side.ownSource = relay.noteSource(fd, target);
    if (!side.register(loop())) {
      refuse(DropReason.NO_DESCRIPTORS);
    } else if (relay.upstreams().isConnecting()) {
      loop().schedule(this);
    } else {
      connected();
    }
  }

  private void connectFailed(DropReason reason) {
    closeUpstream();
    relay.connectFailed(target, endpoint, reason);
    if (retries < spec().retries()) {
      retries++;
      if (tried == null) {
        tried = new Tried();
      }
      Target other = relay.another(this, target, tried);
      if (other == null && target.hasOtherAddresses()) {
        other = target; // its turn has come to the next of them
      }
      if (other != null) {
        target.closed();
        target = other;
        target.opened();
        activeMillis = Loop.nowMillis(); // lest the old deadline comes first, and connects as well
        loop().schedule(this);
        loop().execute(this::connectAgain);
        return;
      }
    }
    refuse(reason);
  }

  /** Later, because epoll may still have an event for a socket whose number the next one gets. */
  private void connectAgain() {
    if (state == State.CONNECTING && upstream == null) {
      connect();
    }
  }

  /** epoll reports something about the socket that is being connected. */
  private void connecting(Side side, int events) {
    int errno = 0;
    if ((events & Peer.BROKEN) != 0) {
      errno = syscalls().option(side.number(), Linux.SOL_SOCKET, Linux.SO_ERROR);
      if (errno != Linux.ECONNRESET && errno != Linux.EPIPE) {
        connectFailed(Upstreams.reason(errno));
        return;
      }
      // It was connected, may have sent something, and was reset then.
    }
    if (errno != 0 || (events & Peer.WRITABLE) != 0) {
      connected();
      if (state == State.RELAYING) {
        relaying(side, events); // it may have spoken already, and epoll will not say so again
      }
    }
  }

  private void connected() {
    requireNonNull(endpoint).succeeded();
    activeMillis = Loop.nowMillis();
    relay.counters().connected(activeMillis - startMillis);
    state = State.RELAYING;
    loop().schedule(this);
    if (!client.register(loop())) {
      refuse(DropReason.NO_DESCRIPTORS);
      return;
    }
    ProxyHeaderWriter header = target.destination().header();
    if (header != null && !sendHeader(header)) {
      return;
    }
    pump(client); // most have spoken by now: this spares them the wait for epoll to say so
  }

  /** Begins what the target hears with a PROXY protocol header; false if the target broke. */
  private boolean sendHeader(ProxyHeaderWriter writer) {
    byte[] header =
        writer.header(
            describe(relay.context()), via == null ? ProxyHeaderWriter.NO_TLVS : via.tlvs());
    loop().buffer().copyFrom(header);
    upstream().stopDelaying(loop());
    long sent = syscalls().send(upstream().number(), loop().buffer().address(), header.length);
    if (sent < 0 && sent != -Linux.EAGAIN) {
      broke(upstream());
      return false;
    }
    if (sent < header.length) {
      client.hold(loop(), (int) Math.max(0, sent), header.length); // as if the client had sent it
    }
    return true;
  }

  /** Resets the client: no target could be reached. */
  private void refuse(DropReason reason) {
    relay.counters().drops(reason, Protocol.TCP).increment();
    int _ = syscalls().setResetOnClose(client.number());
    close(null, reason.word());
  }

  // ---- relaying

  /** epoll reports something about a side. */
  void ready(Side side, int events) {
    switch (state) {
      case CONNECTING -> connecting(side, events);
      case RELAYING -> relaying(side, events);
      case RESETTING -> {
        if (side.errored) {
          finish();
        }
      }
      case CLOSED -> {}
    }
  }

  private void relaying(Side side, int events) {
    activeMillis = loop().nextTickMillis();
    if ((events & (Peer.WRITABLE | Peer.BROKEN)) != 0 && other(side).blocked) {
      pump(other(side));
    }
    if (state == State.RELAYING && (events & (Peer.READABLE | Peer.ENDING)) != 0) {
      pump(side);
    }
    if (state == State.RELAYING && side.errored && side.ended) {
      broke(side); // a reset after its FIN
    }
  }

  private Side other(Side side) {
    return side == client ? upstream() : client;
  }

  private Side upstream() {
    return requireNonNull(upstream);
  }

  /** Moves what a side has sent to the other, as far as it goes. */
  private void pump(Side from) {
    Side to = other(from);
    if (from.isPending()) {
      int result = from.flush(loop(), to);
      if (result == -Linux.EAGAIN) {
        from.blocked = true;
        return;
      }
      if (result < 0) {
        broke(to);
        return;
      }
    }
    from.blocked = false;
    if (!from.ended) {
      if (from.bulk) {
        splice(from, to);
      } else {
        copy(from, to);
      }
    }
    if (state == State.RELAYING) {
      settle(from, to);
    }
  }

  private void copy(Side from, Side to) {
    long buffer = loop().buffer().address();
    for (int turn = 0; turn < TURNS; turn++) {
      long count = syscalls().receive(from.number(), buffer, Loop.BUFFER_BYTES);
      if (!hasRead(from, count)) {
        return;
      }
      if (to.isDelaying && from.bytes > count) {
        to.stopDelaying(loop()); // the first send waits for nothing, a second one would
      }
      // A short read of what ends leaves only the end: it goes out in the same packet.
      int flags = from.hungUp && !from.errored && count < Loop.BUFFER_BYTES ? Linux.MSG_MORE : 0;
      int sent = 0;
      while (sent < count) {
        long more = syscalls().send(to.number(), buffer + sent, count - sent, flags);
        if (more == -Linux.EAGAIN) {
          to.stopDelaying(loop());
          from.hold(loop(), sent, (int) count);
          return;
        }
        if (more < 0) {
          broke(to);
          return;
        }
        sent += (int) more;
      }
      if (count == Loop.BUFFER_BYTES) {
        from.bulk = true;
        if (from.takePipe(loop())) {
          splice(from, to);
          return;
        }
      } else if (!from.hungUp) {
        return; // a short read emptied it; more, or a FIN, will be a new edge
      }
    }
    from.yieldTurn();
  }

  private void splice(Side from, Side to) {
    to.stopDelaying(loop());
    if (!from.takePipe(loop())) {
      from.bulk = false;
      copy(from, to);
      return;
    }
    long moved = 0;
    for (int turn = 0; turn < TURNS; turn++) {
      // The pipe is empty here, so EAGAIN means that the socket is.
      long count = from.spliceIn(loop());
      if (!hasRead(from, count)) {
        from.bulk = moved >= BULK_BYTES;
        from.releasePipe(loop());
        return;
      }
      moved += count;
      int result = from.flushPipe(loop(), to);
      if (result == -Linux.EAGAIN) {
        from.blocked = true;
        return;
      }
      if (result < 0) {
        broke(to);
        return;
      }
    }
    from.releasePipe(loop());
    from.yieldTurn();
  }

  /** Notes what a read came to; false if there is nothing to send on. */
  private boolean hasRead(Side from, long count) {
    if (count > 0) {
      from.bytes += count;
      Destination.Traffic traffic = target.destination().traffic();
      (from == client ? traffic.bytesIn : traffic.bytesOut).add(count);
      return true;
    }
    if (count == 0) {
      from.ended = true;
      from.broken |= from.errored; // its FIN has been overtaken by a reset
    } else if (count != -Linux.EAGAIN) {
      from.ended = true;
      from.broken = true;
    }
    return false;
  }

  /** Passes a side's end on, once all that it sent has gone. */
  private void settle(Side from, Side to) {
    if (!from.ended || from.isPending()) {
      return;
    }
    if (from.broken) {
      reset(from, to);
    } else if (!from.endPassedOn) {
      from.endPassedOn = true;
      if (end == null) {
        end = from == client ? SessionEnd.CLIENT_CLOSED : SessionEnd.TARGET_CLOSED;
      }
      if (to.endPassedOn) {
        finish();
      } else {
        int _ = syscalls().shutdown(to.number(), Linux.SHUT_WR);
        loop().schedule(this); // the deadline is nearer now
      }
    }
  }

  /** A side takes no more. What it had sent before still goes to the other, then the reset. */
  private void broke(Side side) {
    Side sender = other(side);
    sender.discard(loop());
    sender.ended = true;
    sender.endPassedOn = true;
    side.hungUp = true;
    if (!side.broken) {
      side.broken = true;
      if (sender.broken) {
        end = brokenBy(sender); // it was the first
        finish();
      } else {
        pump(side);
      }
    }
  }

  /** A side broke, and all that it had sent is on its way: the other gets a reset after it. */
  private void reset(Side from, Side to) {
    end = brokenBy(from);
    from.discard(loop());
    to.discard(loop());
    close(from);
    state = State.RESETTING;
    activeMillis = Loop.nowMillis();
    resetWhenDelivered(to);
  }

  private SessionEnd brokenBy(Side side) {
    return side == client ? SessionEnd.CLIENT_RESET : SessionEnd.TARGET_RESET;
  }

  /** A reset would discard what the kernel has not yet delivered. */
  private void resetWhenDelivered(Side to) {
    long now = Loop.nowMillis();
    if (isDelivering()) {
      activeMillis = now;
    }
    boolean late = now - activeMillis > relay.halfClosedMillis();
    if (late || to.errored || undelivered == 0) {
      int _ = syscalls().setResetOnClose(to.number());
      finish();
    } else {
      loop().schedule(this);
    }
  }

  /**
   * Whether the kernel has delivered some of what it was given since this was last asked. A slow
   * reader makes an event only when a third of the send buffer is free, and that can take minutes.
   */
  private boolean isDelivering() {
    int before = undelivered;
    undelivered = unacknowledged(client) + unacknowledged(upstream());
    return undelivered > 0 && undelivered != before;
  }

  private int unacknowledged(Side side) {
    return side.isOpen() ? Math.max(0, syscalls().unacknowledged(side.number())) : 0;
  }

  // ---- ending

  @Override
  protected long deadlineMillis() {
    return switch (state) {
      case CONNECTING -> activeMillis + spec().connectTimeout().toMillis();
      case RELAYING -> {
        long idle = spec().idleTimeout().toMillis();
        yield activeMillis + (isHalfClosed() ? Math.min(idle, relay.halfClosedMillis()) : idle);
      }
      case RESETTING, CLOSED -> 0; // at the next tick
    };
  }

  private boolean isHalfClosed() {
    return client.endPassedOn || upstream().endPassedOn;
  }

  @Override
  protected void expired() {
    try {
      timeUp();
    } catch (RuntimeException | Error failure) {
      failed(failure); // thrown on, it would stop the loop's clock
    }
  }

  private void timeUp() {
    switch (state) {
      case CONNECTING -> connectFailed(DropReason.CONNECT_TIMEOUT);
      case RELAYING -> {
        if (isDelivering()) {
          activeMillis = Loop.nowMillis();
          loop().schedule(this);
        } else {
          abort(isHalfClosed() ? SessionEnd.HALF_CLOSED : SessionEnd.IDLE);
        }
      }
      case RESETTING -> resetWhenDelivered(client.isOpen() ? client : upstream());
      case CLOSED -> {}
    }
  }

  /** Ends the session at once, because the daemon stops. */
  void shutdown() {
    if (state != State.CLOSED) {
      abort(SessionEnd.SHUTDOWN);
    }
  }

  /** Something that can't happen did: ends this session, so that the others live. */
  void failed(Throwable failure) {
    log.error("session failed target={}", target, failure);
    if (state != State.CLOSED) {
      abort(SessionEnd.FAILED);
    }
  }

  /** Ends the session before its time; by a reset for who would take a part for the whole. */
  private void abort(SessionEnd why) {
    end = why;
    Side server = upstream;
    if (state == State.CONNECTING || (server != null && server.isPending())) {
      int _ = syscalls().setResetOnClose(client.number());
    }
    if (server != null && client.isPending()) {
      int _ = syscalls().setResetOnClose(server.number());
    }
    finish();
  }

  private void finish() {
    SessionEnd why = end == null ? SessionEnd.SHUTDOWN : end;
    close(why, why.word());
  }

  private void close(@Nullable SessionEnd why, String word) {
    state = State.CLOSED;
    loop().cancel(this);
    long bytesOut = upstream == null ? 0 : upstream.bytes;
    client.discard(loop());
    close(client);
    closeUpstream();
    Destination destination = target.destination();
    if (why != null) {
      destination.traffic().ends(why).increment();
    }
    target.closed();
    destination.close();
    relay.ended();
    if (AccessLog.isOn()) {
      AccessLog.ended(
          Protocol.TCP,
          IpAddress.of(family, remoteHigh, remoteLow),
          remotePort,
          IpAddress.of(family, localHigh, localLow),
          localPort,
          destination.label(),
          target.toString(),
          word,
          Loop.nowMillis() - startMillis,
          client.bytes,
          bytesOut,
          via == null ? null : via.toString());
    }
  }

  private void close(Side side) {
    OwnSources.Source noted = side.ownSource;
    if (noted != null) {
      side.ownSource = null;
      relay.forgetSource(noted);
    }
    side.close();
  }

  private void closeUpstream() {
    Side side = upstream;
    if (side != null) {
      side.discard(loop());
      close(side);
      upstream = null;
    }
  }
}
