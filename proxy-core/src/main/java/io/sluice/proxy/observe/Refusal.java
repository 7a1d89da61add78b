package io.sluice.proxy.observe;

import io.sluice.steering.DropReason;

/**
 * Every way in which traffic can be refused: the engine's {@link DropReason}s, and the proxy's own.
 * The {@linkplain #word() word} is the metric label, and what the access record and {@code explain}
 * say.
 */
public enum Refusal implements Outcome {
  /** A program said drop, and none assigned a socket. */
  PROGRAM(DropReason.PROGRAM.word(), By.SLUICE, Phase.LOOKUP),
  /**
   * A program threw, or answered something else than pass or drop; or the selected reuseport
   * group's program threw.
   */
  PROGRAM_ERROR(DropReason.PROGRAM_ERROR.word(), By.SLUICE, Phase.LOOKUP),
  /** A binding or an assigning rule matched, but the socket map holds no socket for its label. */
  MISS(DropReason.MISS.word(), By.SLUICE, Phase.LOOKUP),
  /**
   * The selected reuseport group selects nobody: its own program said drop, or all members drain.
   */
  GROUP(DropReason.GROUP.word(), By.SLUICE, Phase.LOOKUP),
  /** All passed, nothing was assigned, and no ordinary listener takes it. */
  NO_LISTENER(DropReason.NO_LISTENER.word(), By.SLUICE, Phase.LOOKUP),
  /** It reached a wildcard socket of ours, but its address is outside the captured prefixes. */
  NOT_CAPTURED("not_captured", By.SLUICE, Phase.LOOKUP),
  /**
   * A peer that must begin with a PROXY protocol header sent none or a wrong one, or ended before
   * it was complete.
   */
  PROXY_HEADER("proxy_header", By.CLIENT, Phase.HEADER),
  /** A peer that must begin with a PROXY protocol header did not complete it in time. */
  PROXY_HEADER_TIMEOUT("proxy_header_timeout", By.CLIENT, Phase.HEADER),
  /** {@code limits.flows} is reached, and this loop had no flow that could make room. */
  FLOW_LIMIT("flow_limit", By.SLUICE, Phase.CONNECT),
  /** The client's source has as many connections as {@code perSource} allows. */
  SOURCE_CONNECTIONS("source_connections", By.CLIENT, Phase.CONNECT),
  /** The client's source begins more connections in a second than {@code perSource} allows. */
  SOURCE_RATE("source_rate", By.CLIENT, Phase.CONNECT),
  /** The client's source has as many flows as {@code perSource} allows. */
  SOURCE_FLOWS("source_flows", By.CLIENT, Phase.CONNECT),
  /** The client's source begins more flows in a second than {@code perSource} allows. */
  SOURCE_FLOW_RATE("source_flow_rate", By.CLIENT, Phase.CONNECT),
  /** A client's datagram that is beyond a {@code bandwidth} or {@code bytesPerSecond}. */
  BANDWIDTH("bandwidth", By.CLIENT, Phase.DATA),
  /** The destination's own {@code maxConnections} is reached. */
  DESTINATION_LIMIT("destination_limit", By.SLUICE, Phase.CONNECT),
  /** All targets that could serve have as many sessions as their {@code maxConnections}. */
  TARGET_LIMIT("target_limit", By.SLUICE, Phase.CONNECT),
  /** As many clients wait for a target as the destination's {@code queue} holds. */
  QUEUE_FULL("queue_full", By.SLUICE, Phase.CONNECT),
  /** It has waited for a target as long as the destination's {@code queue} allows. */
  QUEUE_TIMEOUT("queue_timeout", By.SLUICE, Phase.CONNECT),
  /** The target that was tried last is a name without an address. */
  NO_TARGET("no_target", By.SLUICE, Phase.CONNECT),
  /** Checks say that no target of the destination serves. */
  TARGETS_DOWN("targets_down", By.TARGET, Phase.CONNECT),
  /** The destination is to be offloaded always, and this connection couldn't be. */
  NOT_OFFLOADED("not_offloaded", By.SLUICE, Phase.LOOKUP),
  /** The last target that was tried refused the connection. */
  CONNECT_REFUSED("connect_refused", By.TARGET, Phase.CONNECT),
  /** The last target that was tried did not accept within {@code connectTimeout}. */
  CONNECT_TIMEOUT("connect_timeout", By.TARGET, Phase.CONNECT),
  /** No route to the last target that was tried, or another network error while connecting. */
  CONNECT_ERROR("connect_error", By.TARGET, Phase.CONNECT),
  /** This process or the machine is out of file descriptors. */
  NO_DESCRIPTORS("no_descriptors", By.SLUICE, Phase.CONNECT),
  /** The local ports for connections to the target are used up. */
  NO_SOURCE_PORT("no_source_port", By.SLUICE, Phase.CONNECT),
  /** The destination's {@code source} has no address that the target can be reached from. */
  NO_SOURCE_ADDRESS("no_source_address", By.SLUICE, Phase.CONNECT),
  /** The target would be ourselves: the connection came from one of our own upstream sockets. */
  LOOP("loop", By.SLUICE, Phase.LOOKUP),
  /**
   * A datagram whose source address and port are captured: the answer would come back to ourselves.
   */
  OWN_SOURCE("own_source", By.CLIENT, Phase.LOOKUP),
  /** A datagram that could not be handed to the target's socket: its send buffer is full. */
  UPSTREAM_BUFFER("upstream_buffer", By.SLUICE, Phase.DATA),
  /** A datagram that the target's host answered with "port unreachable". */
  PORT_UNREACHABLE("port_unreachable", By.TARGET, Phase.DATA),
  /** The target used to answer, and has fallen silent; only said of targets, in the log. */
  NO_ANSWER("no_answer", By.TARGET, Phase.DATA),
  /** A reply that could not be sent to the client: our send buffer is full, or no route. */
  REPLY_ERROR("reply_error", By.SLUICE, Phase.DATA),
  /** Something failed that can't, before there was a session; the log has it. */
  FAULT("fault", By.SLUICE, Phase.LOOKUP),
  /** The daemon is draining and takes nothing new. */
  DRAINING("draining", By.SLUICE, Phase.LOOKUP);

  private final String word;
  private final By by;
  private final Phase phase;

  Refusal(String word, By by, Phase phase) {
    this.word = word;
    this.by = by;
    this.phase = phase;
  }

  /** The engine's reason, as one of all. */
  public static Refusal of(DropReason reason) {
    return switch (reason) {
      case PROGRAM -> PROGRAM;
      case PROGRAM_ERROR -> PROGRAM_ERROR;
      case MISS -> MISS;
      case GROUP -> GROUP;
      case NO_LISTENER -> NO_LISTENER;
    };
  }

  @Override
  public String word() {
    return word;
  }

  @Override
  public By by() {
    return by;
  }

  /** How far something comes that is refused so. */
  public Phase phase() {
    return phase;
  }
}
