package io.sluice.proxy.arrival;

/** How traffic comes to a capture's socket, and so who knows where it wanted to go. */
public enum Arrival {
  /** It wanted the address and port that the socket is bound to. */
  BOUND,
  /** The socket is bound to a wildcard: the kernel tells the address; the port is the socket's. */
  WILDCARD,
  /** The kernel's SK_LOOKUP gave it to the socket: the kernel tells address and port. */
  SK_LOOKUP,
  /** An nftables rule gave it to the socket: the kernel tells address and port. */
  TPROXY,
  /** An nftables rule rewrote where it wanted to go: connection tracking tells. TCP only. */
  REDIRECT;

  /** Whether the socket takes any address and port: its own say nothing. */
  public boolean isSteered() {
    return this == SK_LOOKUP || this == TPROXY;
  }
}
