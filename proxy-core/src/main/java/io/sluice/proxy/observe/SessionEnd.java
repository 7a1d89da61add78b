package io.sluice.proxy.observe;

/**
 * Who ended a session that had been relayed, and why. The {@linkplain #word() word} is the metric
 * label. What never got as far as being relayed is a {@link io.sluice.proxy.observe.Refusal} instead.
 */
public enum SessionEnd {
  /** Both sides sent FIN, the client first. */
  CLIENT_CLOSED("client_closed"),
  /** Both sides sent FIN, the target first. */
  TARGET_CLOSED("target_closed"),
  /** The client sent RST, or the way to it broke. */
  CLIENT_RESET("client_reset"),
  /** The target sent RST, or the way to it broke. */
  TARGET_RESET("target_reset"),
  /** Nothing moved for the destination's {@code idleTimeout}. */
  IDLE("idle"),
  /** One side had sent FIN, and the other moved nothing for {@code limits.halfClosed}. */
  HALF_CLOSED("half_closed"),
  /** Its stream of messages stopped: a parser's error, or a message too large or late. */
  STREAM_ERROR("stream_error"),
  /** After messages had been relayed, no target could be reached for one. */
  NO_TARGET("no_target"),
  /** A flow had as many answers as its destination's {@code responses} says. */
  ANSWERED("answered"),
  /** A flow made room for a new one: it was unanswered, or idle for longest. */
  EVICTED("evicted"),
  /** A flow's target is gone or failed: the client's next datagram went elsewhere. */
  MOVED("moved"),
  /** Its target is down, and its destination has {@code onDown: close}. */
  TARGET_DOWN("target_down"),
  /** The way to the target said, by an ICMP error, that it can't be reached. */
  UNREACHABLE("unreachable"),
  /** A fault of ours, which is in the log; the other sessions live on. */
  FAILED("failed"),
  /** The daemon stopped before the session had ended. */
  SHUTDOWN("shutdown");

  private final String word;

  SessionEnd(String word) {
    this.word = word;
  }

  public String word() {
    return word;
  }
}
