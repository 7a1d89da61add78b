package io.sluice.proxy.flow;

import org.jspecify.annotations.Nullable;

/** A socket bound to an address and port that clients asked; see {@link ReplySockets}. */
final class ReplySocket implements FlowTable.Keyed {
  private final FlowKey key;
  private final int fd;

  /** How many flows reply through it. */
  int flows;

  /** Its descriptor is somebody else's by now. */
  boolean isClosed;

  /** Neighbours by last use. */
  @Nullable ReplySocket older;

  @Nullable ReplySocket newer;

  ReplySocket(FlowKey key, int fd) {
    this.key = key;
    this.fd = fd;
  }

  /** The local address and port, with no client. */
  @Override
  public FlowKey key() {
    return key;
  }

  int fd() {
    return fd;
  }
}
