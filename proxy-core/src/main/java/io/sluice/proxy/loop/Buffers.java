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

  /** What is kept as long as some are taken now and then. */
  private static final int USUAL_SPARE = 64;

  /** How many go back to the kernel in one tick, so that thousands don't hold up their loop. */
  private static final int FREED_PER_TICK = 128;

  /** How many one mapping has at most: thousands of calls, from all loops, wait for one lock. */
  private static final int MOST_PER_MAPPING = 16;

  private final Syscalls syscalls;
  private final BufferLimit limit;
  private final ArrayDeque<NativeBuffer> spare = new ArrayDeque<>();
  private boolean isIdle = true;
  private int perMapping = 1;

  Buffers(Syscalls syscalls, BufferLimit limit) {
    this.syscalls = syscalls;
    this.limit = limit;
  }

  /** Whether more may be read than can be passed on at once. */
  public boolean hasRoom() {
    if (!limit.isSpent()) {
      return true;
    }
    while (limit.isSpent() && !spare.isEmpty()) {
      free(spare.removeLast());
    }
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
    if (size != USUAL_BYTES) {
      return map(size);
    }
    NativeBuffer kept = spare.poll();
    return kept != null ? kept : mapSome();
  }

  /** Maps one, and as many spare ones as the last ticks' need lets expect. */
  private @Nullable NativeBuffer mapSome() {
    perMapping = limit.isHalfSpent() ? 1 : perMapping;
    NativeBuffer all = map(perMapping * USUAL_BYTES);
    if (all == null || perMapping == 1) {
      perMapping = 2;
      return all;
    }
    for (int i = 1; i < perMapping; i++) {
      spare.push(all.part((long) i * USUAL_BYTES, USUAL_BYTES));
    }
    perMapping = Math.min(2 * perMapping, MOST_PER_MAPPING);
    return all.part(0, USUAL_BYTES);
  }

  private @Nullable NativeBuffer map(int bytes) {
    NativeBuffer fresh = NativeBuffer.map(syscalls, bytes);
    if (fresh != null) {
      limit.add(bytes);
    }
    return fresh;
  }

  /** Gives back what {@link #take} gave. */
  public void give(NativeBuffer buffer) {
    if (buffer.capacity() == USUAL_BYTES && !limit.isHalfSpent()) {
      spare.push(buffer);
    } else {
      free(buffer);
    }
  }

  /**
   * Counts what is held elsewhere: in a pipe.
   *
   * @param bytes how many more; negative if they are fewer
   */
  public void charge(int bytes) {
    limit.add(bytes);
  }

  /**
   * A tick has passed: what nobody took since the last one goes back to the kernel, by and by.
   *
   * @return whether some is left to go back
   */
  boolean tick() {
    int kept = isIdle ? 0 : USUAL_SPARE;
    for (int left = FREED_PER_TICK; left > 0 && spare.size() > kept; left--) {
      free(spare.removeLast());
    }
    perMapping = isIdle ? 1 : perMapping;
    isIdle = true;
    return !spare.isEmpty();
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
