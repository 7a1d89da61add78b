package io.sluice.proxy.observe;

import io.sluice.steering.IpAddress;
import io.sluice.steering.Tuple;
import org.jspecify.annotations.Nullable;

/**
 * What is recorded of a session or flow that has ended, or of a connection that was refused.
 *
 * @param tuple the client, and what it wanted: announced addresses, if a header announced some
 * @param label the destination's, or {@code -}
 * @param target as configured, or {@code -}
 * @param phase how far it had come
 * @param bytesIn from client to target
 * @param bytesOut from target to client
 * @param via who announced the client, like {@code 10.0.0.5:41233}; null if nobody did
 */
public record AccessRecord(
    Tuple tuple,
    String label,
    String target,
    Outcome end,
    Outcome.Phase phase,
    long durationMillis,
    long bytesIn,
    long bytesOut,
    @Nullable String via) {

  /** Of a connection that was refused before it had a session. */
  public static AccessRecord refused(
      Tuple tuple, String label, Refusal refusal, @Nullable String via) {
    return new AccessRecord(tuple, label, "-", refusal, refusal.phase(), 0, 0, 0, via);
  }

  /** In a fixed order of keys. */
  @Override
  public String toString() {
    return "protocol="
        + tuple.protocol().word()
        + " client="
        + IpAddress.withPort(tuple.remote(), tuple.remotePort())
        + " local="
        + IpAddress.withPort(tuple.local(), tuple.localPort())
        + " label="
        + Quoted.of(label)
        + " target="
        + Quoted.of(target)
        + " end="
        + end.word()
        + " by="
        + end.by().word()
        + " phase="
        + phase.word()
        + " ms="
        + durationMillis
        + " in="
        + bytesIn
        + " out="
        + bytesOut
        + (via == null ? "" : " via=" + via);
  }
}
