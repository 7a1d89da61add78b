package io.sluice.proxy.relay;

import io.sluice.proxy.handover.Packer;
import io.sluice.proxy.handover.Unpacker;
import io.sluice.proxy.observe.SessionEnd;
import org.jspecify.annotations.Nullable;

/**
 * How a session ends: its deadlines, the reset that may not overtake what was sent before it, and
 * what is to be said about its end. Called on the session's loop only.
 */
final class Ending {
  private final Session session;
  private long startMillis;
  private long activeMillis;
  private int undelivered;
  private @Nullable Peer dismissed;
  private @Nullable SessionEnd cause;
  private @Nullable SessionEnd regular;

  Ending(Session session, long nowMillis) {
    this.session = session;
    this.startMillis = nowMillis;
    this.activeMillis = nowMillis;
  }

  long startMillis() {
    return startMillis;
  }

  /** When something moved last. */
  long activeMillis() {
    return activeMillis;
  }

  /** Something moved. */
  void stirred(long nowMillis) {
    if (dismissed == null) {
      activeMillis = nowMillis;
    }
  }

  /** It ends because of this, unless there is a cause already. */
  void because(SessionEnd why) {
    if (cause == null) {
      cause = why;
    }
  }

  /** If nothing else ends it, it has ended regularly, like this; the first to say so counts. */
  void regularly(SessionEnd how) {
    if (regular == null) {
      regular = how;
    }
  }

  SessionEnd why() {
    return cause != null ? cause : regular != null ? regular : SessionEnd.SHUTDOWN;
  }

  // ---- to and from another daemon

  void pack(Packer out, long nowMillis) {
    out.i64(nowMillis - startMillis)
        .i64(nowMillis - activeMillis)
        .text(cause == null ? "" : cause.word())
        .text(regular == null ? "" : regular.word());
  }

  void unpack(Unpacker in, long nowMillis) {
    startMillis = nowMillis - in.i64();
    activeMillis = nowMillis - in.i64();
    cause = SessionEnd.ofWord(in.text());
    regular = SessionEnd.ofWord(in.text());
  }

  // ---- the reset

  /**
   * The peer is reset once it has all that was sent to it; {@link Session#dismissed} follows. At
   * once, a reset would discard what the kernel has not yet delivered.
   */
  void dismiss(Peer peer) {
    if (dismissed == null) {
      activeMillis = session.loop().timeMillis();
      dismissed = peer;
      resetWhenDelivered(activeMillis);
    }
  }

  boolean isDismissing() {
    return dismissed != null;
  }

  /** An event has come: false if it says that the peer to be reset is past that. */
  boolean concerns(Peer peer) {
    if (dismissed != null && peer.index == dismissed.index && peer.errored) {
      resetWhenDelivered(session.loop().timeMillis());
      return false;
    }
    return true;
  }

  private void resetWhenDelivered(long nowMillis) {
    Peer peer = dismissed;
    if (peer == null) {
      return;
    }
    if (isDelivering()) {
      activeMillis = nowMillis;
    }
    boolean isLate = nowMillis - activeMillis > session.halfClosedMillis();
    if (isLate || peer.errored || peer.undelivered() == 0) {
      peer.resetOnClose();
      dismissed = null;
      session.dismissed();
    } else {
      session.loop().schedule(session);
    }
  }

  /**
   * Whether the kernel has delivered some of what it was given since this was last asked. A slow
   * reader makes an event only when a third of the send buffer is free, and that can take minutes.
   */
  private boolean isDelivering() {
    int before = undelivered;
    undelivered = session.client.undelivered();
    for (Peer upstream : session.upstreams) {
      undelivered += upstream == null ? 0 : upstream.undelivered();
    }
    return undelivered > 0 && undelivered != before;
  }

  // ---- the deadline

  long deadlineMillis() {
    return dismissed != null ? 0 : activeMillis + quietMillis(); // 0: at the next tick
  }

  /** For how long nothing may move. */
  private long quietMillis() {
    long idle = session.destination().spec().idleTimeout().toMillis();
    return session.isHalfClosed() ? Math.min(idle, session.halfClosedMillis()) : idle;
  }

  void timeUp(long nowMillis) {
    if (dismissed != null) {
      resetWhenDelivered(nowMillis);
    } else if (nowMillis - activeMillis >= quietMillis()) {
      if (isDelivering()) {
        activeMillis = nowMillis;
      } else {
        session.abort(session.isHalfClosed() ? SessionEnd.HALF_CLOSED : SessionEnd.IDLE);
      }
    }
  }
}
