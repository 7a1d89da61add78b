package io.sluice.proxy.observe;

import io.sluice.steering.Protocol;
import org.jspecify.annotations.Nullable;

/**
 * A connection or flow, as it is now.
 *
 * @param client address and port, as announced
 * @param label null while it isn't known yet
 * @param target null while there is none
 * @param state a word for what it does, or what it waits for
 * @param idleMillis since something moved
 * @param clientTcp of the client's connection; of a flow {@link Tcp#NONE}
 * @param via who announced the client; null if nobody did
 */
public record SessionState(
    Protocol protocol,
    String client,
    String local,
    @Nullable String label,
    @Nullable String target,
    String state,
    long ageMillis,
    long idleMillis,
    long bytesIn,
    long bytesOut,
    Tcp clientTcp,
    Tcp targetTcp,
    @Nullable String via) {

  /**
   * How a TCP connection fares.
   *
   * @param rttMicros the smoothed round trip time; -1 if it isn't known
   * @param retransmits segments that were sent again; -1 if it isn't known
   */
  public record Tcp(long rttMicros, long retransmits) {
    public static final Tcp NONE = new Tcp(-1, -1);

    /** Of {@code Syscalls.tcpInfo}. */
    public static Tcp of(long packed) {
      return packed < 0 ? NONE : new Tcp(packed >>> 32, packed & 0xffff_ffffL);
    }
  }

  public long bytes() {
    return bytesIn + bytesOut;
  }

  public long retransmits() {
    return Math.max(0, clientTcp.retransmits) + Math.max(0, targetTcp.retransmits);
  }
}
