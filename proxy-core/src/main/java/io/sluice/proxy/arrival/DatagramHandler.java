package io.sluice.proxy.arrival;

/** Takes over captured datagram sockets; called on the loop that is to read them. */
public interface DatagramHandler {
  /**
   * Puts this socket under epoll, and reads nothing yet. The descriptor is now the handler's.
   *
   * @return false if epoll refuses; the socket is to be closed then, too
   */
  boolean register(CaptureSocket socket);

  /** Reads a registered socket from now on, and first what has been waiting. */
  void open(CaptureSocket socket);

  /** Reads nothing from this socket until it is opened again: what comes waits in the kernel. */
  void pause(CaptureSocket socket);

  /**
   * Reads nothing from this socket any more, and closes it once no flow needs it. It is another
   * process's now, and so are its options, and what waits in it.
   */
  void letGo(CaptureSocket socket);

  /** Takes nothing new from this socket, and closes it once no flow needs it. */
  void close(CaptureSocket socket);
}
