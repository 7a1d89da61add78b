package io.sluice.steering;

/**
 * Every way in which traffic can be refused. The {@linkplain #word() word} is the metric label, and
 * what the access record and {@code explain} say.
 */
public enum DropReason {
  /** A program said drop, and none assigned a socket. */
  PROGRAM("program"),
  /**
   * A program threw, or answered something else than pass or drop; or the selected reuseport
   * group's program threw.
   */
  PROGRAM_ERROR("program_error"),
  /** A binding or an assigning rule matched, but the socket map holds no socket for its label. */
  MISS("miss"),
  /**
   * The selected reuseport group selects nobody: its own program said drop, or all members drain.
   */
  GROUP("group"),
  /** All passed, nothing was assigned, and no ordinary listener takes it. */
  NO_LISTENER("no_listener"),
  /** It reached a wildcard socket of ours, but its address is outside the captured prefixes. */
  NOT_CAPTURED("not_captured"),
  /**
   * A peer that must begin with a PROXY protocol header sent none or a wrong one, or ended before
   * it was complete.
   */
  PROXY_HEADER("proxy_header"),
  /** A peer that must begin with a PROXY protocol header did not complete it in time. */
  PROXY_HEADER_TIMEOUT("proxy_header_timeout"),
  /** {@code limits.flows} is reached, and this loop had no flow that could make room. */
  FLOW_LIMIT("flow_limit"),
  /** The destination's own {@code maxConnections} is reached. */
  DESTINATION_LIMIT("destination_limit"),
  /** The target that was tried last is a name without an address. */
  NO_TARGET("no_target"),
  /** Checks say that no target of the destination serves. */
  TARGETS_DOWN("targets_down"),
  /** The last target that was tried refused the connection. */
  CONNECT_REFUSED("connect_refused"),
  /** The last target that was tried did not accept within {@code connectTimeout}. */
  CONNECT_TIMEOUT("connect_timeout"),
  /** No route to the last target that was tried, or another network error while connecting. */
  CONNECT_ERROR("connect_error"),
  /** This process or the machine is out of file descriptors. */
  NO_DESCRIPTORS("no_descriptors"),
  /** The local ports for connections to the target are used up. */
  NO_SOURCE_PORT("no_source_port"),
  /** The destination's {@code source} has no address that the target can be reached from. */
  NO_SOURCE_ADDRESS("no_source_address"),
  /** The target would be ourselves: the connection came from one of our own upstream sockets. */
  LOOP("loop"),
  /**
   * A datagram whose source address and port are captured: the answer would come back to ourselves.
   */
  OWN_SOURCE("own_source"),
  /** A datagram that could not be handed to the target's socket: its send buffer is full. */
  UPSTREAM_BUFFER("upstream_buffer"),
  /** A datagram that the target's host answered with "port unreachable". */
  PORT_UNREACHABLE("port_unreachable"),
  /** The target used to answer, and has fallen silent; only said of targets, in the log. */
  NO_ANSWER("no_answer"),
  /** A reply that could not be sent to the client: our send buffer is full, or no route. */
  REPLY_ERROR("reply_error"),
  /** Something failed that can't, before there was a session; the log has it. */
  FAULT("fault"),
  /** The daemon is draining and takes nothing new. */
  DRAINING("draining");

  private final String word;

  DropReason(String word) {
    this.word = word;
  }

  /** The metric label's value. */
  public String word() {
    return word;
  }
}
