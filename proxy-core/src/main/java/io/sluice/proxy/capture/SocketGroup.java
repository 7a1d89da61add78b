package io.sluice.proxy.capture;

import io.sluice.proxy.arrival.CaptureSocket;
import io.sluice.proxy.arrival.DatagramHandler;
import io.sluice.proxy.handover.HandedSocket;
import io.sluice.steering.Protocol;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
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

  /** How another process is told of the group's sockets. */
  void hand(CapturePlan.Key key, List<HandedSocket> into) {
    for (Member member : members) {
      into.add(
          new HandedSocket(
              HandedSocket.Kind.CAPTURE,
              "",
              key.protocol(),
              key.arrival().ordinal(),
              key.address(),
              key.port(),
              member.socket.port(),
              member.socket.fd()));
    }
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
    each(tasks, Acceptor::open, DatagramHandler::open);
  }

  /** Takes nothing in until {@link #open}: what arrives waits in the kernel. */
  void pause(LoopTasks tasks) {
    each(tasks, Acceptor::pause, DatagramHandler::pause);
  }

  /** Closes sockets that another process has now, and leaves it what waits in them. */
  void letGo(LoopTasks tasks) {
    each(tasks, Acceptor::close, DatagramHandler::letGo);
  }

  /** Takes in what is waiting, and closes the sockets; the ones of UDP when no flow needs them. */
  void close(LoopTasks tasks) {
    each(tasks, Acceptor::stop, DatagramHandler::close);
  }

  private void each(
      LoopTasks tasks, Consumer<Acceptor> ofTcp, BiConsumer<DatagramHandler, CaptureSocket> ofUdp) {
    for (Member member : members) {
      tasks.add(
          member.worker.loop(),
          () -> {
            if (member.acceptor != null) {
              ofTcp.accept(member.acceptor);
            } else {
              ofUdp.accept(member.worker.datagrams(), member.socket);
            }
          });
    }
  }
}
