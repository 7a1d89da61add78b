package io.sluice.config;

import io.sluice.steering.Protocol;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a label stands for, in one protocol: a group of targets.
 *
 * @param retries how many other targets are tried after a failed connect
 * @param maxConnections 0 is no bound
 * @param proxyProtocol the header that targets get; null for none
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
    @Nullable ProxyProtocolOut proxyProtocol) {
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

  /** A destination whose targets get no header. */
  public DestinationSpec(
      String label,
      Protocol protocol,
      List<TargetSpec> targets,
      Select select,
      Duration connectTimeout,
      Duration idleTimeout,
      int retries,
      int maxConnections) {
    this(
        label,
        protocol,
        targets,
        select,
        connectTimeout,
        idleTimeout,
        retries,
        maxConnections,
        null);
  }
}
