package io.sluice.proxy.relay;

import static java.util.Objects.requireNonNull;

import io.sluice.config.Keepalive;
import io.sluice.proxy.header.Via;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.loop.Watched;
import io.sluice.proxy.observe.AccessLog;
import io.sluice.proxy.observe.AccessRecord;
import io.sluice.proxy.observe.Outcome;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.observe.SessionEnd;
import io.sluice.proxy.observe.SessionFilter;
import io.sluice.proxy.observe.SessionState;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.Target;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Tuple;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A client's connection and those that we made for it to targets: how they are connected, copied
 * from, and ended. What is done with the client's bytes is the subclass's. Called on its loop only.
 *
 * <p>Readiness is edge-triggered and asked for once: a peer is read until it is empty or who gets
 * it can't take more, and then not before that one can. See docs/epoll.md.
 */
abstract class Session extends Sessions.Entry {
  private static final Logger log = LoggerFactory.getLogger(Session.class);

  /** A connection younger than this does without keepalive: it spares short ones the calls. */
  private static final long KEEPALIVE_AFTER_MILLIS = 1_000;

  final TcpRelay relay;
  final Peer client;
  final @Nullable Peer[] upstreams;
  final @Nullable Via via;
  final Ending ending;

  /** What makes a connection to a target; null when that is made. */
  @Nullable Connecting connecting;

  private boolean isClosed;
  private boolean isStalled;
  private long bytesIn;
  private long bytesOut;

  /** When connections are old enough for keepalive; never, if all have it that should. */
  private long keepaliveAtMillis;

  Session(TcpRelay relay, int fd, int targets, @Nullable Via via) {
    this.relay = relay;
    this.via = via;
    this.client = new Peer(this, fd, Peer.CLIENT, false);
    this.upstreams = new @Nullable Peer[targets];
    this.ending = new Ending(this, relay.loop().timeMillis());
    this.keepaliveAtMillis = ending.startMillis() + KEEPALIVE_AFTER_MILLIS;
  }

  abstract Destination destination();

  /** The target that an upstream of this index belongs to. */
  abstract Target target(int index);

  /** What the access record calls its target. */
  abstract String targetName();

  /** Describes the client's connection; valid until the loop does something else. */
  abstract LookupContext connection();

  /** Begins to connect, or to read. */
  abstract void start();

  /** A connection to a target is made. */
  abstract void connected(Peer upstream);

  /** None could be made to it. */
  abstract void notConnected(int index, Refusal reason);

  /** A peer that was blocked may take more. */
  abstract void writable(Peer peer);

  /** There is something to read from a peer, or its end. */
  abstract void readable(Peer peer);

  /** A peer takes no more, or sent RST. What it had sent before is passed on first. */
  abstract void broke(Peer peer);

  /**
   * The peer that was {@linkplain Ending#dismiss dismissed} has everything, and is to be closed.
   */
  abstract void dismissed();

  /** Whether one side has sent its FIN. */
  abstract boolean isHalfClosed();

  /** Whether the client must be reset, because otherwise it would take a part for the whole. */
  abstract boolean isIncomplete();

  final Loop loop() {
    return relay.loop();
  }

  final Syscalls syscalls() {
    return relay.loop().syscalls();
  }

  final long halfClosedMillis() {
    return relay.halfClosedMillis();
  }

  final boolean isClosed() {
    return isClosed;
  }

  @Override
  final void begin() {
    relay.sessions().add(this);
    try {
      start();
    } catch (RuntimeException | Error failure) {
      failed(failure);
    }
  }

  // ---- connecting

  /** Connects to a target: {@link #connected} or {@link #notConnected} follows, maybe at once. */
  final void connect(int index) {
    if (connecting == null) {
      connecting = new Connecting(this);
    }
    connecting.connect(index);
  }

  /** Whether there are descriptors enough for this connection besides the client's. */
  boolean mayKeep(Peer upstream) {
    return true;
  }

  /** No target could be reached: resets the client. */
  void unreachable(Refusal reason) {
    Connecting last = connecting;
    Target target = last == null ? target(0) : last.target();
    relay.unreachable(reason, connection(), target, last == null ? 0 : last.errno());
    client.resetOnClose();
    close(reason);
  }

  // ---- moving

  /** epoll reports something about a peer. */
  final void ready(Peer peer, int events) {
    if (isClosed || !peer.isOpen()) {
      return;
    }
    if (peer.isConnecting) {
      requireNonNull(connecting).ready(peer, events);
      return;
    }
    if (client.isOpen()) {
      ending.stirred(loop().nextTickMillis()); // without a client, nobody waits for answers
    }
    if (ending.concerns(peer)) {
      move(peer, events);
    }
  }

  final void move(Peer peer, int events) {
    if ((events & (Watched.WRITABLE | Watched.BROKEN)) != 0 && moves(peer) && peer.blocked) {
      writable(peer);
    }
    if ((events & (Watched.READABLE | Watched.ENDING)) != 0 && moves(peer)) {
      readable(peer);
    }
    if (moves(peer) && peer.errored && peer.ended && !peer.broken) {
      broke(peer); // a reset after its FIN
    }
  }

  private boolean moves(Peer peer) {
    return !isClosed && peer.isOpen();
  }

  /** A call for a peer failed, and may succeed soon: the next tick tries again. */
  final void stalled(Peer peer) {
    peer.stalled = true;
    if (!isStalled) {
      isStalled = true;
      loop().schedule(this);
    }
  }

  private void retry(@Nullable Peer peer) {
    if (peer != null && peer.stalled) {
      peer.stalled = false;
      if (moves(peer)) {
        move(peer, Watched.READABLE | Watched.WRITABLE);
      }
    }
  }

  /**
   * Copies what one peer sends to another, as far as it goes. While there is no room to keep what
   * the other can't take, it is only looked at, and what was not sent stays where it was.
   *
   * @return whether it filled the buffer: much more is to come
   */
  final boolean copy(Peer from, Peer to) {
    int leftBytes = 0;
    do {
      int most = loop().turns().readBytes();
      boolean isRoomy = loop().buffers().hasRoom();
      long address = loop().buffer().address();
      long count =
          isRoomy
              ? syscalls().receive(from.number(), address, most)
              : syscalls().peek(from.number(), address, most);
      if (!hasRead(from, count)) {
        return false;
      }
      int length = (int) count;
      loop().turns().spend(length);
      boolean isWanted = to.isOpen() && !to.finSent; // or it is thrown away
      // A short read of what ends leaves only the end: it goes out in the same packet.
      boolean isLast = from.hungUp && !from.errored && length < most;
      int flags = isLast ? Linux.MSG_MORE : 0;
      int result = 0;
      if (isRoomy) {
        result = isWanted ? to.send(loop().buffer(), 0, length, flags) : 0;
        moved(from, length);
      } else {
        int sent = isWanted ? to.offer(loop().buffer(), 0, length, flags) : length;
        result = sent < length ? sent < 0 ? sent : -Linux.EAGAIN : 0;
        take(from, Math.max(0, sent));
      }
      if (result != 0) {
        if (result != -Linux.EAGAIN) {
          broke(to);
        }
        return false;
      }
      if (length == Loop.BUFFER_BYTES && isRoomy && canSplice(to)) {
        return true;
      }
      if (length < most && !from.hungUp) {
        return false; // a short read emptied it; more, or a FIN, will be a new edge
      }
      if (leftBytes == 0) {
        leftBytes = loop().turns().turnBytes();
      }
      leftBytes -= length;
    } while (leftBytes > 0);
    from.yieldTurn();
    return false;
  }

  /** Reads what had only been looked at, and has been sent. */
  private void take(Peer from, int length) {
    int left = length;
    while (left > 0) {
      long taken = syscalls().receive(from.number(), loop().buffer().address(), left);
      if (taken <= 0) {
        break; // a reset threw it away
      }
      left -= (int) taken;
    }
    moved(from, length);
  }

  /** Whether copying is to stop where there is enough for splicing. */
  boolean canSplice(Peer to) {
    return false;
  }

  /** Notes the result of a read; false if there is nothing to send on. */
  final boolean hasRead(Peer from, long count) {
    if (count > 0) {
      return true;
    }
    if (count == 0) {
      from.ended = true;
      from.broken |= from.errored; // its FIN has been overtaken by a reset
    } else if (Peer.isPassing(count)) {
      stalled(from);
    } else if (count != -Linux.EAGAIN) {
      from.ended = true;
      from.broken = true;
    } else if (from.broken) {
      from.ended = true; // it takes no more, so nothing more is awaited of it
    }
    return false;
  }

  /** Counts what a peer has sent. */
  final void moved(Peer from, long count) {
    if (from.isClient()) {
      bytesIn += count;
      destination().traffic().bytesIn.add(count);
      isForTarget(count);
    } else {
      bytesOut += count;
      destination().traffic().bytesOut.add(count);
      target(from.index).counters().bytesOut.add(count);
    }
  }

  /** Counts what came from the client, if it is known by now which target it is for. */
  void isForTarget(long count) {}

  // ---- ending

  @Override
  protected long deadlineMillis() {
    if (isClosed || isStalled) {
      return 0; // at the next tick
    }
    return connecting != null && connecting.isBusy()
        ? connecting.deadlineMillis()
        : Math.min(ending.deadlineMillis(), keepaliveAtMillis);
  }

  @Override
  protected final void expired() {
    try {
      if (!isClosed) {
        timeUp(loop().timeMillis());
      }
      if (!isClosed) {
        loop().schedule(this);
      }
    } catch (RuntimeException | Error failure) {
      failed(failure); // thrown on, it would stop the loop's clock
    }
  }

  /** A deadline has come. */
  void timeUp(long nowMillis) {
    if (isStalled) {
      isStalled = false;
      retry(client);
      for (Peer upstream : upstreams) {
        retry(upstream);
      }
    }
    if (isClosed) {
      return;
    }
    if (nowMillis >= keepaliveAtMillis) {
      keepAlive();
    }
    if (connecting != null && connecting.isBusy()) {
      connecting.timeUp(nowMillis);
    } else {
      ending.timeUp(nowMillis);
    }
  }

  /** A connection is made: in a while it is old enough for keepalive. */
  final void keepAliveFrom(long nowMillis) {
    keepaliveAtMillis = nowMillis + KEEPALIVE_AFTER_MILLIS;
  }

  private void keepAlive() {
    keepaliveAtMillis = Long.MAX_VALUE;
    Keepalive how = destination().spec().keepalive();
    if (how != null) {
      client.keepAlive(how);
      for (Peer upstream : upstreams) {
        if (upstream != null) {
          upstream.keepAlive(how);
        }
      }
    }
  }

  @Override
  final void shutdown() {
    if (!isClosed) {
      abort(SessionEnd.SHUTDOWN);
    }
  }

  @Override
  final void kill() {
    if (!isClosed) {
      abort(SessionEnd.KILLED);
    }
  }

  @Override
  final boolean matches(SessionFilter filter) {
    return SessionView.matches(this, filter);
  }

  @Override
  final SessionState state() {
    return SessionView.of(this, bytesIn, bytesOut);
  }

  /** Something that can't happen did: ends this session, so that the others live. */
  final void failed(Throwable failure) {
    log.error("session failed target={}", targetName(), failure);
    if (!isClosed) {
      abort(SessionEnd.FAILED);
    }
  }

  /** Ends the session early. A peer that has not got all its data is reset, so that it knows. */
  final void abort(SessionEnd why) {
    ending.because(why);
    if (client.isOpen() && (isIncomplete() || client.isPending())) {
      client.resetOnClose();
    }
    for (Peer upstream : upstreams) {
      if (upstream != null && upstream.isPending()) {
        upstream.resetOnClose();
      }
    }
    finish();
  }

  final void finish() {
    close(ending.why());
  }

  /** Ends it, and lets go of everything. */
  final void close(Outcome how) {
    Outcome.Phase phase = phase();
    isClosed = true;
    loop().cancel(this);
    relay.sessions().remove(this);
    closed();
    client.close();
    for (int index = 0; index < upstreams.length; index++) {
      closeUpstream(index);
    }
    Destination destination = destination();
    if (how instanceof SessionEnd why) {
      destination.traffic().ends(why).increment();
    }
    destination.close();
    relay.ended();
    if (AccessLog.isOn()) {
      LookupContext connection = connection();
      AccessLog.add(
          new AccessRecord(
              connection.copyTo(new Tuple()),
              destination.label(),
              targetName(),
              how,
              phase,
              loop().timeMillis() - ending.startMillis(),
              bytesIn,
              bytesOut,
              via == null ? null : via.toString()));
    }
  }

  private Outcome.Phase phase() {
    if (connecting != null && connecting.isBusy()) {
      return Outcome.Phase.CONNECT;
    }
    return isHalfClosed() ? Outcome.Phase.CLOSING : Outcome.Phase.DATA;
  }

  /** It is over: what the subclass holds is given back. */
  void closed() {}

  final void closeUpstream(int index) {
    Peer upstream = upstreams[index];
    if (upstream != null) {
      upstreams[index] = null;
      relay.guard().forget(upstream.ownSource);
      upstream.close();
      target(index).closed();
    }
  }
}
