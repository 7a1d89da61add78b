package io.sluice.proxy.observe;

import io.sluice.steering.Family;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.Protocol;
import org.jspecify.annotations.Nullable;

/**
 * Which sessions are meant; what is null doesn't matter.
 *
 * @param from whose clients
 * @param olderMillis that have lasted so long at least
 */
public record SessionFilter(
    @Nullable String label,
    @Nullable Protocol protocol,
    @Nullable IpPrefix from,
    long olderMillis) {
  public static final SessionFilter ALL = new SessionFilter(null, null, null, 0);

  /** Whether a session is meant. Allocates nothing. */
  public boolean matches(
      @Nullable String itsLabel, Family family, long clientHigh, long clientLow, long ageMillis) {
    return (label == null || label.equals(itsLabel))
        && (from == null || from.contains(family, clientHigh, clientLow))
        && ageMillis >= olderMillis;
  }
}
