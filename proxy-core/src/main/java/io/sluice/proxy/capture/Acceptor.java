package io.sluice.proxy.capture;

import io.netty.channel.IoEvent;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoHandle;
import io.netty.channel.unix.FileDescriptor;
import io.sluice.proxy.arrival.CaptureSocket;
import io.sluice.proxy.arrival.ConnectionHandler;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.loop.AcceptGate;
import io.sluice.proxy.loop.Loop;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * Accepts on one listening socket, on one loop. Edge-triggered: it accepts until there is nothing
 * more, yielding to other events now and then. Called on its loop only.
 */
public final class Acceptor implements EpollIoHandle, Runnable {
  private static final int BATCH = 64;
  private static final int MOST_BATCHES_AT_STOP = 64; // as much as the kernel holds for us

  private final Loop loop;
  private final CaptureSocket socket;
  private final AcceptGate gate;
  private final ConnectionHandler handler;
  private final Sockaddr client = new Sockaddr();
  private final FileDescriptor descriptor;
  private @Nullable IoRegistration registration;
  private boolean isOpen;
  private boolean closed;

  public Acceptor(Loop loop, CaptureSocket socket, AcceptGate gate, ConnectionHandler handler) {
    this.loop = loop;
    this.socket = socket;
    this.gate = gate;
    this.handler = handler;
    this.descriptor = new FileDescriptor(socket.fd());
  }

  /**
   * Puts the socket under epoll, and accepts nothing yet.
   *
   * @return false if epoll refuses
   */
  boolean register() {
    registration = loop.register(this, Loop.READ_EDGES);
    return registration != null;
  }

  /** Accepts nothing for a while: what comes waits in the kernel. */
  void pause() {
    isOpen = false;
  }

  /** Accepts from now on, and first what has been waiting. */
  void open() {
    isOpen = true;
    run();
  }

  @Override
  public FileDescriptor fd() {
    return descriptor;
  }

  /**
   * Accepts after the other events at hand: one of them may be for a socket that was closed a
   * moment ago, and Netty would take it for the next one that gets the same number.
   */
  @Override
  public void handle(IoRegistration registration, IoEvent event) {
    if (isOpen) {
      loop.execute(this);
    }
  }

  /** Accepts what is waiting. */
  @Override
  public void run() {
    boolean mayBeMore = true;
    try {
      mayBeMore = acceptBatch();
    } catch (RuntimeException | Error failure) {
      loop.fault("accepting", failure); // thrown on, what waits would wait for the next to come
    }
    if (mayBeMore && registration != null && !closed) {
      long _ = registration.submit(Loop.READ_EDGES); // epoll says so in turn
    }
  }

  /** Accepts a batch; true if there may be more. */
  private boolean acceptBatch() {
    for (int i = 0; i < BATCH; i++) {
      if (closed || !isOpen || !gate.tryEnter(this)) {
        return false;
      }
      int fd = loop.syscalls().accept(socket.fd(), client);
      if (fd >= 0) {
        client.unmap(); // the socket may be one of both families
        handler.accepted(fd, client, socket);
        gate.took(fd);
        continue;
      }
      gate.leave();
      switch (-fd) {
        case Linux.EAGAIN -> {
          return false;
        }
        case Linux.EMFILE, Linux.ENFILE, Linux.ENOMEM, Linux.ENOBUFS ->
            gate.pause(Linux.errnoName(-fd) + " at accept"); // tryEnter then queues this acceptor
        default -> {} // the connection broke before it was accepted: next
      }
    }
    return true;
  }

  /**
   * Accepts what is waiting, as far as the gate lets it, and closes the socket: the kernel resets
   * the rest. One that was never opened is just closed.
   */
  void stop() {
    int batches = 0;
    while (isOpen && batches < MOST_BATCHES_AT_STOP && acceptBatch()) {
      batches++;
    }
    close();
  }

  /**
   * Closes the socket. What waits in its backlog is reset by the kernel, unless another process has
   * the socket, too: then epoll wouldn't forget it by itself.
   */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      if (registration != null) {
        registration.cancel();
      }
      try {
        descriptor.close();
      } catch (IOException _) {
        // Nothing more can be done about it.
      }
    }
  }
}
