package io.sluice.config;

import org.jspecify.annotations.Nullable;

/**
 * One endpoint of a destination.
 *
 * @param weight 0–1000, its share relative to the others; 0 is none
 * @param serverId what its QUIC connection IDs hold, in lower-case hexadecimal; null if nothing
 * @param name what it is called, beside its address; null if it has none
 * @param isBackup whether it serves only while none of the others can
 * @param maxConnections how many sessions it may have in this destination; 0 is no bound
 */
public record TargetSpec(
    TargetAddress address,
    int weight,
    @Nullable String serverId,
    @Nullable String name,
    State state,
    boolean isBackup,
    int maxConnections) {
  /** What an operator wants of it, as HAProxy has it. */
  public enum State {
    /** It gets its share. */
    READY,
    /** Nothing new goes there; what is there may end by itself. */
    DRAIN,
    /** As {@link #DRAIN}; somebody works on it. */
    MAINT;

    /** As the file writes it. */
    public String word() {
      return switch (this) {
        case READY -> "ready";
        case DRAIN -> "drain";
        case MAINT -> "maint";
      };
    }
  }

  /** One that is ready. */
  public TargetSpec(
      TargetAddress address, int weight, @Nullable String serverId, @Nullable String name) {
    this(address, weight, serverId, name, State.READY, false, 0);
  }

  /** One without a server ID and a name. */
  public TargetSpec(TargetAddress address, int weight) {
    this(address, weight, null, null);
  }

  /** Its weight now: none unless it is ready. */
  public int share() {
    return state == State.READY ? weight : 0;
  }

  /** What stands for it in hashes: its name, or else its address. */
  public String identity() {
    return name == null ? address.toString() : name;
  }
}
