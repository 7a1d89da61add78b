package io.sluice.proxy.flow;

import io.sluice.proxy.arrival.Arrival;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Sockaddr;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.loop.Descriptors;
import io.sluice.proxy.observe.RateLimit;
import io.sluice.steering.Family;
import io.sluice.steering.IpAddress;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The sockets of one loop that replies leave through where one front socket takes every port: a
 * datagram's source address can be chosen (IP_PKTINFO), its source port can't.
 *
 * <p>One for each address and port that clients have asked, made with the first answer of a target,
 * shared by the flows of that address and port, and closed with the last of them. There are at most
 * {@value #MOST}: then the one that has been idle longest makes room, and comes back when it is
 * needed again. They are never read, and so are connected to themselves: nothing arrives here, even
 * after a reload has taken away what brought traffic to the front socket. Belongs to its loop's
 * thread.
 */
final class ReplySockets {
  /** How many there may be at once. */
  static final int MOST = 4096;

  private static final Logger log = LoggerFactory.getLogger(ReplySockets.class);
  private static final RateLimit logLimit = new RateLimit(1_000);

  private final Syscalls syscalls;
  private final Runnable flush;
  private final int most;
  private final FlowTable<ReplySocket> table;
  private final FlowKey wanted = new FlowKey();
  private final Sockaddr local = new Sockaddr();
  private @Nullable ReplySocket oldest;
  private @Nullable ReplySocket newest;

  /**
   * @param flush sends what is to leave through sockets that are about to be closed
   * @param most how many there may be at once
   */
  ReplySockets(Syscalls syscalls, Runnable flush, int most) {
    this.syscalls = syscalls;
    this.table = new FlowTable<>(syscalls);
    this.flush = flush;
    this.most = most;
  }

  /** The socket for a flow's replies; null if there can be none. Until {@link #release}. */
  @Nullable ReplySocket hold(Flow flow) {
    ReplySocket held = flow.reply;
    if (held == null || held.isClosed) {
      held = find(flow.key().physical(), flow.front.socket().arrival());
      flow.reply = held;
      if (held == null) {
        return null;
      }
      held.flows++;
    }
    if (held != newest) {
      unlink(held);
      link(held);
    }
    return held;
  }

  private @Nullable ReplySocket find(FlowKey key, Arrival arrival) {
    wanted.setLocal(key);
    ReplySocket known = table.get(wanted);
    if (known != null) {
      return known;
    }
    if (table.size() >= most) {
      boolean _ = evict();
    }
    int fd = open(arrival);
    if ((fd == -Linux.EMFILE || fd == -Linux.ENFILE) && evict()) {
      fd = open(arrival);
    }
    if (fd < 0) {
      if (logLimit.permits()) {
        log.warn(
            "no socket for replies from local=\"{}\" errno={} suppressed={}",
            IpAddress.withPort(wanted.local(), wanted.localPort()),
            Linux.errnoName(-fd),
            logLimit.suppressed());
      }
      return null;
    }
    ReplySocket made = new ReplySocket(wanted.copy(), fd);
    table.put(made);
    link(made);
    return made;
  }

  /**
   * Binds beside those of other loops. The address needn't be an interface's: for {@code sk_lookup}
   * a local route covers it, for {@code tproxy} not even that.
   */
  private int open(Arrival arrival) {
    boolean ipv4 = wanted.family() == Family.IPV4;
    if (!Descriptors.udp().tryTake(1)) {
      return -Linux.EMFILE;
    }
    int fd = syscalls.socket(wanted.family().number(), Linux.SOCK_DGRAM);
    if (fd < 0) {
      Descriptors.udp().give(1);
      return fd;
    }
    if (Descriptors.isReserved(fd)) {
      closeDescriptor(fd);
      return -Linux.EMFILE;
    }
    int level = ipv4 ? Linux.IPPROTO_IP : Linux.IPPROTO_IPV6;
    int foreign =
        arrival == Arrival.TPROXY
            ? (ipv4 ? Linux.IP_TRANSPARENT : Linux.IPV6_TRANSPARENT)
            : (ipv4 ? Linux.IP_FREEBIND : Linux.IPV6_FREEBIND);
    if (!ipv4) {
      int _ = syscalls.setOption(fd, level, Linux.IPV6_V6ONLY, 1);
    }
    int _ = syscalls.setOption(fd, level, foreign, 1);
    int _ = syscalls.setOption(fd, Linux.SOL_SOCKET, Linux.SO_REUSEPORT, 1);
    int result =
        syscalls.bind(
            fd,
            local.set(wanted.family(), wanted.localHigh(), wanted.localLow(), wanted.localPort()));
    if (result < 0) {
      closeDescriptor(fd);
      return result;
    }
    int _ = syscalls.connect(fd, local); // where there is no way to it, nothing comes in either
    return fd;
  }

  private void closeDescriptor(int fd) {
    int _ = syscalls.close(fd);
    Descriptors.udp().give(1);
  }

  /** A flow replies no more. */
  void release(Flow flow) {
    ReplySocket held = flow.reply;
    flow.reply = null;
    if (held != null && --held.flows == 0 && !held.isClosed) {
      close(held);
    }
  }

  private boolean evict() {
    ReplySocket idle = oldest;
    if (idle == null) {
      return false;
    }
    flush.run();
    close(idle);
    return true;
  }

  private void close(ReplySocket socket) {
    boolean _ = table.remove(socket.key());
    unlink(socket);
    socket.isClosed = true;
    closeDescriptor(socket.fd());
  }

  private void link(ReplySocket socket) {
    socket.older = newest;
    if (newest == null) {
      oldest = socket;
    } else {
      newest.newer = socket;
    }
    newest = socket;
  }

  private void unlink(ReplySocket socket) {
    if (socket.older == null) {
      oldest = socket.newer;
    } else {
      socket.older.newer = socket.newer;
    }
    if (socket.newer == null) {
      newest = socket.older;
    } else {
      socket.newer.older = socket.older;
    }
    socket.older = null;
    socket.newer = null;
  }
}
