package io.sluice.proxy.relay;

import io.sluice.config.Keepalive;
import io.sluice.proxy.handover.Packer;
import io.sluice.proxy.handover.Unpacker;
import io.sluice.proxy.health.Endpoint;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.NativeBuffer;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.loop.Turns;
import io.sluice.proxy.loop.Watched;
import io.sluice.proxy.target.Target;
import io.sluice.steering.Tuple;
import org.jspecify.annotations.Nullable;

/**
 * A connected socket of a session, the client's or a target's: what waits to be sent on it, how it
 * ends, and how much of what was sent has been delivered. Holds no buffer and no pipe while nothing
 * waits. Called on the session's loop only.
 */
final class Peer extends Watched implements Turns.Waiting {
  /** The index of the client. */
  static final int CLIENT = -1;

  private final Session session;

  /** The target's index, or {@link #CLIENT}. */
  final int index;

  /** What it is noted as, because what it sends could come back to us. */
  @Nullable Tuple ownSource;

  /** Which of its target's endpoints it leads to; null of the client. */
  @Nullable Endpoint endpoint;

  /** The connection isn't made yet. */
  boolean isConnecting;

  /** It sent FIN, or broke: there is nothing more to read. */
  boolean ended;

  /** epoll said that its end is near: read until the end itself is read. */
  boolean hungUp;

  /** epoll said that it broke. What it sent before can still be read, then follows its end. */
  boolean errored;

  /** It sent RST, or takes no more. */
  boolean broken;

  /** Nothing is sent to it any more: it has had FIN. */
  boolean finSent;

  /** It could not take all; the session goes on when it can. */
  boolean blocked;

  /** The session tries again at the next tick: no event will say when. */
  boolean stalled;

  /** What it sends fills buffers: splice. */
  boolean bulk;

  /** It has more to be read than this round allows: {@link Turns}. */
  private boolean waitsForTurn;

  /** TCP_NODELAY has yet to be set: it makes no difference before the second send. */
  private boolean isDelaying;

  private boolean hasSent;
  private boolean isKeptAlive;

  /** What waits to be sent on it; null as long as nothing ever had to. */
  private @Nullable Backlog backlog;

  Peer(Session session, int fd, int index, boolean isDelaying) {
    super(fd);
    this.session = session;
    this.index = index;
    this.isDelaying = isDelaying;
  }

  /** Whether it is the client's, not a target's. */
  boolean isClient() {
    return index == CLIENT;
  }

  @Override
  protected void ready(int events) {
    hungUp |= (events & ENDING) != 0;
    errored |= (events & ERROR) != 0;
    if (!waitsForTurn) {
      session.ready(this, events);
      return;
    }
    if ((events & (WRITABLE | BROKEN)) != 0) {
      session.ready(this, WRITABLE); // that is no turn of its own, but of who sends to it
    }
  }

  @Override
  protected void failed(Throwable failure) {
    session.failed(failure);
  }

  private Loop loop() {
    return session.loop();
  }

  private Syscalls syscalls() {
    return session.loop().syscalls();
  }

  /** Has epoll report every change; false if it refuses. */
  boolean watch() {
    return watch(loop(), Loop.ALL_EDGES);
  }

  /** Has it read on in a later round. */
  void yieldTurn() {
    if (!waitsForTurn) {
      waitsForTurn = true;
      loop().turns().await(this);
    }
  }

  /** Whether it is read on in a later round. */
  boolean waitsForTurn() {
    return waitsForTurn;
  }

  @Override
  public void goOn() {
    waitsForTurn = false;
    try {
      session.ready(this, READABLE);
    } catch (RuntimeException | Error failure) {
      failed(failure); // it must not cost the others their turns
    }
  }

  // ---- sending

  private Backlog backlog() {
    Backlog made = backlog;
    if (made == null) {
      made = new Backlog(loop());
      backlog = made;
    }
    return made;
  }

  /** Whether something waits to be sent. */
  boolean isPending() {
    return backlog != null && !backlog.isEmpty();
  }

  /** How much waits to be sent. */
  int pendingBytes() {
    return backlog == null ? 0 : backlog.lengthBytes();
  }

  /**
   * Sends, and keeps what can't be sent now.
   *
   * @param flags MSG_MORE if more follows at once
   * @return 0 if all has gone, -EAGAIN if some is kept, else the negative errno that broke it
   */
  int send(NativeBuffer source, int offset, int length, int flags) {
    int sent = offer(source, offset, length, flags);
    if (sent == length || sent < 0 && sent != -Linux.EAGAIN) {
      return Math.min(sent, 0);
    }
    int done = Math.max(0, sent);
    return keep(source, offset + done, length - done, 0) ? -Linux.EAGAIN : -Linux.ENOMEM;
  }

  /**
   * Sends what the kernel takes, and keeps nothing.
   *
   * @return how many bytes; -EAGAIN if none, for now; else the negative errno that broke it
   */
  int offer(NativeBuffer source, int offset, int length, int flags) {
    if (hasSent) {
      stopDelaying(); // the first send waits for nothing, a second one would
    }
    hasSent = true;
    int sent = 0;
    while (sent < length) {
      long address = source.address() + offset + sent;
      long more = syscalls().send(number(), address, length - sent, flags);
      if (more < 0) {
        int result = waits((int) more);
        return sent > 0 && result == -Linux.EAGAIN ? sent : result;
      }
      sent += (int) more;
    }
    return sent;
  }

  /** Notes why a send failed; the answer is -EAGAIN if it may succeed later. */
  private int waits(int result) {
    if (result == -Linux.EAGAIN || isPassing(result)) {
      blocked = true;
      stopDelaying();
      if (result != -Linux.EAGAIN) {
        session.stalled(this);
      }
      return -Linux.EAGAIN;
    }
    return result;
  }

  /** Whether a call failed for a reason that says nothing about the connection, and will pass. */
  static boolean isPassing(long result) {
    return result == -Linux.EINTR || result == -Linux.ENOBUFS || result == -Linux.ENOMEM;
  }

  /** Sends whatever comes from now on at once. */
  void stopDelaying() {
    if (isDelaying) {
      isDelaying = false;
      int _ = syscalls().setOption(number(), Linux.IPPROTO_TCP, Linux.TCP_NODELAY, 1);
    }
  }

  /**
   * Keeps something for {@link #flush}, behind what waits already.
   *
   * @param roomBytes how much will be kept all in all, if that is known
   * @return false if the machine has no memory
   */
  boolean keep(NativeBuffer source, int offset, int length, int roomBytes) {
    return backlog().keep(source, offset, length, roomBytes);
  }

  /**
   * Sends what waits.
   *
   * @return 0 when all has gone, -EAGAIN if some waits on, else the negative errno that broke it
   */
  int flush() {
    Backlog waiting = backlog;
    if (waiting != null) {
      hasSent |= !waiting.isEmpty();
      int result = waiting.flush(number());
      if (result < 0) {
        return waits(result);
      }
      waiting.releasePipe();
    }
    blocked = false;
    return 0;
  }

  // ---- splicing

  /** Makes sure of a pipe; false if there is none to be had: then one copies. */
  boolean takePipe() {
    return backlog().takePipe();
  }

  /**
   * Reads from another into the pipe, which is empty, what fits and is allowed.
   *
   * @return how many bytes, 0 at FIN, or a negative errno
   */
  long fillPipe(Peer sender, int mostBytes) {
    return backlog().fillPipe(sender.number(), mostBytes);
  }

  /** Sends what is in the pipe, and keeps the pipe; answers as {@link #flush}. */
  int flushPipe() {
    int result = backlog().flushPipe(number());
    return result < 0 ? waits(result) : 0;
  }

  /** Gives an empty pipe back. */
  void releasePipe() {
    if (backlog != null) {
      backlog.releasePipe();
    }
  }

  // ---- ending

  /** Sends FIN. All that was to be sent has gone. */
  void finish() {
    finSent = true;
    int _ = syscalls().shutdown(number(), Linux.SHUT_WR);
  }

  /** Has {@link #close} send RST, which discards what the kernel has not sent. */
  void resetOnClose() {
    int _ = syscalls().setResetOnClose(number());
  }

  /** Has the kernel ask now and then whether its other end is still there; a Unix socket's is. */
  void keepAlive(Keepalive how) {
    if (!isKeptAlive && isOpen() && !isConnecting) {
      isKeptAlive = true;
      int idle = (int) how.idle().toSeconds();
      int interval = (int) how.interval().toSeconds();
      int _ = syscalls().setOption(number(), Linux.IPPROTO_TCP, Linux.TCP_KEEPIDLE, idle);
      int _ = syscalls().setOption(number(), Linux.IPPROTO_TCP, Linux.TCP_KEEPINTVL, interval);
      int _ = syscalls().setOption(number(), Linux.IPPROTO_TCP, Linux.TCP_KEEPCNT, how.count());
      int _ = syscalls().setOption(number(), Linux.SOL_SOCKET, Linux.SO_KEEPALIVE, 1);
    }
  }

  /** How much of what was to be sent its kernel hasn't confirmed. */
  int undelivered() {
    return isOpen() ? pendingBytes() + Math.max(0, syscalls().unacknowledged(number())) : 0;
  }

  // ---- to and from another daemon

  /** Describes how far it has come, and what waits to be sent on it. */
  void pack(Packer out) {
    out.text(endpoint == null ? "" : endpoint.address().toString()).u16(flags());
    if (isPending()) {
      backlog().pack(out);
    }
    if (ownSource != null) {
      out.tuple(ownSource);
    }
  }

  private int flags() {
    return (isConnecting ? 1 : 0)
        | (ended ? 1 << 1 : 0)
        | (hungUp ? 1 << 2 : 0)
        | (errored ? 1 << 3 : 0)
        | (broken ? 1 << 4 : 0)
        | (finSent ? 1 << 5 : 0)
        | (blocked ? 1 << 6 : 0)
        | (bulk ? 1 << 7 : 0)
        | (isDelaying ? 1 << 8 : 0)
        | (hasSent ? 1 << 9 : 0)
        | (isKeptAlive ? 1 << 10 : 0)
        | (isPending() ? 1 << 11 : 0)
        | (ownSource != null ? 1 << 12 : 0);
  }

  /**
   * Takes what {@link #pack} described.
   *
   * @param target that it leads to; null of the client
   * @return false if the machine has no memory for it
   */
  boolean unpack(Unpacker in, @Nullable Target target) {
    String address = in.text();
    endpoint = target == null ? null : target.endpoint(address);
    int flags = in.u16();
    isConnecting = (flags & 1) != 0;
    ended = (flags & 1 << 1) != 0;
    hungUp = (flags & 1 << 2) != 0;
    errored = (flags & 1 << 3) != 0;
    broken = (flags & 1 << 4) != 0;
    finSent = (flags & 1 << 5) != 0;
    blocked = (flags & 1 << 6) != 0;
    bulk = (flags & 1 << 7) != 0;
    isDelaying = (flags & 1 << 8) != 0;
    hasSent = (flags & 1 << 9) != 0;
    isKeptAlive = (flags & 1 << 10) != 0;
    boolean isTaken = (flags & 1 << 11) == 0 || backlog().unpack(in);
    if ((flags & 1 << 12) != 0) {
      ownSource = session.relay.guard().sources().add(in.tuple());
    }
    return isTaken;
  }

  /** Another daemon has the connection: closes the descriptor here, and changes nothing of it. */
  void handedOver() {
    if (backlog != null) {
      backlog.discard(); // the other one has the pipe, with what is in it, as well
    }
    session.relay.guard().forget(ownSource);
    super.close();
  }

  /** Throws away what waits to be sent. */
  void discard() {
    if (backlog != null) {
      backlog.discard();
    }
    blocked = false;
  }

  @Override
  public void close() {
    if (isOpen()) {
      discard();
      if (broken && !errored) { // we gave it up: it must not take a part for the whole
        resetOnClose();
      }
      super.close();
    }
  }
}
