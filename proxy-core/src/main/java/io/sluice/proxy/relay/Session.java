package io.sluice.proxy.relay;

import static java.util.Objects.requireNonNull;

import io.sluice.config.Keepalive;
import io.sluice.proxy.header.Via;
import io.sluice.proxy.limit.SourcePlaces;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.loop.Watched;
import io.sluice.proxy.observe.Outcome;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.observe.SessionEnd;
import io.sluice.proxy.observe.SessionFilter;
import io.sluice.proxy.observe.SessionState;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.Target;
import io.sluice.steering.LookupContext;
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
abstract class Session extends Copying {
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

  /** The target on which it has a place; null only until it begins. */
  @Nullable Target placed;

  /** What its source has by it; null if nothing is counted. */
  @Nullable SourcePlaces places;

  private boolean isClosed;
  private boolean isStalled;

  /** It is on its way to another daemon. */
  private boolean isAway;

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

  /**
   * The peer that was {@linkplain Ending#dismiss dismissed} has everything, and is to be closed.
   */
  abstract void dismissed();

  /** Whether one side has sent its FIN. */
  abstract boolean isHalfClosed();

  /** Whether the client must be reset, because otherwise it would take a part for the whole. */
  abstract boolean isIncomplete();

  @Override
  final Loop loop() {
    return relay.loop();
  }

  @Override
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
    guarded(this::start);
  }

  // ---- to and from another daemon

  @Override
  final void depart() {
    isAway = true;
    loop().cancel(this);
    relay.sessions().remove(this);
    client.unwatch();
    for (Peer upstream : upstreams) {
      if (upstream != null) {
        upstream.unwatch();
      }
    }
  }

  @Override
  public final void gone() {
    isClosed = true;
    client.handedOver();
    for (int index = 0; index < upstreams.length; index++) {
      Peer upstream = upstreams[index];
      if (upstream != null) {
        upstream.handedOver();
        target(index).closed();
      }
    }
    relay.ended(this);
  }

  @Override
  public final void back() {
    isAway = false;
    relay.sessions().add(this);
    loop().schedule(this);
    guarded(this::watchAgain);
  }

  /** What epoll would have said meanwhile it says as soon as it is asked again. */
  private void watchAgain() {
    boolean isWatched = true;
    if (connecting == null || !connecting.isBusy()) {
      isWatched = client.watch();
    }
    for (Peer upstream : upstreams) {
      isWatched &= upstream == null || !upstream.isOpen() || upstream.watch();
    }
    if (!isWatched) {
      abort(SessionEnd.FAILED);
    }
  }

  final boolean isKeptAlive() {
    return keepaliveAtMillis == Long.MAX_VALUE;
  }

  final void keptAlive(boolean isSo) {
    keepaliveAtMillis = isSo ? Long.MAX_VALUE : keepaliveAtMillis;
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
    if (isClosed || isAway || !peer.isOpen()) {
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

  @Override
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

  @Override
  boolean canSplice(Peer to) {
    return false;
  }

  @Override
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
    return SessionView.of(this);
  }

  /** Does something later on, unless the session is over by then. */
  final void later(Runnable task) {
    loop()
        .execute(() -> {
          if (!isClosed && !isAway) {
            guarded(task);
          }
        });
  }

  private void guarded(Runnable task) {
    try {
      task.run();
    } catch (RuntimeException | Error failure) {
      failed(failure); // thrown on, it would stop the loop's clock, or its other tasks
    }
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
    Outcome.Phase phase = SessionView.phase(this);
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
    relay.ended(this);
    SessionView.record(this, how, phase);
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
