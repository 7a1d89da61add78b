package io.sluice.proxy.relay;

import io.sluice.proxy.handover.Packer;
import io.sluice.proxy.handover.Unpacker;
import io.sluice.proxy.limit.Pace;
import io.sluice.proxy.linux.Linux;
import io.sluice.proxy.linux.Syscalls;
import io.sluice.proxy.loop.Loop;
import io.sluice.proxy.target.Destination;
import io.sluice.proxy.target.Target;
import org.jspecify.annotations.Nullable;

/**
 * The part of a session that copies what one peer sends to another, and counts what they have sent.
 * Not an object of its own, which each idle connection would hold. Called on its loop only.
 */
abstract class Copying extends Sessions.Entry {
  /** How fast it may go; null if nothing bounds it. */
  @Nullable Pace pace;

  private long bytesIn;
  private long bytesOut;

  abstract Loop loop();

  abstract Syscalls syscalls();

  abstract Destination destination();

  /** The target that an upstream of this index belongs to. */
  abstract Target target(int index);

  /** A peer takes no more, or sent RST. What it had sent before is passed on first. */
  abstract void broke(Peer peer);

  /** A call for a peer failed, and may succeed soon: the next tick tries again. */
  abstract void stalled(Peer peer);

  /** Whether copying is to stop where there is enough for splicing. */
  abstract boolean canSplice(Peer to);

  /** Counts what came from the client, if it is known by now which target it is for. */
  abstract void isForTarget(long count);

  void packCounts(Packer out) {
    out.i64(bytesIn).i64(bytesOut);
  }

  void unpackCounts(Unpacker in) {
    bytesIn = in.i64();
    bytesOut = in.i64();
  }

  /** What the client has sent. */
  long bytesIn() {
    return bytesIn;
  }

  /** What targets have sent. */
  long bytesOut() {
    return bytesOut;
  }

  /**
   * Copies what one peer sends to another, as far as it goes. While there is no room to keep what
   * the other can't take, it is only looked at, and what was not sent stays where it was.
   *
   * @return whether it filled the buffer: much more is to come
   */
  boolean copy(Peer from, Peer to) {
    Loop loop = loop();
    Syscalls syscalls = loop.syscalls();
    int leftBytes = 0;
    do {
      int most = allowed(from, loop.turns().readBytes());
      if (most == 0) {
        return false;
      }
      boolean isRoomy = loop.buffers().hasRoom();
      long address = loop.buffer().address();
      long count =
          isRoomy
              ? syscalls.receive(from.number(), address, most)
              : syscalls.peek(from.number(), address, most);
      if (!hasRead(from, count)) {
        return false;
      }
      int length = (int) count;
      loop.turns().spend(length);
      boolean isWanted = to.isOpen() && !to.finSent; // or it is thrown away
      // A short read of what ends leaves only the end: it goes out in the same packet.
      boolean isLast = from.hungUp && !from.errored && length < most;
      int flags = isLast ? Linux.MSG_MORE : 0;
      int result = 0;
      if (isRoomy) {
        result = isWanted ? to.send(loop.buffer(), 0, length, flags) : 0;
        moved(from, length);
      } else {
        int sent = isWanted ? to.offer(loop.buffer(), 0, length, flags) : length;
        result = sent < length ? sent < 0 ? sent : -Linux.EAGAIN : 0;
        take(from, Math.max(0, sent));
      }
      if (result != 0) {
        if (result != -Linux.EAGAIN) {
          broke(to);
        }
        return false;
      }
      if (length == Loop.BUFFER_BYTES && isRoomy && canSplice(to)) {
        return true;
      }
      if (length < most && !from.hungUp) {
        return false; // a short read emptied it; more, or a FIN, will be a new edge
      }
      if (leftBytes == 0) {
        leftBytes = loop.turns().turnBytes();
      }
      leftBytes -= length;
    } while (leftBytes > 0);
    from.yieldTurn();
    return false;
  }

  /** How much of so many bytes may be read now; if none, the next tick tries again. */
  int allowed(Peer from, int mostBytes) {
    Pace bound = pace;
    int allowed = bound == null ? mostBytes : bound.allowed(mostBytes);
    if (allowed == 0) {
      stalled(from);
    }
    return allowed;
  }

  /** Reads what had only been looked at, and has been sent. */
  private void take(Peer from, int length) {
    long address = loop().buffer().address();
    int left = length;
    while (left > 0) {
      long taken = syscalls().receive(from.number(), address, left);
      if (taken <= 0) {
        break; // a reset threw it away
      }
      left -= (int) taken;
    }
    moved(from, length);
  }

  /** Notes the result of a read; false if there is nothing to send on. */
  boolean hasRead(Peer from, long count) {
    if (count > 0) {
      return true;
    }
    if (count == 0) {
      from.ended = true;
      from.broken |= from.errored; // its FIN has been overtaken by a reset
    } else if (Peer.isPassing(count)) {
      stalled(from);
    } else if (count != -Linux.EAGAIN) {
      from.ended = true;
      from.broken = true;
    } else if (from.broken) {
      from.ended = true; // it takes no more, so nothing more is awaited of it
    }
    return false;
  }

  /** Counts what a peer has sent. */
  void moved(Peer from, long count) {
    Pace bound = pace;
    if (bound != null) {
      bound.spend(count);
    }
    if (from.isClient()) {
      bytesIn += count;
      destination().traffic().bytesIn.add(count);
      isForTarget(count);
    } else {
      bytesOut += count;
      destination().traffic().bytesOut.add(count);
      target(from.index).counters().bytesOut.add(count);
    }
  }
}
