package io.sluice.proxy.arrival;

import io.sluice.proxy.linux.Sockaddr;

/** Takes over accepted connections, on the loop that accepted them. */
@FunctionalInterface
public interface ConnectionHandler {
  /**
   * A connection was accepted.
   *
   * @param fd now the handler's
   * @param client where it comes from; valid during the call
   * @param via the socket that it came in by
   */
  void accepted(int fd, Sockaddr client, CaptureSocket via);
}
