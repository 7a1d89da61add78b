package io.sluice.config;

import org.jspecify.annotations.Nullable;

/**
 * One endpoint of a destination.
 *
 * @param weight 0–1000, its share relative to the others; 0 is none
 * @param serverId what its QUIC connection IDs hold, in lower-case hexadecimal; null if nothing
 * @param name what it is called, beside its address; null if it has none
 * @param isBackup whether it serves only while none of the others can
 */
public record TargetSpec(
    TargetAddress address,
    int weight,
    @Nullable String serverId,
    @Nullable String name,
    boolean isBackup) {
  /** One without a server ID and a name. */
  public TargetSpec(TargetAddress address, int weight) {
    this(address, weight, null, null, false);
  }

  /** What stands for it in hashes: its name, or else its address. */
  public String identity() {
    return name == null ? address.toString() : name;
  }
}
