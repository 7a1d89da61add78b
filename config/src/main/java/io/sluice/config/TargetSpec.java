package io.sluice.config;

import org.jspecify.annotations.Nullable;

/**
 * One endpoint of a destination.
 *
 * @param weight 0–1000, its share relative to the others; 0 is none
 * @param serverId what its QUIC connection IDs hold, in lower-case hexadecimal; null if nothing
 */
public record TargetSpec(TargetAddress address, int weight, @Nullable String serverId) {
  /** One without a server ID. */
  public TargetSpec(TargetAddress address, int weight) {
    this(address, weight, null);
  }
}
