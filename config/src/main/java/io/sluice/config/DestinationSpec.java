package io.sluice.config;

import io.sluice.steering.Protocol;
import java.time.Duration;
import java.util.List;

/**
 * What a label stands for, in one protocol: a group of targets.
 *
 * @param retries how many other targets are tried after a failed connect
 * @param maxConnections 0 is no bound
 * @param source where connections to the targets come from
 */
public record DestinationSpec(
    String label,
    Protocol protocol,
    List<TargetSpec> targets,
    Select select,
    Duration connectTimeout,
    Duration idleTimeout,
    int retries,
    int maxConnections,
    SourceSpec source) {
  /** How a target is chosen. */
  public enum Select {
    HASH,
    SOURCE,
    ROUND_ROBIN,
    LEAST_CONNECTIONS;

    /** As the file writes it: {@code round-robin}. */
    public String word() {
      return switch (this) {
        case HASH -> "hash";
        case SOURCE -> "source";
        case ROUND_ROBIN -> "round-robin";
        case LEAST_CONNECTIONS -> "least-connections";
      };
    }
  }

  public DestinationSpec {
    targets = List.copyOf(targets);
  }
}
