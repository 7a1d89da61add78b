package io.sluice.proxy.flow;

import io.netty.channel.IoEvent;
import io.netty.channel.IoRegistration;
import io.netty.channel.epoll.EpollIoHandle;
import io.netty.channel.unix.FileDescriptor;
import io.sluice.proxy.arrival.Arrival;
import io.sluice.proxy.arrival.CaptureSocket;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.loop.Loop;
import org.jspecify.annotations.Nullable;

/**
 * A capture's UDP socket on one loop. Flows hold it, because their replies leave through it; its
 * descriptor is closed when it is read no more and the last flow has let go. Belongs to its loop's
 * thread.
 */
final class FrontSocket implements EpollIoHandle {
  private final UdpRelay relay;
  private final CaptureSocket socket;
  private final FileDescriptor descriptor;
  private @Nullable IoRegistration registration;
  private boolean isOpen = true;
  private boolean isRead;
  private int flows;
  private long cookie; // 0: not asked yet

  FrontSocket(UdpRelay relay, CaptureSocket socket) {
    this.relay = relay;
    this.socket = socket;
    this.descriptor = new FileDescriptor(socket.fd());
  }

  boolean register(Loop loop) {
    registration = loop.register(this, Loop.READ_EDGES);
    return registration != null;
  }

  /** Has epoll tell again that there are datagrams: some were left for the sake of the others. */
  void rearm() {
    if (registration != null) {
      registration.submit(Loop.READ_EDGES);
    }
  }

  /** What the kernel knows the socket by, in every process that has it. */
  long cookie(Syscalls syscalls) {
    if (cookie == 0) {
      cookie = syscalls.cookie(socket.fd());
    }
    return cookie;
  }

  CaptureSocket socket() {
    return socket;
  }

  /** Has datagrams taken in from now on. */
  void read() {
    isRead = true;
  }

  /** Has datagrams wait in the kernel. */
  void pause() {
    isRead = false;
  }

  /** Whether datagrams are taken in. */
  boolean isRead() {
    return isRead && isOpen;
  }

  /** Whether the reply must say which address it comes from. */
  boolean needsSource() {
    return socket.arrival() == Arrival.WILDCARD;
  }

  /** Whether replies can't leave through it, as its port isn't the one that was asked. */
  boolean needsReplySocket() {
    return socket.arrival().isSteered();
  }

  /** A flow replies through it from now on. */
  void hold() {
    flows++;
  }

  /** A flow no longer does. */
  void release(Syscalls syscalls) {
    flows--;
    closeIfUnused(syscalls);
  }

  /** Reads no more. */
  void close(Syscalls syscalls) {
    if (!isOpen) {
      return;
    }
    isOpen = false;
    if (registration != null) {
      registration.cancel();
    }
    closeIfUnused(syscalls);
  }

  private void closeIfUnused(Syscalls syscalls) {
    if (!isOpen && flows == 0) {
      int _ = syscalls.close(socket.fd());
    }
  }

  @Override
  public FileDescriptor fd() {
    return descriptor;
  }

  @Override
  public void handle(IoRegistration registration, IoEvent event) {
    relay.clientsReady(this);
  }

  /** The loop itself is going down. */
  @Override
  public void close() {
    relay.abandon(this);
  }
}
