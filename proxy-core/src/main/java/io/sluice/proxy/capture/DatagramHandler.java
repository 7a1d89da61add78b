package io.sluice.proxy.capture;

/** Takes over captured datagram sockets; called on the loop that is to read them. */
public interface DatagramHandler {
  /** Reads this socket from now on. The descriptor is now the handler's. */
  void open(CaptureSocket socket);

  /** Takes nothing new from this socket, and closes it once no flow needs it. */
  void close(CaptureSocket socket);
}
