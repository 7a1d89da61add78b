package io.sluice.proxy.relay;

import static java.util.Objects.requireNonNull;

import io.sluice.proxy.header.Via;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.NativeBuffer;
import io.sluice.proxy.loop.Descriptors;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.MessagePlan;
import io.sluice.proxy.target.SessionEnd;
import io.sluice.proxy.target.Target;
import io.sluice.steering.DropReason;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.stream.MessageDrop;
import io.sluice.steering.stream.SkSkb;
import io.sluice.steering.stream.Strparser;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A client's connection whose messages are steered one by one, and a connection for each target
 * that one of them went to. Called on its loop only.
 *
 * <p>A target's connection is made when it is first chosen; the messages behind that one wait, so
 * that they keep their order. What one read brought is gathered for each target, and sent at once.
 * A target that can't take it has a buffer of {@link Loop#BUFFER_BYTES}; when that is full, the
 * client isn't read until there is room. What targets answer goes to the client as it comes.
 *
 * <pre>
 *   reading ◀──▶ awaiting a target (its connection, or room)
 *      │ client FIN        the messages that are whole, then FIN to each target: over when all ended
 *      │ client broke      the same, without answers
 *      │ parser stopped    the same; the client is reset, once it has what was sent to it
 *      └ a target broke    the same, after what that target had said: the client can't know what had
 *                          arrived, and neither can we
 *
 *   a target's FIN         it gets FIN and no further message; the next one makes a new connection
 * </pre>
 */
final class MessageSession extends Session implements SkSkb.Receiver {
  /** A run of messages this long is sent as it stands, a shorter one is gathered first. */
  private static final int LONG_RUN_BYTES = 16 << 10;

  private static final int NOBODY = -1;

  private final Target home;
  private final MessagePlan plan;
  private final LookupContext connection = new LookupContext();
  private final SkSkb skb;
  private final Strparser strparser;
  private final MessageInput input;
  private final MessageTries tries;

  /** How many messages each target was given that its socket hasn't taken. */
  private final int[] unsent;

  /** The target that the next message waits for, or NOBODY. */
  private int awaited = NOBODY;

  /** The client's messages are over: by FIN, or by an end of another kind. */
  private boolean isInputOver;

  /** The client is to be reset, once it has what was sent to it. */
  private boolean isDismissing;

  private boolean isUnreachable;

  // The run of messages at hand: neighbours in the input, for one target.
  private @Nullable Peer runTo;
  private int runFrom;
  private int runUntil;

  private long messages;
  private int opened;

  MessageSession(
      TcpRelay relay,
      LookupContext context,
      int fd,
      Target home,
      MessagePlan plan,
      @Nullable Via via) {
    super(relay, fd, plan.targets().size(), via);
    this.home = home;
    this.plan = plan;
    this.unsent = new int[plan.targets().size()];
    this.tries = new MessageTries(relay.loop(), plan, home.destination().spec().retries());
    LookupContext _ =
        connection.of(
            Protocol.TCP,
            context.remote(),
            context.remotePort(),
            context.local(),
            context.localPort(),
            context.ingressIfindex());
    if (via != null) {
      LookupContext _ = via.addTo(connection);
    }
    this.skb = plan.open(connection, this::isUsable);
    this.strparser = requireNonNull(skb.strparser());
    this.input = new MessageInput(relay.loop(), plan.spec().maxMessageBytes());
  }

  @Override
  Destination destination() {
    return home.destination();
  }

  @Override
  Target target(int index) {
    return plan.targets().get(index);
  }

  @Override
  String targetName() {
    return "*";
  }

  @Override
  LookupContext connection() {
    return connection;
  }

  @Override
  void start() {
    loop().schedule(this);
    if (client.watch()) {
      pumpClient(); // most have spoken by now
    } else {
      unreachable(DropReason.NO_DESCRIPTORS);
    }
  }

  // ---- events

  @Override
  void readable(Peer peer) {
    if (peer == client) {
      pumpClient();
    } else {
      pumpReplies(peer);
    }
  }

  @Override
  void writable(Peer peer) {
    int result = flush(peer);
    if (result == -Linux.EAGAIN) {
      return;
    }
    if (result < 0) {
      broke(peer);
    } else if (peer == client) {
      pumpAllReplies();
      settle();
    } else if (awaited == peer.index) {
      resume();
    } else {
      settle();
    }
  }

  private int flush(Peer peer) {
    int result = peer.flush();
    if (result == 0 && peer != client && unsent[peer.index] > 0) {
      destination().traffic().messages.add(unsent[peer.index]);
      unsent[peer.index] = 0;
    }
    return result;
  }

  // ---- from the client

  /** Steers what the client has sent, as far as it goes. */
  private void pumpClient() {
    for (int turn = 0; turn < TURNS; turn++) {
      if (isInputOver || awaited != NOBODY || isClosed()) {
        return;
      }
      long count = input.read(client.number());
      if (!hasRead(client, count)) {
        if (client.ended) {
          inputEnded();
        } else if (!input.keep()) {
          abort(SessionEnd.FAILED);
        }
        return;
      }
      moved(client, count);
      ending.stirred(loop().timeMillis());
      boolean isFilled = input.isFull();
      steer();
      if (!isFilled && !client.hungUp) {
        return; // a short read emptied it; more, or a FIN, will be a new edge
      }
    }
    if (!isInputOver && awaited == NOBODY && !isClosed()) {
      client.yieldTurn();
    }
  }

  private void inputEnded() {
    if (client.broken) {
      broke(client);
    } else {
      skb.end(input.length(), this);
      inputIsOver();
      settle();
    }
  }

  /** A target that a message waited for is there, has room, or can't be had. */
  private void resume() {
    if (isClosed() || isInputOver) {
      settle();
      return;
    }
    awaited = NOBODY;
    strparser.extend(loop().timeMillis());
    loop().schedule(this); // the parser's deadline counts again
    steer();
    pumpClient();
  }

  private void resumeIfFree() {
    try {
      if (isAwaitedFree()) {
        resume();
      }
    } catch (RuntimeException | Error failure) {
      failed(failure);
    }
  }

  /** Whether what a message waited for is there already, without an event that would say so. */
  private boolean isAwaitedFree() {
    Peer busy = awaited == NOBODY ? null : upstreams[awaited];
    return busy != null && !busy.isConnecting && !busy.isPending();
  }

  /** Hands the messages that have been read to their targets. */
  private void steer() {
    boolean wasInMessage = strparser.isInMessage();
    NativeBuffer buffer = input.buffer();
    int done = skb.receive(buffer.bytes(), input.from(), input.until(), loop().timeMillis(), this);
    endRun(true);
    input.consume(done);
    if (!input.keep()) {
      abort(SessionEnd.FAILED);
    } else if (sendGathered()) {
      if (isUnreachable) {
        unreachable(tries.reason());
      } else if (skb.stopped() != null) {
        dismiss(SessionEnd.STREAM_ERROR);
      } else {
        if (isAwaitedFree()) {
          loop().execute(this::resumeIfFree); // it had room again before we stopped
        }
        if (!wasInMessage && strparser.isInMessage()) {
          loop().schedule(this); // the parser's deadline may be nearer
        }
      }
    }
  }

  /** Sends what was gathered, to all targets first; false if one of them has broken. */
  private boolean sendGathered() {
    boolean areWhole = true;
    for (Peer upstream : upstreams) {
      if (upstream != null && !upstream.isConnecting) {
        int result = upstream.broken ? 0 : flush(upstream);
        upstream.broken |= result < 0 && result != -Linux.EAGAIN;
        areWhole &= !upstream.broken;
      }
    }
    if (!areWhole) {
      for (Peer upstream : upstreams) {
        if (upstream != null && upstream.broken && !isClosed()) {
          broke(upstream);
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
      relay.counters().strangeSocket(target == null ? home.socket() : target);
      dropped(MessageDrop.VERDICT_ERROR, length);
      return SkSkb.Delivery.TAKEN;
    }
    Peer to = upstreams[index];
    if (to != null
        && to.ended) { // after its FIN it may read no more: the next has a new connection
      if (to.isPending()) {
        return busy(to);
      }
      closeUpstream(index);
      to = null;
    }
    if (to == null) {
      return noConnection(index);
    }
    if (runTo != to || runUntil != offset) {
      startRun(to, offset);
    }
    int before = to.pendingBytes() + runUntil - runFrom;
    boolean isFull = before > 0 && before + length > Loop.BUFFER_BYTES;
    if (isFull || to.blocked && !loop().buffers().hasRoom()) {
      endRun(true);
      startRun(to, offset);
      int result = flush(to);
      if (result != 0) { // an error shows again when it is flushed for the last time
        return busy(to);
      }
    }
    runUntil += length;
    unsent[index]++;
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
  private void endRun(boolean isLast) {
    Peer to = runTo;
    int length = runUntil - runFrom;
    runTo = null;
    if (to == null || length == 0) {
      return;
    }
    NativeBuffer buffer = input.buffer();
    boolean isGathered = !isLast && length < LONG_RUN_BYTES && loop().buffers().hasRoom();
    if (to.isPending() || isGathered) {
      to.broken |= !to.keep(buffer, runFrom, length, Loop.BUFFER_BYTES);
    } else {
      int result = to.send(buffer, runFrom, length, 0);
      to.broken |= result < 0 && result != -Linux.EAGAIN;
    }
  }

  @Override
  public void dropped(MessageDrop why, int lengthBytes) {
    destination().traffic().messageDrops(why).increment();
  }

  @Override
  public void programFailed(Throwable cause) {
    relay.counters().programFailed(plan.verdictName(), cause);
  }

  // ---- connecting

  private boolean isUsable(int index, boolean evenDown) {
    return upstreams[index] != null || tries.isUsable(index, evenDown);
  }

  /** A message is for a target without connection: one is made, later. */
  private SkSkb.Delivery noConnection(int index) {
    if (!tries.wasTried(index)) {
      awaited = index;
      // Later, because epoll may still have an event for a socket whose number this one gets.
      loop().execute(() -> connectAwaited(index));
      return SkSkb.Delivery.BUSY;
    }
    isUnreachable = !tries.mayTryAnother();
    return isUnreachable ? SkSkb.Delivery.BUSY : SkSkb.Delivery.ANOTHER;
  }

  private void connectAwaited(int index) {
    if (!isClosed() && !isInputOver && upstreams[index] == null) {
      try {
        connect(index);
      } catch (RuntimeException | Error failure) {
        failed(failure);
      }
    }
  }

  @Override
  boolean mayKeep(Peer upstream) {
    if (Descriptors.isReserved(upstream.number())) {
      relay.gate().pause(Linux.errnoName(Linux.EMFILE) + " at socket");
      return false;
    }
    return true;
  }

  @Override
  void connected(Peer upstream) {
    opened++;
    if (sendHeader(upstream)) {
      resume();
    }
  }

  @Override
  void notConnected(int index, DropReason reason) {
    tries.failed(index, reason);
    resume();
  }

  /** Nobody can be reached for a message. */
  @Override
  void unreachable(DropReason why) {
    if (messages > 0) {
      dismiss(SessionEnd.NO_TARGET);
    } else {
      super.unreachable(why);
    }
  }

  // ---- to the client

  private void pumpAllReplies() {
    for (Peer upstream : upstreams) {
      if (upstream != null && !isClosed() && !upstream.isConnecting) {
        pumpReplies(upstream);
      }
    }
  }

  private void pumpReplies(Peer from) {
    if (isClosed() || from.ended || !from.isOpen() || client.isOpen() && client.blocked) {
      return;
    }
    boolean _ = copy(from, client);
    if (from.ended && !isClosed()) {
      if (from.broken) {
        broke(from);
      } else {
        settle();
      }
    }
  }

  // ---- ending

  /** No message follows. */
  private void inputIsOver() {
    if (!isInputOver) {
      isInputOver = true;
      awaited = NOBODY;
      input.discard();
      stopConnecting();
      loop().schedule(this); // the deadline is nearer now
    }
  }

  /** Passes ends on, once all that went before them is sent. */
  private void settle() {
    if (isClosed()) {
      return;
    }
    boolean haveAllEnded = true;
    boolean isUnread = false; // what a target said before it broke
    for (int index = 0; index < upstreams.length; index++) {
      Peer upstream = upstreams[index];
      if (upstream == null) {
        continue;
      }
      if (upstream.broken && upstream.ended) {
        closeUpstream(index);
        continue;
      }
      isUnread |= upstream.broken;
      boolean isDone = isInputOver || upstream.ended;
      if (isDone && !upstream.finSent && !upstream.isPending() && !upstream.isConnecting) {
        upstream.finish();
        loop().schedule(this);
      }
      haveAllEnded &= upstream.ended && upstream.finSent;
    }
    if (isDismissing && !isUnread) {
      ending.dismiss(client);
    }
    if (isClosed() || !haveAllEnded || client.isOpen() && client.isPending()) {
      return;
    }
    if (isInputOver) {
      ending.regularly(SessionEnd.CLIENT_CLOSED);
      if (!isDismissing) {
        finish();
      }
    } else if (opened > 0 && isEveryTargetOpen() && !client.finSent) {
      ending.regularly(SessionEnd.TARGET_CLOSED);
      client.finish();
      loop().schedule(this);
    }
  }

  private boolean isEveryTargetOpen() {
    int open = 0;
    for (Peer upstream : upstreams) {
      open += upstream == null ? 0 : 1;
    }
    return open >= plan.candidates();
  }

  @Override
  void broke(Peer peer) {
    peer.discard();
    peer.broken = true;
    if (peer == client) {
      ending.because(SessionEnd.CLIENT_RESET);
      skb.end(input.length(), this);
      inputIsOver();
      clientIsGone();
    } else {
      peer.hungUp = true;
      peer.finSent = true;
      dismiss(SessionEnd.TARGET_RESET);
      pumpReplies(peer);
    }
    settle();
  }

  /** The client is told by a reset that its messages may not have arrived. */
  private void dismiss(SessionEnd why) {
    ending.because(why);
    inputIsOver();
    isDismissing = client.isOpen();
    settle();
  }

  @Override
  void dismissed() {
    clientIsGone();
    settle();
  }

  private void clientIsGone() {
    isDismissing = false;
    client.close();
    pumpAllReplies(); // what nobody reads any more may hide its end
  }

  @Override
  void closed() {
    input.discard();
  }

  @Override
  boolean isHalfClosed() {
    return isInputOver || client.finSent;
  }

  @Override
  boolean isIncomplete() {
    boolean isWhole = input.length() == 0;
    for (Peer upstream : upstreams) {
      isWhole &= upstream == null || !upstream.isPending();
    }
    return !isWhole;
  }

  // ---- deadlines

  @Override
  protected long deadlineMillis() {
    long deadline = super.deadlineMillis();
    return awaited == NOBODY ? Math.min(deadline, strparser.deadlineMillis()) : deadline;
  }

  @Override
  void timeUp(long nowMillis) {
    if (awaited == NOBODY && !isInputOver && strparser.expire(nowMillis)) {
      dropped(MessageDrop.PARSER_TIMEOUT, input.length());
      dismiss(SessionEnd.STREAM_ERROR);
    } else {
      super.timeUp(nowMillis);
    }
  }
}
