package io.sluice.proxy.capture;

import io.sluice.proxy.arrival.CaptureSocket;
import io.sluice.steering.Protocol;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The sockets of one address: one on each loop that reads it.
 *
 * <p>It is made in two steps. {@link #register} puts the sockets under epoll, which may fail, and
 * takes nothing in: what arrives waits in the kernel. {@link #open} begins to take it in, and can't
 * fail. Called on the control thread; what it does to sockets is done on their loops.
 */
final class SocketGroup {
  private final Protocol protocol;
  private final List<Member> members = new ArrayList<>();
  private final AtomicInteger registered = new AtomicInteger();

  /**
   * A socket and its loop.
   *
   * @param acceptor takes the connections of a TCP socket; null for UDP
   */
  private record Member(
      Captures.Worker worker, CaptureSocket socket, @Nullable Acceptor acceptor) {}

  SocketGroup(Protocol protocol) {
    this.protocol = protocol;
  }

  Protocol protocol() {
    return protocol;
  }

  /** A descriptor of the group. */
  int fd() {
    return members.getFirst().socket.fd();
  }

  /** The descriptors of the group. */
  List<Integer> fds() {
    return members.stream().map(it -> it.socket.fd()).toList();
  }

  /** Adds a bound socket, which is the group's from now on. */
  void add(Captures.Worker worker, CaptureSocket socket) {
    Acceptor acceptor =
        protocol == Protocol.TCP
            ? new Acceptor(worker.loop(), socket, worker.gate(), worker.connections())
            : null;
    members.add(new Member(worker, socket, acceptor));
  }

  /** Puts the sockets under epoll. */
  void register(LoopTasks tasks) {
    for (Member member : members) {
      tasks.add(
          member.worker.loop(),
          () -> {
            boolean done =
                member.acceptor != null
                    ? member.acceptor.register()
                    : member.worker.datagrams().register(member.socket);
            if (done) {
              registered.incrementAndGet();
            }
          });
    }
  }

  /** Whether all sockets are under epoll. */
  boolean isRegistered() {
    return registered.get() == members.size();
  }

  /** Takes in what arrives from now on, and what has been waiting. */
  void open(LoopTasks tasks) {
    for (Member member : members) {
      tasks.add(
          member.worker.loop(),
          () -> {
            if (member.acceptor != null) {
              member.acceptor.open();
            } else {
              member.worker.datagrams().open(member.socket);
            }
          });
    }
  }

  /** Takes in what is waiting, and closes the sockets; the ones of UDP when no flow needs them. */
  void close(LoopTasks tasks) {
    for (Member member : members) {
      tasks.add(
          member.worker.loop(),
          () -> {
            if (member.acceptor != null) {
              member.acceptor.stop();
            } else {
              member.worker.datagrams().close(member.socket);
            }
          });
    }
  }
}
