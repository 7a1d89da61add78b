package io.sluice.config;

import io.sluice.steering.IpPrefix;
import java.util.List;

/**
 * What one source of traffic may have: the clients of one prefix. A bound of 0 is none.
 *
 * @param prefix4 how long the prefix of an IPv4 source is
 * @param prefix6 how long the prefix of an IPv6 source is
 * @param connections how many TCP sessions it may have at once
 * @param newPerSecond how many it may begin in a second, and at once
 * @param flows how many UDP flows it may have at once
 * @param newFlowsPerSecond how many it may begin in a second, and at once
 * @param bytesPerSecond how much it may move, both directions together
 * @param except prefixes that are not limited
 * @param isShadow nothing is refused, but what would be is counted
 */
public record SourceLimits(
    int prefix4,
    int prefix6,
    int connections,
    int newPerSecond,
    int flows,
    int newFlowsPerSecond,
    long bytesPerSecond,
    OverLimit overLimit,
    List<IpPrefix> except,
    boolean isShadow) {

  /** What becomes of a TCP connection that is one too many. A datagram is dropped in any case. */
  public enum OverLimit {
    /** It is reset. */
    REFUSE("refuse"),
    /** It waits for a while until it may begin. */
    WAIT("wait"),
    /** It is closed so that nothing says so to a client beyond the next router. */
    DROP("drop");

    private final String word;

    OverLimit(String word) {
      this.word = word;
    }

    /** As the file writes it. */
    public String word() {
      return word;
    }
  }

  /** Whether it is about TCP, among others. */
  boolean isForTcp() {
    return connections > 0 || newPerSecond > 0 || bytesPerSecond > 0;
  }

  public SourceLimits {
    except = List.copyOf(except);
  }
}
