package io.sluice.proxy.relay;

import static java.util.Objects.requireNonNull;

import io.sluice.proxy.handover.Packer;
import io.sluice.proxy.header.Via;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.NativeBuffer;
import io.sluice.proxy.loop.Descriptors;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.observe.SessionEnd;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.MessagePlan;
import io.sluice.proxy.target.Target;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Tuple;
import io.sluice.steering.stream.MessageDrop;
import io.sluice.steering.stream.SkSkb;
import io.sluice.steering.stream.Strparser;
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
final class MessageSession extends Session {
  private final Target home;
  private final MessagePlan plan;
  private final LookupContext connection = new LookupContext();
  private final SkSkb skb;
  private final Strparser strparser;
  private final MessageInput input;
  private final MessageSteering steering;

  /** The client's messages are over: by FIN, or by an end of another kind. */
  private boolean isInputOver;

  /** The client is to be reset, once it has what was sent to it. */
  private boolean isDismissing;

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
    LookupContext _ = connection.of(context.copyTo(new Tuple()), context.ingressIfindex());
    if (via != null) {
      LookupContext _ = via.addTo(connection);
    }
    this.input = new MessageInput(relay.loop(), plan.spec().maxMessageBytes());
    this.steering = new MessageSteering(this, home, plan, input);
    this.skb = plan.open(connection, steering::isUsable);
    this.strparser = requireNonNull(skb.strparser());
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
      unreachable(Refusal.NO_DESCRIPTORS);
    }
  }

  /** What a parser of somebody's remembers can't be told: it ends where it is. */
  @Override
  boolean pack(Packer out) {
    return false;
  }

  // ---- events

  @Override
  void readable(Peer peer) {
    if (peer.isClient()) {
      pumpClient();
    } else {
      pumpReplies(peer);
    }
  }

  @Override
  void writable(Peer peer) {
    int result = steering.flush(peer);
    if (result == -Linux.EAGAIN) {
      return;
    }
    if (result < 0) {
      broke(peer);
    } else if (peer.isClient()) {
      pumpAllReplies();
      settle();
    } else if (steering.isAwaiting(peer)) {
      resume();
    } else {
      settle();
    }
  }

  // ---- from the client

  /** Steers what the client has sent, as far as it goes. */
  private void pumpClient() {
    int leftBytes = 0;
    do {
      if (isInputOver || steering.isAwaiting() || isClosed() || client.waitsForTurn()) {
        return;
      }
      int most = allowed(client, loop().turns().readBytes());
      if (most == 0) {
        if (!input.keep()) {
          abort(SessionEnd.FAILED);
        }
        return;
      }
      long count = input.read(client.number(), most);
      if (!hasRead(client, count)) {
        if (client.ended) {
          inputEnded();
        } else if (!input.keep()) {
          abort(SessionEnd.FAILED);
        }
        return;
      }
      moved(client, count);
      loop().turns().spend((int) count);
      ending.stirred(loop().timeMillis());
      boolean isFilled = input.isFull();
      steer();
      if (!isFilled && !client.hungUp) {
        return; // a short read emptied it; more, or a FIN, will be a new edge
      }
      if (leftBytes == 0) {
        leftBytes = loop().turns().turnBytes();
      }
      leftBytes -= (int) count;
    } while (leftBytes > 0);
    if (!isInputOver && !steering.isAwaiting() && !isClosed()) {
      client.yieldTurn();
    }
  }

  private void inputEnded() {
    if (client.broken) {
      broke(client);
    } else {
      skb.end(input.length(), steering);
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
    steering.goOn();
    strparser.extend(loop().timeMillis());
    loop().schedule(this); // the parser's deadline counts again
    steer();
    pumpClient();
  }

  private void resumeIfFree() {
    if (steering.isAwaitedFree()) {
      resume();
    }
  }

  /** Hands the messages that have been read to their targets. */
  private void steer() {
    boolean wasInMessage = strparser.isInMessage();
    NativeBuffer buffer = input.buffer();
    int done =
        skb.receive(buffer.bytes(), input.from(), input.until(), loop().timeMillis(), steering);
    steering.endRun(true);
    input.consume(done);
    if (!input.keep()) {
      abort(SessionEnd.FAILED);
    } else if (steering.sendGathered()) {
      if (steering.isUnreachable()) {
        unreachable(steering.reason());
      } else if (skb.stopped() != null) {
        dismiss(SessionEnd.STREAM_ERROR);
      } else {
        if (steering.isAwaitedFree()) {
          later(this::resumeIfFree); // it had room again before we stopped
        }
        if (!wasInMessage && strparser.isInMessage()) {
          loop().schedule(this); // the parser's deadline may be nearer
        }
      }
    }
  }

  // ---- connecting

  /** Later, because epoll may still have an event for a socket whose number this one gets. */
  void connectLater(int index) {
    later(() -> {
      if (!isInputOver && upstreams[index] == null) {
        connect(index);
      }
    });
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
    if (Connecting.sendHeader(this, upstream)) {
      resume();
    }
  }

  @Override
  void notConnected(int index, Refusal reason) {
    steering.failed(index, reason);
    resume();
  }

  /** Nobody can be reached for a message. */
  @Override
  void unreachable(Refusal why) {
    if (steering.hasBegun()) {
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
    if (isClosed()
        || from.ended
        || !from.isOpen()
        || from.waitsForTurn()
        || client.isOpen() && client.blocked) {
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
      steering.goOn();
      input.discard();
      if (connecting != null) {
        connecting.stop();
      }
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
    } else if (opened > 0 && steering.isEveryTargetOpen() && !client.finSent) {
      ending.regularly(SessionEnd.TARGET_CLOSED);
      client.finish();
      loop().schedule(this);
    }
  }

  @Override
  void broke(Peer peer) {
    peer.discard();
    peer.broken = true;
    if (peer.isClient()) {
      ending.because(SessionEnd.CLIENT_RESET);
      skb.end(input.length(), steering);
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
    return !steering.isAwaiting() ? Math.min(deadline, strparser.deadlineMillis()) : deadline;
  }

  @Override
  void timeUp(long nowMillis) {
    if (!steering.isAwaiting() && !isInputOver && strparser.expire(nowMillis)) {
      steering.dropped(MessageDrop.PARSER_TIMEOUT, input.length());
      dismiss(SessionEnd.STREAM_ERROR);
    } else {
      super.timeUp(nowMillis);
    }
  }
}
