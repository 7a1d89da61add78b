package io.sluice.proxy.limit;

import io.sluice.config.SourceLimits;
import io.sluice.steering.Family;
import io.sluice.steering.IpPrefix;
import io.sluice.steering.LookupContext;
import org.jspecify.annotations.Nullable;

/** What one source may have of the process, a capture or a destination. Immutable; any thread. */
public final class SourceRules {
  private final SourceLimits limits;
  private final long scope;
  final @Nullable Rate newConnections;
  final @Nullable Rate newFlows;
  final @Nullable Rate bytes;
  private final IpPrefix[] except;

  private SourceRules(SourceLimits limits, String scope) {
    this.limits = limits;
    this.scope = scope.hashCode() * 0x9e3779b97f4a7c15L + scope.length();
    this.newConnections = limits.newPerSecond() == 0 ? null : Rate.perSecond(limits.newPerSecond());
    this.newFlows =
        limits.newFlowsPerSecond() == 0 ? null : Rate.perSecond(limits.newFlowsPerSecond());
    this.bytes = limits.bytesPerSecond() == 0 ? null : Rate.perSecond(limits.bytesPerSecond());
    this.except = limits.except().toArray(IpPrefix[]::new);
  }

  /**
   * What a configuration says.
   *
   * @param limits null for none: then there are no rules
   * @param scope names what is limited; a reload with the same name goes on with the same counts
   */
  public static @Nullable SourceRules of(@Nullable SourceLimits limits, String scope) {
    return limits == null ? null : new SourceRules(limits, scope);
  }

  SourceLimits limits() {
    return limits;
  }

  /** Whether a client's source is limited at all. */
  boolean concerns(LookupContext context) {
    for (IpPrefix prefix : except) {
      if (prefix.contains(context.family(), context.remoteHigh(), context.remoteLow())) {
        return false;
      }
    }
    return true;
  }

  /** The number of a client's source in the table. */
  long key(SourceTable table, LookupContext context) {
    if (context.family() == Family.IPV4) {
      long mask = -1L << 32 - limits.prefix4();
      return table.key(scope, 0, context.remoteLow() & mask);
    }
    int length = limits.prefix6();
    long high = length >= 64 ? context.remoteHigh() : context.remoteHigh() & -1L << 64 - length;
    long low = length <= 64 ? 0 : context.remoteLow() & -1L << 128 - length;
    return table.key(~scope, high, low);
  }

  /** How many connections of a source may wait. */
  int mostWaiting() {
    int most = limits.connections() > 0 ? limits.connections() : 10 * limits.newPerSecond();
    return Math.min(most, 10_000);
  }
}
