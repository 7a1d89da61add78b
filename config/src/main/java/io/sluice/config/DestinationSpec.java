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
 * @param messages what {@link Affinity#MESSAGE} needs to know; null for the others
 * @param program what {@link Select#PROGRAM} asks; null for the others
 * @param source where connections to the targets come from
 * @param proxyProtocol the header that targets get; null for none
 * @param responses how many datagrams answer one of a client's; 0: that isn't known
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
    @Nullable Quic quic,
    @Nullable MessageSpec messages,
    @Nullable JarClass program,
    SourceSpec source,
    @Nullable ProxyProtocolOut proxyProtocol,
    int responses) {
  /**
   * One that isn't steered by message, nor by a program of its own, with the kernel's source
   * addresses, no header, and any number of answers.
   */
  public DestinationSpec(
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
    this(
        label,
        protocol,
        targets,
        select,
        connectTimeout,
        idleTimeout,
        retries,
        maxConnections,
        affinity,
        payload,
        quic,
        null,
        null,
        SourceSpec.KERNEL,
        null,
        0);
  }

  /** Bytes of the payload. */
  public record PayloadBytes(int offset, int length) {}

  /**
   * How the servers' connection IDs look.
   *
   * @param serverId where the server's own ID stands in them; null if they have none
   */
  public record Quic(int connectionIdLength, @Nullable ServerId serverId) {}

  /** Bytes of a connection ID. */
  public record ServerId(int offset, int length) {}

  /** What goes to one target as a whole. */
  public enum Affinity {
    /** A TCP connection. */
    CONNECTION,
    /** Each message of a TCP connection. */
    MESSAGE,
    /** A client's datagrams to one address and port, until it is idle. */
    FLOW,
    /** Each datagram by itself. */
    DATAGRAM;

    /** As the file writes it. */
    public String word() {
      return switch (this) {
        case CONNECTION -> "connection";
        case MESSAGE -> "message";
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
    QUIC,
    PROGRAM;

    /** As the file writes it: {@code round-robin}. */
    public String word() {
      return switch (this) {
        case HASH -> "hash";
        case SOURCE -> "source";
        case ROUND_ROBIN -> "round-robin";
        case LEAST_CONNECTIONS -> "least-connections";
        case PAYLOAD -> "payload";
        case QUIC -> "quic";
        case PROGRAM -> "program";
      };
    }
  }

  public DestinationSpec {
    targets = List.copyOf(targets);
  }
}
