package io.sluice.config;

import io.sluice.steering.Protocol;
import org.jspecify.annotations.Nullable;

/**
 * What a destination's clients may have of it.
 *
 * @param perSource what one source may have; null for no bound
 */
public record DestinationLimits(@Nullable SourceLimits perSource) {
  public static final DestinationLimits NONE = new DestinationLimits(null);

  static DestinationLimits read(Fields destination, @Nullable Protocol protocol) {
    Value perSource = destination.optional(SourceLimitsSection.KEY);
    return new DestinationLimits(
        perSource == null ? null : SourceLimitsSection.read(perSource, protocol));
  }
}
