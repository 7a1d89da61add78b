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
 * @param affinity what goes to one target as a whole
 * @param payload what {@link Select#PAYLOAD} looks at; null for the others
 * @param quic what {@link Select#QUIC} goes by; null for the others
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
    Affinity affinity,
    @Nullable PayloadBytes payload,
    @Nullable Quic quic) {
  /** Bytes of the payload. */
  public record PayloadBytes(int offset, int length) {}

  /** How the servers' connection IDs look. */
  public record Quic(int connectionIdLength) {}

  /** What goes to one target as a whole. */
  public enum Affinity {
    /** A TCP connection. */
    CONNECTION,
    /** A client's datagrams to one address and port, until it is idle. */
    FLOW,
    /** Each datagram by itself. */
    DATAGRAM;

    /** As the file writes it. */
    public String word() {
      return switch (this) {
        case CONNECTION -> "connection";
        case FLOW -> "flow";
        case DATAGRAM -> "datagram";
      };
    }

    /** What holds where the file says nothing. */
    public static Affinity of(Protocol protocol) {
      return protocol == Protocol.TCP ? CONNECTION : FLOW;
    }
  }

  /** How a target is chosen. */
  public enum Select {
    HASH,
    SOURCE,
    ROUND_ROBIN,
    LEAST_CONNECTIONS,
    PAYLOAD,
    QUIC;

    /** As the file writes it: {@code round-robin}. */
    public String word() {
      return switch (this) {
        case HASH -> "hash";
        case SOURCE -> "source";
        case ROUND_ROBIN -> "round-robin";
        case LEAST_CONNECTIONS -> "least-connections";
        case PAYLOAD -> "payload";
        case QUIC -> "quic";
      };
    }
  }

  public DestinationSpec {
    targets = List.copyOf(targets);
  }
}
