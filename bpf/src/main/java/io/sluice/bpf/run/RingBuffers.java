package io.sluice.bpf.run;

import io.sluice.steering.Errno;
import org.jspecify.annotations.Nullable;

/** The helpers of ring buffers (Documentation/bpf/ringbuf.rst). */
public final class RingBuffers {
  private static final int AVAILABLE = 0;
  private static final int SIZE = 1;

  private RingBuffers() {}

  /** bpf_ringbuf_output: copies a record. */
  public static long output(
      Run run, @Nullable Object map, @Nullable Object data, long offset, long size, long flags) {
    if (!(map instanceof RingBuffer ring)) {
      throw Trap.nullPointer();
    }
    if (flags < 0 || flags > 3) {
      return Errno.EINVAL.negative();
    }
    byte[] room = ring.reserve(size);
    if (room == null) {
      return -11; // EAGAIN
    }
    Memory.copyOut(data, offset, room, 0, room.length);
    ring.submit(room);
    return 0;
  }

  /** bpf_ringbuf_reserve: a record, or null. */
  public static @Nullable Object reserve(Run run, @Nullable Object map, long size, long flags) {
    if (!(map instanceof RingBuffer ring)) {
      throw Trap.nullPointer();
    }
    byte[] room = flags != 0 ? null : ring.reserve(size);
    if (room != null) {
      run.reserved(room, ring);
    }
    return room;
  }

  /** bpf_ringbuf_submit. */
  public static void submit(Run run, @Nullable Object room, long offset, long flags) {
    RingBuffer ring = run.unreserve(room, offset);
    if (room instanceof byte[] bytes) {
      ring.submit(bytes);
    }
  }

  /** bpf_ringbuf_discard. */
  public static void discard(Run run, @Nullable Object room, long offset, long flags) {
    RingBuffer _ = run.unreserve(room, offset);
  }

  /** bpf_ringbuf_query: bytes that wait, or the size of all. */
  public static long query(Run run, @Nullable Object map, long flags) {
    if (!(map instanceof RingBuffer ring)) {
      throw Trap.nullPointer();
    }
    return flags == AVAILABLE ? ring.waiting() : flags == SIZE ? ring.size() : 0;
  }
}
