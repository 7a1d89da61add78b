package io.sluice.proxy.relay;

import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.NativeBuffer;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.target.MessagePlan;
import io.sluice.proxy.target.Target;
import io.sluice.steering.Socket;
import io.sluice.steering.stream.MessageDrop;
import io.sluice.steering.stream.SkSkb;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Hands the messages of one session to their targets: neighbours for one target go out as a run,
 * shorter runs are gathered for each target. Called on the session's loop only.
 */
final class MessageSteering implements SkSkb.Receiver {
  /** A run of messages this long is sent as it stands, a shorter one is gathered first. */
  private static final int LONG_RUN_BYTES = 16 << 10;

  private static final int NOBODY = -1;

  private final MessageSession session;
  private final Target home;
  private final MessagePlan plan;
  private final MessageInput input;
  private final MessageTries tries;

  /** How many messages each target was given that its socket hasn't taken. */
  private final int[] unsent;

  /** The target that the next message waits for, or NOBODY. */
  private int awaited = NOBODY;

  private boolean isUnreachable;

  // The run of messages at hand: neighbours in the input, for one target.
  private @Nullable Peer runTo;
  private int runFrom;
  private int runUntil;

  private long messages;

  MessageSteering(MessageSession session, Target home, MessagePlan plan, MessageInput input) {
    this.session = session;
    this.home = home;
    this.plan = plan;
    this.input = input;
    this.unsent = new int[plan.targets().size()];
    this.tries = new MessageTries(session.loop(), plan, home.destination().spec().retries());
  }

  /** Whether a message waits for its target: for a connection, or for room. */
  boolean isAwaiting() {
    return awaited != NOBODY;
  }

  boolean isAwaiting(Peer peer) {
    return awaited == peer.index;
  }

  /** Whether what a message waited for is there already, without an event that would say so. */
  boolean isAwaitedFree() {
    Peer busy = awaited == NOBODY ? null : session.upstreams[awaited];
    return busy != null && !busy.isConnecting && !busy.isPending();
  }

  /** Whether each target that may get a message has a connection. */
  boolean isEveryTargetOpen() {
    int open = 0;
    for (Peer upstream : session.upstreams) {
      open += upstream == null ? 0 : 1;
    }
    return open >= plan.candidates();
  }

  /** The wait is over. */
  void goOn() {
    awaited = NOBODY;
  }

  /** Whether there is a message that no target can be reached for. */
  boolean isUnreachable() {
    return isUnreachable;
  }

  /** Why the last target could not be reached. */
  Refusal reason() {
    return tries.reason();
  }

  /** A target could not be reached. */
  void failed(int index, Refusal reason) {
    tries.failed(index, reason);
  }

  /** Whether any message has been handed over. */
  boolean hasBegun() {
    return messages > 0;
  }

  int flush(Peer peer) {
    int result = peer.flush();
    if (result == 0 && !peer.isClient() && unsent[peer.index] > 0) {
      session.destination().traffic().messages.add(unsent[peer.index]);
      unsent[peer.index] = 0;
    }
    return result;
  }

  /** Sends what was gathered, to all targets first; false if one of them has broken. */
  boolean sendGathered() {
    boolean areWhole = true;
    for (Peer upstream : session.upstreams) {
      if (upstream != null && !upstream.isConnecting) {
        int result = upstream.broken ? 0 : flush(upstream);
        upstream.broken |= result < 0 && result != -Linux.EAGAIN;
        areWhole &= !upstream.broken;
      }
    }
    if (!areWhole) {
      for (Peer upstream : session.upstreams) {
        if (upstream != null && upstream.broken && !session.isClosed()) {
          session.broke(upstream);
        }
      }
    }
    return areWhole;
  }

  @Override
  public SkSkb.Delivery deliver(
      ByteBuffer bytes, int offset, int length, @Nullable Socket target, boolean isIngress) {
    if (isIngress) {
      dropped(MessageDrop.VERDICT, length); // nobody reads here but the targets and the client
      return SkSkb.Delivery.TAKEN;
    }
    int index = target == null ? plan.targets().indexOf(home) : plan.index(target);
    if (index < 0) {
      session.relay.counters().strangeSocket(target == null ? home.socket() : target);
      dropped(MessageDrop.VERDICT_ERROR, length);
      return SkSkb.Delivery.TAKEN;
    }
    Peer to = session.upstreams[index];
    if (to != null
        && to.ended) { // after its FIN it may read no more: the next has a new connection
      if (to.isPending()) {
        return busy(to);
      }
      session.closeUpstream(index);
      to = null;
    }
    if (to == null) {
      return noConnection(index);
    }
    if (runTo == null || runTo.index != index || runUntil != offset) {
      startRun(to, offset);
    }
    int before = to.pendingBytes() + runUntil - runFrom;
    boolean isFull = before > 0 && before + length > Loop.BUFFER_BYTES;
    if (isFull || to.blocked && !session.loop().buffers().hasRoom()) {
      endRun(true);
      startRun(to, offset);
      int result = flush(to);
      if (result != 0) { // an error shows again when it is flushed for the last time
        return busy(to);
      }
    }
    runUntil += length;
    unsent[index]++;
    session.target(index).counters().bytesIn.add(length);
    messages++;
    tries.next();
    return SkSkb.Delivery.TAKEN;
  }

  private SkSkb.Delivery busy(Peer to) {
    awaited = to.index;
    to.blocked = true;
    return SkSkb.Delivery.BUSY;
  }

  private void startRun(Peer to, int offset) {
    endRun(false);
    runTo = to;
    runFrom = offset;
    runUntil = offset;
  }

  /** Sends, or gathers, the run of messages at hand. */
  void endRun(boolean isLast) {
    Peer to = runTo;
    int length = runUntil - runFrom;
    runTo = null;
    if (to == null || length == 0) {
      return;
    }
    NativeBuffer buffer = input.buffer();
    boolean isGathered = !isLast && length < LONG_RUN_BYTES && session.loop().buffers().hasRoom();
    if (to.isPending() || isGathered) {
      to.broken |= !to.keep(buffer, runFrom, length, Loop.BUFFER_BYTES);
    } else {
      int result = to.send(buffer, runFrom, length, 0);
      to.broken |= result < 0 && result != -Linux.EAGAIN;
    }
  }

  @Override
  public void dropped(MessageDrop why, int lengthBytes) {
    session.destination().traffic().messageDrops(why).increment();
  }

  @Override
  public void programFailed(Throwable cause) {
    session.relay.counters().programFailed(plan.verdictName(), cause);
  }

  boolean isUsable(int index, boolean evenDown) {
    return session.upstreams[index] != null || tries.isUsable(index, evenDown);
  }

  /** A message is for a target without connection: one is made, later. */
  private SkSkb.Delivery noConnection(int index) {
    if (!tries.wasTried(index)) {
      awaited = index;
      session.connectLater(index);
      return SkSkb.Delivery.BUSY;
    }
    isUnreachable = !tries.mayTryAnother();
    return isUnreachable ? SkSkb.Delivery.BUSY : SkSkb.Delivery.ANOTHER;
  }
}
