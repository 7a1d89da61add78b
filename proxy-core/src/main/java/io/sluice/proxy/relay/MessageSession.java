package io.sluice.proxy.relay;

import static java.util.Objects.requireNonNull;

import io.sluice.config.DestinationSpec;
import io.sluice.proxy.header.ProxyHeaderWriter;
import io.sluice.proxy.header.Via;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.NativeBuffer;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.loop.Descriptors;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.loop.TimerWheel;
import io.sluice.proxy.metrics.AccessLog;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.Endpoint;
import io.sluice.proxy.target.MessagePlan;
import io.sluice.proxy.target.SessionEnd;
import io.sluice.proxy.target.Target;
import io.sluice.proxy.target.Upstreams;
import io.sluice.steering.DropReason;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Protocol;
import io.sluice.steering.Socket;
import io.sluice.steering.stream.MessageDrop;
import io.sluice.steering.stream.SkSkb;
import io.sluice.steering.stream.Strparser;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

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
 *   client FIN           the messages that are whole, then FIN to each target; over when all ended
 *   client broke         the same, without answers
 *   parser stopped       the same; the client is reset
 *   a target broke       the same; the client is reset: it can't know what had arrived, and neither
 *                        can we
 * </pre>
 *
 * <p>Longer than most files here, for the reason that {@link TcpSession} has.
 */
final class MessageSession extends TimerWheel.Entry implements SkSkb.Receiver {
  private static final Logger log = LoggerFactory.getLogger(MessageSession.class);

  /** How many buffers one side may fill before the loop sees to others. */
  private static final int TURNS = 16;

  /** A run of messages this long is sent as it stands, a shorter one is gathered first. */
  private static final int LONG_RUN_BYTES = 16 << 10;

  private static final int NOBODY = MessagePeer.CLIENT - 1;

  private final TcpRelay relay;
  private final Target home;
  private final MessagePlan plan;
  private final LookupContext connection = new LookupContext();
  private final @Nullable Via via;
  private final MessagePeer client;
  private final @Nullable MessagePeer[] upstreams;
  private final SkSkb skb;
  private final Strparser strparser;
  private final MessageInput input;
  private final long startMillis;
  private long activeMillis;

  /** The target that the next message waits for, or NOBODY. */
  private int awaited = NOBODY;

  /** The client's messages are over: by FIN, or by an end of another kind. */
  private boolean isInputOver;

  /** The client is to be reset, once it has what was sent to it. */
  private boolean isDismissing;

  /** Nothing goes to the client any more. */
  private boolean isClientGone;

  private boolean isClosed;
  private @Nullable SessionEnd end;

  // The run of messages at hand: neighbours in the input, for one target.
  private @Nullable MessagePeer runTo;
  private int runFrom;
  private int runUntil;

  private final MessageTries tries;
  private boolean isUnreachable;

  private long messages;
  private long bytesIn;
  private long bytesOut;
  private int undelivered;
  private int opened;

  MessageSession(
      TcpRelay relay,
      LookupContext context,
      int fd,
      Target home,
      MessagePlan plan,
      @Nullable Via via) {
    this.relay = relay;
    this.via = via;
    this.home = home;
    this.plan = plan;
    this.client = new MessagePeer(this, fd, MessagePeer.CLIENT, null);
    int targets = plan.targets().size();
    this.upstreams = new @Nullable MessagePeer[targets];
    this.tries = new MessageTries(plan, home.destination().spec().retries());
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
    this.input = new MessageInput(plan.spec().maxMessageBytes());
    this.startMillis = Loop.nowMillis();
    this.activeMillis = startMillis;
  }

  private Loop loop() {
    return relay.loop();
  }

  private Syscalls syscalls() {
    return relay.loop().syscalls();
  }

  private Destination destination() {
    return home.destination();
  }

  private DestinationSpec spec() {
    return home.destination().spec();
  }

  /** Starts to read. */
  void begin() {
    try {
      loop().schedule(this);
      if (client.register(loop())) {
        pumpClient(); // most have spoken by now
      } else {
        relay.counters().drops(DropReason.NO_DESCRIPTORS, Protocol.TCP).increment();
        int _ = syscalls().setResetOnClose(client.number());
        close(null, DropReason.NO_DESCRIPTORS.word());
      }
    } catch (RuntimeException | Error failure) {
      failed(failure); // thrown on, it would cost others their turn to be accepted
    }
  }

  // ---- events

  /** epoll reports something about a socket. */
  void ready(MessagePeer peer, int events) {
    if (isClosed || !peer.isOpen()) {
      return;
    }
    if (!isClientGone && !isDismissing) {
      activeMillis = Loop.nowMillis(); // nobody waits for answers otherwise
    }
    if (peer.isConnecting) {
      connecting(peer, events);
      return;
    }
    if ((events & (Peer.WRITABLE | Peer.BROKEN)) != 0
        && (peer.pending() > 0 || awaited == peer.index)) {
      flush(peer);
    }
    if (!isClosed && (events & (Peer.READABLE | Peer.ENDING)) != 0) {
      pump(peer);
    }
    if (!isClosed && peer.isOpen() && peer.errored && peer.ended) {
      broke(peer); // a reset after its FIN
    }
  }

  private void pump(MessagePeer peer) {
    if (peer == client) {
      pumpClient();
    } else {
      pumpReplies(peer);
    }
  }

  /** Sends what waits for a peer, and goes on with what waited for that. */
  private void flush(MessagePeer peer) {
    int result = peer.flush(loop());
    if (result < 0 && result != -Linux.EAGAIN) {
      broke(peer);
    } else if (peer == client) {
      if (result == 0) {
        for (MessagePeer upstream : upstreams) {
          if (upstream != null && !isClosed && !upstream.isConnecting) {
            pumpReplies(upstream);
          }
        }
        settle();
      }
    } else if (awaited == peer.index) {
      resume();
    } else {
      settle();
    }
  }

  // ---- from the client

  /** Steers what the client has sent, as far as it goes. */
  private void pumpClient() {
    for (int turn = 0; turn < TURNS; turn++) {
      if (isInputOver || awaited != NOBODY || isClosed) {
        return;
      }
      long count = input.read(loop(), client.number());
      boolean filled = input.isFull();
      if (count > 0) {
        bytesIn += count;
        destination().traffic().bytesIn.add(count);
        activeMillis = Loop.nowMillis();
        steer();
        if (!filled && !client.hungUp) {
          return; // a short read emptied it; more, or a FIN, will be a new edge
        }
      } else if (count == -Linux.EAGAIN) {
        input.release(loop());
        return;
      } else {
        client.ended = true;
        if (count < 0 || client.errored) {
          broke(client);
        } else {
          skb.end(input.length(), this);
          inputIsOver();
          settle();
        }
        return;
      }
    }
    if (!isInputOver && awaited == NOBODY && !isClosed) {
      client.yieldTurn();
    }
  }

  /** A target that a message waited for is there, has room, or can't be had. */
  private void resume() {
    if (isClosed || isInputOver) {
      settle();
      return;
    }
    awaited = NOBODY;
    strparser.extend(Loop.nowMillis());
    loop().schedule(this); // the parser's deadline counts again
    steer();
    pumpClient();
  }

  private void resumeIfFree() {
    try {
      MessagePeer busy = awaited == NOBODY ? null : upstreams[awaited];
      if (busy != null && !busy.isConnecting && busy.pending() == 0) {
        resume();
      }
    } catch (RuntimeException | Error failure) {
      failed(failure);
    }
  }

  /** Hands the messages that have been read to their targets. */
  private void steer() {
    boolean wasInMessage = strparser.isInMessage();
    long before = messages;
    NativeBuffer buffer = input.buffer(loop());
    int done = skb.receive(buffer.bytes(), input.from(), input.until(), Loop.nowMillis(), this);
    endRun(buffer, true);
    input.consume(done);
    destination().traffic().messages.add(messages - before);
    if (!sendGathered()) {
      return;
    }
    if (isUnreachable) {
      giveUp(tries.reason());
    } else if (skb.stopped() != null) {
      dismiss(SessionEnd.STREAM_ERROR);
    } else {
      input.release(loop());
      MessagePeer busy = awaited == NOBODY ? null : upstreams[awaited];
      if (busy != null && !busy.isConnecting && busy.pending() == 0) {
        loop().execute(this::resumeIfFree); // it had room again before we stopped
      }
      if (!wasInMessage && strparser.isInMessage()) {
        loop().schedule(this); // the parser's deadline may be nearer
      }
    }
  }

  /** Sends what was gathered, to all targets first; false if one of them has broken. */
  private boolean sendGathered() {
    boolean areWhole = true;
    for (MessagePeer upstream : upstreams) {
      if (upstream != null && upstream.pending() > 0) {
        int result = upstream.flush(loop());
        upstream.isBroken = result < 0 && result != -Linux.EAGAIN;
        areWhole &= !upstream.isBroken;
      }
    }
    if (!areWhole) {
      for (MessagePeer upstream : upstreams) {
        if (upstream != null && upstream.isBroken) {
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
    MessagePeer to = upstreams[index];
    if (to == null) {
      return noConnection(index);
    }
    NativeBuffer buffer = input.buffer(loop());
    if (runTo != to || runUntil != offset) {
      endRun(buffer, false);
      runTo = to;
      runFrom = offset;
      runUntil = offset;
    }
    int before = to.pending() + runUntil - runFrom;
    if (before > 0 && before + length > Loop.BUFFER_BYTES) {
      endRun(buffer, true);
      runTo = to;
      runFrom = offset;
      runUntil = offset;
      int result = to.flush(loop());
      if (result != 0 && to.pending() + length > Loop.BUFFER_BYTES) {
        awaited = index; // an error shows again when it is flushed for the last time
        return SkSkb.Delivery.BUSY;
      }
    }
    runUntil += length;
    messages++;
    tries.next();
    return SkSkb.Delivery.TAKEN;
  }

  /** Sends, or gathers, the run of messages at hand. */
  private void endRun(NativeBuffer buffer, boolean isLast) {
    MessagePeer to = runTo;
    int length = runUntil - runFrom;
    runTo = null;
    if (to == null || length == 0) {
      return;
    }
    if (to.pending() > 0 || !isLast && length < LONG_RUN_BYTES) {
      to.keep(loop(), buffer, runFrom, length);
    } else if (to.send(loop(), buffer, runFrom, length) < 0) {
      to.keep(loop(), buffer, runFrom, length); // the flush that follows meets the error again
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
      loop().execute(() -> connect(index));
      return SkSkb.Delivery.BUSY;
    }
    isUnreachable = !tries.mayTryAnother();
    return isUnreachable ? SkSkb.Delivery.BUSY : SkSkb.Delivery.ANOTHER;
  }

  private void connect(int index) {
    if (isClosed || isInputOver || upstreams[index] != null) {
      return;
    }
    try {
      connectNow(index);
    } catch (RuntimeException | Error failure) {
      failed(failure);
    }
  }

  private void connectNow(int index) {
    Target target = plan.targets().get(index);
    Endpoint endpoint = target.endpoint(connection, relay.targetAddress());
    if (endpoint == null) {
      connectFailed(index, null, DropReason.NO_TARGET);
      return;
    }
    int fd = relay.open(target, client.number(), connection);
    if (fd < 0) {
      notOpened(index, endpoint, relay.notOpened(-fd, target));
      return;
    }
    if (!target.isUnix()) {
      int _ = syscalls().setOption(fd, Linux.IPPROTO_TCP, Linux.TCP_NODELAY, 1);
    }
    MessagePeer peer = new MessagePeer(this, fd, index, endpoint);
    peer.isConnecting = true;
    peer.sinceMillis = Loop.nowMillis();
    upstreams[index] = peer;
    target.opened();
    peer.ownSource = relay.noteSource(fd, target);
    if (Descriptors.isReserved(fd)) {
      relay.gate().pause(Linux.errnoName(Linux.EMFILE) + " at socket");
      giveUp(DropReason.NO_DESCRIPTORS);
    } else if (!peer.register(loop())) {
      giveUp(DropReason.NO_DESCRIPTORS);
    } else if (relay.upstreams().isConnecting()) {
      loop().schedule(this);
    } else {
      connected(peer);
    }
  }

  private void notOpened(int index, Endpoint endpoint, DropReason reason) {
    if (reason == DropReason.NO_DESCRIPTORS) {
      giveUp(reason); // it isn't the target's fault, and others would be no better
    } else {
      connectFailed(index, endpoint, reason);
    }
  }

  private void connecting(MessagePeer peer, int events) {
    int errno = 0;
    if ((events & Peer.BROKEN) != 0) {
      errno = syscalls().option(peer.number(), Linux.SOL_SOCKET, Linux.SO_ERROR);
      if (errno != Linux.ECONNRESET && errno != Linux.EPIPE) {
        connectFailed(peer.index, peer.endpoint, Upstreams.reason(errno));
        return;
      }
      // It was connected, may have sent something, and was reset then.
    }
    if (errno != 0 || (events & Peer.WRITABLE) != 0) {
      connected(peer);
      if (!isClosed && peer.isOpen() && (events & (Peer.READABLE | Peer.ENDING)) != 0) {
        pumpReplies(peer); // it may have spoken already, and epoll will not say so again
      }
    }
  }

  private void connected(MessagePeer peer) {
    peer.isConnecting = false;
    opened++;
    requireNonNull(peer.endpoint).succeeded();
    relay.counters().connected(Loop.nowMillis() - peer.sinceMillis);
    ProxyHeaderWriter header = destination().header();
    if (header != null && !sendHeader(header, peer)) {
      return;
    }
    resume();
  }

  /** Begins what the target hears with a PROXY protocol header; false if the target broke. */
  private boolean sendHeader(ProxyHeaderWriter writer, MessagePeer peer) {
    byte[] header = writer.header(connection, via == null ? ProxyHeaderWriter.NO_TLVS : via.tlvs());
    loop().buffer().copyFrom(header);
    boolean isSent = peer.send(loop(), loop().buffer(), 0, header.length) == 0;
    if (!isSent) {
      broke(peer);
    }
    return isSent;
  }

  private void connectFailed(int index, @Nullable Endpoint endpoint, DropReason reason) {
    closeUpstream(index);
    relay.connectFailed(plan.targets().get(index), endpoint, reason);
    tries.failed(index, reason);
    resume();
  }

  /** Nobody can be reached for a message. */
  private void giveUp(DropReason why) {
    if (messages > 0) {
      dismiss(SessionEnd.NO_TARGET);
      return;
    }
    relay.counters().drops(why, Protocol.TCP).increment();
    int _ = syscalls().setResetOnClose(client.number());
    close(null, why.word());
  }

  // ---- to the client

  private void pumpReplies(MessagePeer from) {
    long buffer = loop().buffer().address();
    for (int turn = 0; turn < TURNS; turn++) {
      if (isClosed || from.ended || !from.isOpen() || client.pending() > 0) {
        return;
      }
      long count = syscalls().receive(from.number(), buffer, Loop.BUFFER_BYTES);
      if (count == -Linux.EAGAIN) {
        return;
      }
      if (count <= 0) {
        from.ended = true;
        if (count < 0 || from.errored) {
          broke(from);
        } else {
          settle();
        }
        return;
      }
      bytesOut += count;
      destination().traffic().bytesOut.add(count);
      if (!isClientGone && client.send(loop(), loop().buffer(), 0, (int) count) < 0) {
        broke(client);
        return;
      }
      if (count < Loop.BUFFER_BYTES && !from.hungUp) {
        return;
      }
    }
    from.yieldTurn();
  }

  // ---- ending

  /** No message follows. */
  private void inputIsOver() {
    if (!isInputOver) {
      isInputOver = true;
      awaited = NOBODY;
      input.discard(loop());
      for (int index = 0; index < upstreams.length; index++) {
        MessagePeer upstream = upstreams[index];
        if (upstream != null && upstream.isConnecting) {
          closeUpstream(index);
        }
      }
      loop().schedule(this); // the deadline is nearer now
    }
  }

  /** Passes ends on, once all that went before them is sent. */
  private void settle() {
    if (isClosed) {
      return;
    }
    boolean allEnded = true;
    for (MessagePeer upstream : upstreams) {
      if (upstream == null) {
        continue;
      }
      allEnded &= upstream.ended;
      if (isInputOver && !upstream.finSent && upstream.pending() == 0) {
        upstream.finSent = true;
        int _ = syscalls().shutdown(upstream.number(), Linux.SHUT_WR);
        loop().schedule(this);
      }
      allEnded &= !isInputOver || upstream.finSent;
    }
    if (!allEnded || !isClientGone && client.pending() > 0) {
      return;
    }
    if (isInputOver) {
      end(SessionEnd.CLIENT_CLOSED);
      if (!isDismissing) {
        finish();
      }
    } else if (opened > 0 && isEveryTargetOpen() && !client.finSent) {
      end(SessionEnd.TARGET_CLOSED);
      client.finSent = true;
      int _ = syscalls().shutdown(client.number(), Linux.SHUT_WR);
      loop().schedule(this);
    }
  }

  private boolean isEveryTargetOpen() {
    int open = 0;
    for (MessagePeer upstream : upstreams) {
      open += upstream == null ? 0 : 1;
    }
    return open >= plan.candidates();
  }

  private void end(SessionEnd why) {
    if (end == null) {
      end = why;
    }
  }

  /** A peer takes no more, or sent RST. */
  private void broke(MessagePeer peer) {
    peer.discard(loop());
    if (peer == client) {
      end(SessionEnd.CLIENT_RESET);
      skb.end(input.length(), this);
      inputIsOver();
      clientIsGone();
    } else {
      closeUpstream(peer.index);
      dismiss(SessionEnd.TARGET_RESET);
      return;
    }
    settle();
  }

  private void clientIsGone() {
    isClientGone = true;
    isDismissing = false;
    activeMillis = Loop.nowMillis();
    client.discard(loop());
    client.close();
    for (MessagePeer upstream : upstreams) {
      if (upstream != null && !isClosed) {
        pumpReplies(upstream); // what nobody reads any more may hide its end
      }
    }
  }

  /** The client is told by a reset that its messages may not have arrived. */
  private void dismiss(SessionEnd why) {
    end(why);
    inputIsOver();
    isDismissing = !isClientGone;
    activeMillis = Loop.nowMillis();
    dismissWhenDelivered();
    settle();
  }

  /** A reset would discard what the kernel has not yet delivered. */
  private void dismissWhenDelivered() {
    if (!isDismissing) {
      return;
    }
    boolean late = Loop.nowMillis() - activeMillis > relay.halfClosedMillis();
    boolean isDelivered = client.pending() == 0 && unacknowledged(client) == 0;
    if (late || client.errored || isDelivered) {
      int _ = syscalls().setResetOnClose(client.number());
      clientIsGone();
    } else {
      loop().schedule(this);
    }
  }

  private int unacknowledged(@Nullable MessagePeer peer) {
    return peer != null && peer.isOpen()
        ? Math.max(0, syscalls().unacknowledged(peer.number()))
        : 0;
  }

  @Override
  protected long deadlineMillis() {
    if (isClosed || isDismissing) {
      return 0; // at the next tick
    }
    long deadline = activeMillis + quietMillis();
    if (awaited == NOBODY) {
      return Math.min(deadline, strparser.deadlineMillis());
    }
    MessagePeer peer = upstreams[awaited];
    return peer != null && peer.isConnecting
        ? Math.min(deadline, peer.sinceMillis + spec().connectTimeout().toMillis())
        : deadline;
  }

  /** For how long nothing may move. */
  private long quietMillis() {
    long idle = spec().idleTimeout().toMillis();
    return isHalfClosed() ? Math.min(idle, relay.halfClosedMillis()) : idle;
  }

  private boolean isHalfClosed() {
    return isInputOver || client.finSent;
  }

  @Override
  protected void expired() {
    try {
      timeUp(Loop.nowMillis());
      if (!isClosed) {
        loop().schedule(this);
      }
    } catch (RuntimeException | Error failure) {
      failed(failure); // thrown on, it would stop the loop's clock
    }
  }

  private void timeUp(long now) {
    if (isClosed) {
      return;
    }
    if (isDismissing) {
      dismissWhenDelivered();
      settle();
      return;
    }
    MessagePeer peer = awaited == NOBODY ? null : upstreams[awaited];
    if (peer != null && peer.isConnecting) {
      if (now - peer.sinceMillis >= spec().connectTimeout().toMillis()) {
        connectFailed(peer.index, peer.endpoint, DropReason.CONNECT_TIMEOUT);
        return;
      }
    } else if (awaited == NOBODY && !isInputOver && strparser.expire(now)) {
      dropped(MessageDrop.PARSER_TIMEOUT, input.length());
      dismiss(SessionEnd.STREAM_ERROR);
      return;
    }
    if (now - activeMillis >= quietMillis()) {
      if (isDelivering()) {
        activeMillis = now;
      } else {
        abort(isHalfClosed() ? SessionEnd.HALF_CLOSED : SessionEnd.IDLE);
      }
    }
  }

  /** Whether the kernel has delivered some of what it was given since this was last asked. */
  private boolean isDelivering() {
    int before = undelivered;
    undelivered = unacknowledged(client);
    for (MessagePeer upstream : upstreams) {
      undelivered += unacknowledged(upstream);
    }
    return undelivered > 0 && undelivered != before;
  }

  /** Ends the session at once, because the daemon stops. */
  void shutdown() {
    if (!isClosed) {
      abort(SessionEnd.SHUTDOWN);
    }
  }

  /** Something that can't happen did: ends this session, so that the others live. */
  void failed(Throwable failure) {
    log.error("session failed label={}", destination().label(), failure);
    if (!isClosed) {
      abort(SessionEnd.FAILED);
    }
  }

  /** Ends the session before its time; by a reset for who would take a part for the whole. */
  private void abort(SessionEnd why) {
    end(why);
    boolean isWhole = input.length() == 0 && client.pending() == 0;
    for (MessagePeer upstream : upstreams) {
      if (upstream != null && upstream.pending() > 0) {
        isWhole = false;
        int _ = syscalls().setResetOnClose(upstream.number());
      }
    }
    if (!isWhole && client.isOpen()) {
      int _ = syscalls().setResetOnClose(client.number());
    }
    finish();
  }

  private void finish() {
    SessionEnd why = end == null ? SessionEnd.SHUTDOWN : end;
    close(why, why.word());
  }

  private void close(@Nullable SessionEnd why, String word) {
    isClosed = true;
    loop().cancel(this);
    input.discard(loop());
    client.discard(loop());
    client.close();
    for (int index = 0; index < upstreams.length; index++) {
      closeUpstream(index);
    }
    Destination destination = destination();
    if (why != null) {
      destination.traffic().ends(why).increment();
    }
    destination.close();
    relay.ended();
    if (AccessLog.isOn()) {
      AccessLog.ended(
          Protocol.TCP,
          connection.remote(),
          connection.remotePort(),
          connection.local(),
          connection.localPort(),
          destination.label(),
          "*",
          word,
          Loop.nowMillis() - startMillis,
          bytesIn,
          bytesOut,
          via == null ? null : via.toString());
    }
  }

  private void closeUpstream(int index) {
    MessagePeer peer = upstreams[index];
    if (peer != null) {
      upstreams[index] = null;
      peer.discard(loop());
      if (peer.ownSource != null) {
        relay.forgetSource(peer.ownSource);
      }
      peer.close();
      plan.targets().get(index).closed();
    }
  }
}
