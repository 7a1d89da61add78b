package io.sluice.proxy.relay;

import static java.util.Objects.requireNonNull;

import io.sluice.proxy.handover.Packer;
import io.sluice.proxy.handover.Unpacker;
import io.sluice.proxy.header.Via;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.observe.Refusal;
import io.sluice.proxy.observe.SessionEnd;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.Target;
import io.sluice.steering.LookupContext;
import io.sluice.steering.Tuple;
import io.sluice.steering.reuseport.Tried;
import org.jspecify.annotations.Nullable;

/**
 * A client's connection and the one that we made for it to a target: bytes go from each to the
 * other, by copying, or by splice(2) while they fill buffers. Called on its loop only.
 *
 * <pre>
 *   connecting ──▶ relaying ──────────────▶ closed    both sent FIN, or a timeout
 *       │             └────▶ dismissing ──▶ closed    one side broke: the other is reset, but
 *       └───────────────────────────────▶ closed    not before it has all that was sent to it
 * </pre>
 */
final class TcpSession extends Session {
  private static final int ONLY = 0;

  /** A side that sends less at a time than this goes back from splicing to copying. */
  private static final int BULK_BYTES = Loop.BUFFER_BYTES / 4;

  private final Tuple tuple;
  private Target target;
  private int retries;
  private @Nullable Tried tried;

  TcpSession(TcpRelay relay, LookupContext context, int fd, Target target, @Nullable Via via) {
    super(relay, fd, 1, via);
    this.target = target;
    this.tuple = context.copyTo(new Tuple());
  }

  @Override
  Destination destination() {
    return target.destination();
  }

  @Override
  Target target(int index) {
    return target;
  }

  @Override
  String targetName() {
    return target.toString();
  }

  @Override
  LookupContext connection() {
    LookupContext described = relay.scratch().of(tuple, 0);
    return via == null ? described : via.addTo(described);
  }

  @Override
  void isForTarget(long count) {
    target.counters().bytesIn.add(count);
  }

  @Override
  void start() {
    connect(ONLY);
  }

  @Override
  void connected(Peer upstream) {
    if (!client.watch()) {
      unreachable(Refusal.NO_DESCRIPTORS);
    } else if (Connecting.sendHeader(this, upstream)) {
      pump(client); // most have spoken by now: this spares them the wait for epoll to say so
    }
  }

  @Override
  void notConnected(int index, Refusal reason) {
    if (retries < destination().spec().retries()) {
      retries++;
      if (tried == null) {
        tried = new Tried();
      }
      Target other = destination().places().takeOther(target, connection(), tried);
      if (other == null && target.hasOtherAddresses()) {
        other = target; // its turn has come to the next of them
      }
      if (other != null) {
        if (other != target) {
          destination().places().leave(target);
          placed = other;
        }
        target = other;
        // Later, because epoll may still have an event for a socket whose number this one gets.
        later(() -> connect(ONLY));
        return;
      }
    }
    unreachable(reason);
  }

  // ---- to and from another daemon

  @Override
  boolean pack(Packer out) {
    return SessionForm.pack(this, out);
  }

  /** Describes what only this kind of session has. */
  void packOwn(Packer out) {
    out.u8(retries).flag(isKeptAlive());
  }

  void unpackOwn(Unpacker in) {
    retries = in.u8();
    keptAlive(in.flag());
  }

  // ---- relaying

  @Override
  void writable(Peer peer) {
    pump(other(peer));
  }

  @Override
  void readable(Peer peer) {
    pump(peer);
  }

  private Peer upstream() {
    return requireNonNull(upstreams[ONLY]);
  }

  private Peer other(Peer peer) {
    return peer.isClient() ? upstream() : client;
  }

  /** Moves what a peer has sent to the other, as far as it goes. */
  private void pump(Peer from) {
    if (ending.isDismissing()) {
      return;
    }
    Peer to = other(from);
    int result = to.flush();
    if (result == -Linux.EAGAIN) {
      return;
    }
    if (result < 0) {
      broke(to);
      return;
    }
    if (from.waitsForTurn() && !from.ended) {
      return;
    }
    if (!from.ended && (from.bulk || copy(from, to))) {
      splice(from, to);
    }
    if (!isClosed() && !ending.isDismissing()) {
      settle(from, to);
    }
  }

  @Override
  boolean canSplice(Peer to) {
    return to.takePipe();
  }

  private void splice(Peer from, Peer to) {
    to.stopDelaying();
    from.bulk = loop().buffers().hasRoom() && to.takePipe();
    if (!from.bulk) {
      to.releasePipe();
      if (copy(from, to)) {
        from.yieldTurn();
      }
      return;
    }
    int turnBytes = loop().turns().turnBytes();
    int movedBytes = 0;
    while (movedBytes < turnBytes) {
      // The pipe is empty here, so EAGAIN means that the socket is.
      int most = allowed(from, turnBytes - movedBytes);
      if (most == 0) {
        to.releasePipe();
        return;
      }
      long count = to.fillPipe(from, most);
      if (!hasRead(from, count)) {
        from.bulk = movedBytes >= BULK_BYTES;
        to.releasePipe();
        return;
      }
      movedBytes += (int) count;
      loop().turns().spend((int) count);
      moved(from, count);
      int result = to.flushPipe();
      if (result != 0) {
        if (result != -Linux.EAGAIN) {
          broke(to);
        }
        return;
      }
    }
    to.releasePipe();
    from.yieldTurn();
  }

  /** Passes a peer's end on, once all that it sent has gone. */
  private void settle(Peer from, Peer to) {
    if (!from.ended || to.isPending()) {
      return;
    }
    if (from.broken) {
      ending.because(brokenBy(from));
      from.discard();
      from.close();
      ending.dismiss(to);
    } else if (!to.finSent) {
      ending.regularly(from.isClient() ? SessionEnd.CLIENT_CLOSED : SessionEnd.TARGET_CLOSED);
      if (from.finSent) {
        finish();
      } else {
        to.finish();
        loop().schedule(this); // the deadline is nearer now
      }
    }
  }

  @Override
  void broke(Peer peer) {
    if (ending.isDismissing()) {
      return;
    }
    Peer sender = other(peer);
    peer.discard();
    peer.finSent = true;
    peer.hungUp = true;
    sender.ended = true;
    if (sender.broken) {
      ending.because(brokenBy(sender)); // it was the first
      finish();
    } else {
      peer.broken = true;
      pump(peer);
    }
  }

  private SessionEnd brokenBy(Peer peer) {
    return peer.isClient() ? SessionEnd.CLIENT_RESET : SessionEnd.TARGET_RESET;
  }

  // ---- ending

  @Override
  void dismissed() {
    finish();
  }

  @Override
  boolean isHalfClosed() {
    return client.finSent || upstreams[ONLY] != null && upstream().finSent;
  }

  @Override
  boolean isIncomplete() {
    return upstreams[ONLY] == null || upstream().isConnecting;
  }
}
