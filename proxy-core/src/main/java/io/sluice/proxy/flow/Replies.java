package io.sluice.proxy.flow;

import static java.util.Objects.requireNonNull;

import io.sluice.proxy.linux.DatagramBatch;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.Traffic;
import io.sluice.steering.reuseport.ConnectionIds;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * From the targets back to the clients. Replies of all flows gather in one batch and leave together
 * once the loop has seen to the events at hand, or when the batch is full; so those of one flow
 * keep their order. A reply that the kernel does not take is dropped and counted, never queued.
 * Belongs to its loop's thread; allocates nothing per datagram.
 */
final class Replies {
  /** How many replies gather at most. */
  private static final int SLOTS = 32;

  /** How many a flow may have read at once before others get their turn. */
  private static final int BUDGET = 64;

  private static final int MOST_ERRORS = 4;

  private final Loop loop;
  private final Runnable flushing = this::flush;
  private final ReplySockets sockets;
  private final @Nullable Flow[] owners = new @Nullable Flow[SLOTS]; // null: not to be sent
  private final int[] ways = new int[SLOTS]; // the descriptor that each leaves through
  private @Nullable DatagramBatch batch; // made when the first reply comes
  private int gathered;
  private boolean isFlushing;
  private boolean isDrained;
  private int failure;

  Replies(Loop loop, int mostSockets) {
    this.loop = loop;
    this.sockets = new ReplySockets(loop.syscalls(), flushing, mostSockets);
  }

  /** A flow has ended, and what it gathered is sent. */
  void release(Flow flow) {
    sockets.release(flow);
  }

  /** Through which socket a flow's replies leave; negative if there is none for them. */
  private int way(Flow flow) {
    if (!flow.front.needsReplySocket()) {
      return flow.front.socket().fd();
    }
    ReplySocket own = sockets.hold(flow);
    return own == null ? -1 : own.fd();
  }

  /** Whether the last {@link #receive} left nothing behind. */
  boolean isDrained() {
    return isDrained;
  }

  /**
   * By which errno the last {@link #receive} heard that the target is unreachable; 0: it is not.
   */
  int failure() {
    return failure;
  }

  /**
   * Takes a flow's replies from its socket.
   *
   * @return how many there were
   */
  int receive(Flow flow) {
    DatagramBatch into = batch();
    int way = way(flow);
    isDrained = false;
    failure = 0;
    int taken = 0;
    int errors = 0;
    while (taken < BUDGET && !isDrained) {
      if (gathered == SLOTS) {
        flush();
      }
      int room = Math.min(SLOTS - gathered, BUDGET - taken);
      int received = into.receive(loop.syscalls(), flow.upstream(), gathered, room);
      if (received > 0) {
        gather(into, flow, way, received);
        taken += received;
        isDrained = received < room;
      } else {
        // An error that an ICMP message brought is told once, and there may be more to read. Should
        // errors not end, the next edge is waited for rather than spun on.
        isDrained = received == -Linux.EAGAIN || ++errors == MOST_ERRORS;
        if (UpstreamErrors.isUnreachable(-received)) {
          failure = -received;
        } else if (received != -Linux.EAGAIN) {
          flow.dropped(UpstreamErrors.dropped(-received), -received);
        }
      }
    }
    if (gathered > 0 && !isFlushing) {
      isFlushing = true;
      loop.execute(flushing);
    }
    return taken;
  }

  private void gather(DatagramBatch into, Flow flow, int way, int received) {
    FlowKey key = flow.key().physical();
    boolean needsSource = flow.front.needsSource();
    Destination destination = flow.target().destination();
    for (int slot = gathered; slot < gathered + received; slot++) {
      if (way < 0 || into.isTruncated(slot)) {
        flow.dropped(Refusal.REPLY_ERROR, 0);
        continue;
      }
      owners[slot] = flow;
      ways[slot] = way;
      if (destination.isQuic()) {
        ConnectionIds.Entry learned = destination.learn(into.payload(slot), flow.target());
        flow.connection = learned == null ? flow.connection : learned;
      }
      into.to(
          slot,
          key.family(),
          key.clientHigh(),
          key.clientLow(),
          key.clientPort(),
          key.clientScope());
      if (needsSource) {
        into.from(slot, key.family(), key.localHigh(), key.localLow());
      } else {
        into.fromBoundAddress(slot);
      }
    }
    gathered += received;
  }

  /** Sends what has gathered. */
  void flush() {
    isFlushing = false;
    int from = 0;
    while (from < gathered) {
      if (owners[from] == null) {
        from++;
        continue;
      }
      int to = from + 1;
      while (to < gathered && owners[to] != null && ways[to] == ways[from]) {
        to++;
      }
      send(ways[from], from, to);
      from = to;
    }
    Arrays.fill(owners, 0, gathered, null);
    gathered = 0;
  }

  private void send(int way, int from, int to) {
    DatagramBatch out = batch();
    int at = from;
    while (at < to) {
      int sent = out.send(loop.syscalls(), way, at, to - at);
      if (sent > 0) {
        count(out, at, at + sent);
        at += sent;
      } else {
        requireNonNull(owners[at]).dropped(Refusal.REPLY_ERROR, -sent);
        at++;
      }
    }
  }

  /** Counts what has been sent, once per run of one flow. */
  private void count(DatagramBatch out, int from, int to) {
    int at = from;
    while (at < to) {
      Flow flow = owners[at];
      int start = at;
      long bytes = 0;
      while (at < to && owners[at] == flow) {
        bytes += out.length(at++);
      }
      if (flow != null) {
        flow.bytesOut += bytes;
        if (flow.pace != null) {
          flow.pace.spend(bytes);
        }
        Traffic traffic = flow.target().destination().traffic();
        traffic.datagramsOut.add(at - start);
        traffic.bytesOut.add(bytes);
        flow.target().counters().bytesOut.add(bytes);
      }
    }
  }

  private DatagramBatch batch() {
    DatagramBatch known = batch;
    if (known == null) {
      known = DatagramBatch.toClients(SLOTS);
      batch = known;
    }
    return known;
  }
}
