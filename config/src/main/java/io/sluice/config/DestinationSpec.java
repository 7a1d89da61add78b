package io.sluice.config;

import io.sluice.steering.Protocol;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a label stands for, in one protocol: a group of targets.
 *
 * @param selection how one of the targets is chosen
 * @param retries how many other targets are tried after a failed connect
 * @param maxConnections 0 is no bound
 * @param affinity what goes to one target as a whole
 * @param messages what {@link Affinity#MESSAGE} needs to know; null for the others
 * @param source where connections to the targets come from
 * @param proxyProtocol the header that targets get; null for none
 * @param keepalive of TCP connections, to clients and to targets; null for none
 * @param responses how many datagrams answer one of a client's; 0: that isn't known
 * @param health how it is found out which targets serve
 * @param offload whether the kernel may give connections to targets without us
 * @param limits what its clients may have of it
 */
public record DestinationSpec(
    String label,
    Protocol protocol,
    List<TargetSpec> targets,
    Selection selection,
    Duration connectTimeout,
    Duration idleTimeout,
    int retries,
    int maxConnections,
    Affinity affinity,
    @Nullable MessageSpec messages,
    SourceSpec source,
    @Nullable ProxyProtocolOut proxyProtocol,
    @Nullable Keepalive keepalive,
    int responses,
    HealthSpec health,
    OffloadSpec offload,
    DestinationLimits limits) {
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

  public DestinationSpec {
    targets = List.copyOf(targets);
  }
}
