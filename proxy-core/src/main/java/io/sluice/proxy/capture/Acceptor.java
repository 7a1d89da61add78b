package io.sluice.proxy.capture;

import io.netty.channel.IoEvent;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoHandle;
import io.netty.channel.unix.FileDescriptor;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.loop.Loop;
import org.jspecify.annotations.Nullable;

/**
 * Accepts on one listening socket, on one loop. Edge-triggered: it accepts until there is nothing
 * more, yielding to other events now and then. Called on its loop only.
 */
final class Acceptor implements EpollIoHandle, Runnable {
  private static final int BATCH = 64;

  private final Loop loop;
  private final CaptureSocket socket;
  private final AcceptGate gate;
  private final ConnectionHandler handler;
  private final Sockaddr client = new Sockaddr();
  private final FileDescriptor descriptor;
  private @Nullable IoRegistration registration;
  private boolean closed;

  Acceptor(Loop loop, CaptureSocket socket, AcceptGate gate, ConnectionHandler handler) {
    this.loop = loop;
    this.socket = socket;
    this.gate = gate;
    this.handler = handler;
    this.descriptor = new FileDescriptor(socket.fd());
  }

  /** Starts accepting; false if epoll refused the socket. */
  boolean start() {
    registration = loop.register(this, Loop.READ_EDGES);
    return registration != null;
  }

  @Override
  public FileDescriptor fd() {
    return descriptor;
  }

  @Override
  public void handle(IoRegistration registration, IoEvent event) {
    run();
  }

  /** Accepts what is waiting. */
  @Override
  public void run() {
    for (int i = 0; i < BATCH; i++) {
      if (closed || !gate.tryEnter(this)) {
        return;
      }
      int fd = loop.syscalls().accept(socket.fd(), client);
      if (fd >= 0) {
        handler.accepted(fd, client, socket);
        continue;
      }
      gate.leave();
      switch (-fd) {
        case Linux.EAGAIN -> {
          return;
        }
        case Linux.EMFILE, Linux.ENFILE, Linux.ENOMEM, Linux.ENOBUFS ->
            gate.pause(Linux.errnoName(-fd) + " at accept"); // tryEnter then queues this acceptor
        default -> {} // the connection broke before it was accepted: next
      }
    }
    loop.execute(this);
  }

  /** Stops accepting and closes the socket. What waits in its backlog is reset by the kernel. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      try {
        descriptor.close();
      } catch (java.io.IOException _) {
        // Nothing more can be done about it.
      }
      if (registration != null) {
        registration.cancel();
      }
    }
  }
}
