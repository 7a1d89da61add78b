package io.sluice.proxy.observe;

import org.jspecify.annotations.Nullable;

/**
 * Who ended a session that had been relayed, and why. The {@linkplain #word() word} is the metric
 * label. What never got as far as being relayed is a {@link Refusal} instead.
 */
public enum SessionEnd implements Outcome {
  /** Both sides sent FIN, the client first. */
  CLIENT_CLOSED("client_closed", By.CLIENT),
  /** Both sides sent FIN, the target first. */
  TARGET_CLOSED("target_closed", By.TARGET),
  /** The client sent RST, or the way to it broke. */
  CLIENT_RESET("client_reset", By.CLIENT),
  /** The target sent RST, or the way to it broke. */
  TARGET_RESET("target_reset", By.TARGET),
  /** Nothing moved for the destination's {@code idleTimeout}. */
  IDLE("idle", By.SLUICE),
  /** One side had sent FIN, and the other moved nothing for {@code limits.halfClosed}. */
  HALF_CLOSED("half_closed", By.SLUICE),
  /** Its stream of messages stopped: a parser's error, or a message too large or late. */
  STREAM_ERROR("stream_error", By.CLIENT),
  /** After messages had been relayed, no target could be reached for one. */
  NO_TARGET("no_target", By.TARGET),
  /** A flow had as many answers as its destination's {@code responses} says. */
  ANSWERED("answered", By.SLUICE),
  /** A flow made room for a new one: it was unanswered, or idle for longest. */
  EVICTED("evicted", By.SLUICE),
  /** A flow's target is gone or failed: the client's next datagram went elsewhere. */
  MOVED("moved", By.SLUICE),
  /** Its target is down, and its destination has {@code onDown: close}. */
  TARGET_DOWN("target_down", By.TARGET),
  /** The way to the target said, by an ICMP error, that it can't be reached. */
  UNREACHABLE("unreachable", By.TARGET),
  /** Somebody ended it, over the admin socket. */
  KILLED("killed", By.SLUICE),
  /** A fault of ours, which is in the log; the other sessions live on. */
  FAILED("failed", By.SLUICE),
  /** The daemon stopped before the session had ended. */
  SHUTDOWN("shutdown", By.SLUICE);

  private final String word;
  private final By by;

  SessionEnd(String word, By by) {
    this.word = word;
    this.by = by;
  }

  @Override
  public String word() {
    return word;
  }

  /** The one with this word; null if there is none. */
  public static @Nullable SessionEnd ofWord(String word) {
    for (SessionEnd end : values()) {
      if (end.word.equals(word)) {
        return end;
      }
    }
    return null;
  }

  @Override
  public By by() {
    return by;
  }
}
