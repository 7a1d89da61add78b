package io.sluice.proxy.linux;

import io.sluice.steering.Payload;
import java.util.Objects;

/**
 * What a TCP client has sent before anybody read it. Asked for by the first to look, so that
 * connections whose programs don't look cost no system call. Belongs to one thread.
 */
public final class PeekedPayload implements Payload {
  private static final int UNKNOWN = -1;

  private final Syscalls syscalls;
  private final NativeBuffer buffer;
  private final int capacityBytes;
  private int fd;
  private int length;

  /**
   * @param buffer where the bytes go; somebody else may use it between lookups
   */
  public PeekedPayload(Syscalls syscalls, NativeBuffer buffer, int capacityBytes) {
    this.syscalls = syscalls;
    this.buffer = buffer;
    this.capacityBytes = capacityBytes;
  }

  /** Shows another connection's bytes from now on. */
  public PeekedPayload of(int fd) {
    this.fd = fd;
    this.length = UNKNOWN;
    return this;
  }

  @Override
  public int length() {
    if (length == UNKNOWN) {
      length = (int) Math.max(0, syscalls.peek(fd, buffer.address(), capacityBytes));
    }
    return length;
  }

  @Override
  public int at(int index) {
    return buffer.at(Objects.checkIndex(index, length()));
  }
}
