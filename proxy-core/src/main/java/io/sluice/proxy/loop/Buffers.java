package io.sluice.proxy.loop;

import io.sluice.proxy.linux.NativeBuffer;
import io.sluice.proxy.linux.Syscalls;
import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * The memory of one loop for what a blocked receiver can't take yet, and for messages that aren't
 * whole. It comes from the kernel and goes back to it, without the collector. All loops draw on one
 * {@link BufferLimit}.
 *
 * <p>What has been read is never refused a place: who finds that there {@linkplain #hasRoom is no
 * room} reads nothing that needs one. Called on its loop only.
 */
public final class Buffers {
  /** The size of most; these are kept for a moment, for the next one that needs one. */
  public static final int USUAL_BYTES = 64 << 10;

  private static final int MOST_SPARE = 64;

  private final Syscalls syscalls;
  private final BufferLimit limit;
  private final ArrayDeque<NativeBuffer> spare = new ArrayDeque<>();
  private boolean isIdle = true;

  Buffers(Syscalls syscalls, BufferLimit limit) {
    this.syscalls = syscalls;
    this.limit = limit;
  }

  /** Whether more may be read than can be passed on at once. */
  public boolean hasRoom() {
    if (!limit.isSpent()) {
      return true;
    }
    freeSpare();
    return !limit.isSpent();
  }

  /**
   * Memory for at least so many bytes, at most twice as many.
   *
   * @return null if even the kernel has none
   */
  public @Nullable NativeBuffer take(int bytes) {
    isIdle = false;
    int size = limit.roundUp(bytes);
    NativeBuffer kept = size == USUAL_BYTES ? spare.poll() : null;
    if (kept != null) {
      return kept;
    }
    NativeBuffer fresh = NativeBuffer.map(syscalls, size);
    if (fresh != null) {
      limit.add(size);
    }
    return fresh;
  }

  /** Gives back what {@link #take} gave. */
  public void give(NativeBuffer buffer) {
    if (buffer.capacity() == USUAL_BYTES && spare.size() < MOST_SPARE && !limit.isSpent()) {
      spare.push(buffer);
    } else {
      free(buffer);
    }
  }

  /** Counts what is held elsewhere: in a pipe. */
  public void charge(int bytes) {
    limit.add(bytes);
  }

  /** Takes back {@link #charge}. */
  public void discharge(int bytes) {
    limit.add(-bytes);
  }

  /** A tick has passed: what nobody took since the last one goes back to the kernel. */
  void tick() {
    if (isIdle) {
      freeSpare();
    }
    isIdle = true;
  }

  void freeSpare() {
    for (NativeBuffer buffer = spare.poll(); buffer != null; buffer = spare.poll()) {
      free(buffer);
    }
  }

  private void free(NativeBuffer buffer) {
    limit.add(-buffer.capacity());
    buffer.unmap(syscalls);
  }
}
