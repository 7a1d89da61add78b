package io.sluice.proxy.relay;

import static java.util.Objects.requireNonNull;

import io.sluice.proxy.connect.Attempt;
import io.sluice.proxy.connect.Upstreams;
import io.sluice.proxy.handover.Packer;
import io.sluice.proxy.handover.Unpacker;
import io.sluice.proxy.header.ProxyHeaderWriter;
import io.sluice.proxy.header.Via;
import io.sluice.proxy.health.Endpoint;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.loop.Watched;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.target.Target;
import io.sluice.steering.Protocol;
import org.jspecify.annotations.Nullable;

/**
 * The connection to a target that a session makes: one at a time, within {@code connectTimeout}.
 * The session lets go of it when it is made. Called on the session's loop only.
 */
final class Connecting {
  private static final int NOBODY = -1;

  private final Session session;

  /** The target to which a connection is being made; or NOBODY. */
  private int wanted = NOBODY;

  /** The endpoint that is tried; null if its name has no address. */
  private @Nullable Endpoint endpoint;

  /** The target that was wanted last, and the error by which it failed; 0 for none. */
  private int last;

  private int errno;
  private long wantedSinceMillis;

  /** Since when the session looks for a target, failed attempts included; 0 if it does not. */
  private long soughtSinceNanos;

  private long attemptedAtNanos;

  Connecting(Session session) {
    this.session = session;
  }

  /**
   * Connects to a target: {@link Session#connected} or {@link Session#notConnected} follows, maybe
   * at once.
   */
  void connect(int index) {
    wanted = index;
    wantedSinceMillis = session.loop().timeMillis();
    soughtSinceNanos = soughtSinceNanos == 0 ? System.nanoTime() : soughtSinceNanos;
    attempt(index);
  }

  private void attempt(int index) {
    Target target = session.target(index);
    attemptedAtNanos = System.nanoTime();
    Attempt attempt = session.relay.connect(target, session.client.number(), session.connection());
    last = index;
    errno = attempt.errno();
    endpoint = attempt.endpoint();
    switch (attempt.state()) {
      case FAILED -> failedToConnect(attempt.reason());
      case BUSY -> session.loop().schedule(session); // the next tick tries again
      case CONNECTED, CONNECTING -> {
        Peer upstream = new Peer(session, attempt.descriptor(), index, !target.isUnix());
        session.upstreams[index] = upstream;
        upstream.endpoint = endpoint;
        upstream.isConnecting = attempt.state() == Attempt.State.CONNECTING;
        upstream.ownSource = session.relay.guard().note(Protocol.TCP, attempt, target);
        target.opened();
        if (!upstream.watch() || !session.mayKeep(upstream)) {
          failedToConnect(Refusal.NO_DESCRIPTORS);
        } else if (upstream.isConnecting) {
          session.loop().schedule(session);
        } else {
          isConnected(upstream);
        }
      }
    }
  }

  void pack(Packer out, long nowMillis) {
    long nanos = System.nanoTime();
    out.i64(nowMillis - wantedSinceMillis)
        .i64(nanos - soughtSinceNanos)
        .i64(nanos - attemptedAtNanos);
  }

  /** The only connection that another daemon was making for a session. */
  static Connecting unpack(Unpacker in, Session session) {
    Connecting connecting = new Connecting(session);
    long now = session.loop().timeMillis();
    connecting.wanted = 0;
    connecting.wantedSinceMillis = now - in.i64();
    long nanos = System.nanoTime();
    connecting.soughtSinceNanos = nanos - in.i64();
    connecting.attemptedAtNanos = nanos - in.i64();
    return connecting;
  }

  /** The endpoint that is tried, once that is known. */
  void endpoint(@Nullable Endpoint tried) {
    endpoint = tried;
  }

  /** Gives the connection up that is being made. */
  void stop() {
    if (wanted != NOBODY) {
      session.closeUpstream(wanted);
      wanted = NOBODY;
    }
  }

  private void failedToConnect(Refusal reason) {
    int index = wanted;
    wanted = NOBODY;
    session.closeUpstream(index);
    if (reason == Refusal.NO_DESCRIPTORS) {
      session.unreachable(reason); // not the target's fault, and another target would not help
    } else {
      session.relay.connectFailed(session.target(index), endpoint, reason);
      session.notConnected(index, reason);
    }
  }

  /** epoll reports something about the socket that is being connected. */
  void ready(Peer upstream, int events) {
    errno = 0;
    if ((events & Watched.BROKEN) != 0) {
      errno = session.syscalls().option(upstream.number(), Linux.SOL_SOCKET, Linux.SO_ERROR);
      if (errno != Linux.ECONNRESET && errno != Linux.EPIPE) {
        failedToConnect(Upstreams.reason(errno));
        return;
      }
      // It was connected, may have sent something, and was reset then.
    }
    if (errno != 0 || (events & Watched.WRITABLE) != 0) {
      isConnected(upstream);
      session.move(upstream, events); // it may have spoken already, and epoll will not say so again
    }
  }

  private void isConnected(Peer upstream) {
    long now = session.loop().timeMillis();
    upstream.isConnecting = false;
    requireNonNull(endpoint).succeeded();
    session.ending.stirred(now);
    session.keepAliveFrom(now);
    long nanos = System.nanoTime();
    session.relay.counters().connects().add(nanos - soughtSinceNanos);
    session.target(last).counters().connected(nanos - attemptedAtNanos);
    session.connecting = null;
    session.loop().schedule(session);
    session.connected(upstream);
  }

  /** Begins what a target hears with a PROXY protocol header; false if the target broke. */
  static boolean sendHeader(Session session, Peer upstream) {
    ProxyHeaderWriter writer = session.destination().header();
    if (writer == null) {
      return true;
    }
    @Nullable Via via = session.via;
    byte[] header =
        writer.header(session.connection(), via == null ? ProxyHeaderWriter.NO_TLVS : via.tlvs());
    session.loop().buffer().copyFrom(header);
    int result = upstream.send(session.loop().buffer(), 0, header.length, 0);
    boolean isWhole = result == 0 || result == -Linux.EAGAIN;
    if (!isWhole) {
      session.broke(upstream);
    }
    return isWhole;
  }

  /** The target that was wanted last. */
  Target target() {
    return session.target(last);
  }

  /** Why it could not be reached, positive; 0 if the kernel didn't say. */
  int errno() {
    return errno;
  }

  /** Whether a connection is being made. */
  boolean isBusy() {
    return wanted != NOBODY;
  }

  /** Until when it has time; there is one being made. */
  long deadlineMillis() {
    return session.upstreams[wanted] == null ? 0 : connectByMillis(); // 0: at the next tick
  }

  private long connectByMillis() {
    return wantedSinceMillis + session.destination().spec().connectTimeout().toMillis();
  }

  void timeUp(long nowMillis) {
    if (nowMillis >= connectByMillis()) {
      failedToConnect(Refusal.CONNECT_TIMEOUT);
    } else if (session.upstreams[wanted] == null) {
      attempt(wanted);
    }
  }
}
