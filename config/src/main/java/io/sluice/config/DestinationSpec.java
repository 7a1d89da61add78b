package io.sluice.config;

import io.sluice.steering.Protocol;
import java.time.Duration;
import java.util.List;

/** What a label stands for. */
public record DestinationSpec(
    String label,
    Protocol protocol,
    List<TargetSpec> targets,
    Select select,
    Duration connectTimeout,
    Duration idleTimeout,
    int retries,
    int maxConnections) {
  public enum Select {
    HASH,
    SOURCE,
    ROUND_ROBIN,
    LEAST_CONNECTIONS
  }
}
