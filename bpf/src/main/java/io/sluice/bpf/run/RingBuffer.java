package io.sluice.bpf.run;

import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * BPF_MAP_TYPE_RINGBUF: records from programs, which any thread takes. What doesn't fit is lost,
 * and counted. A record takes its bytes and a header of 8, rounded up to 8.
 */
public final class RingBuffer {
  private static final int HEADER_BYTES = 8;

  private final int size;
  private final ConcurrentLinkedQueue<byte[]> records = new ConcurrentLinkedQueue<>();
  private final AtomicLong waiting = new AtomicLong();
  private final AtomicLong lost = new AtomicLong();

  /**
   * @param size in bytes: a power of two and a multiple of the page's 4,096
   * @throws IllegalArgumentException EINVAL otherwise
   */
  public RingBuffer(int size) {
    if (size < 4096 || Integer.bitCount(size) != 1) {
      throw new IllegalArgumentException(
          "EINVAL: a ring buffer of " + size + " bytes; it has a power of two, of 4096 or more");
    }
    this.size = size;
  }

  public int size() {
    return size;
  }

  /** How many bytes the records that wait take. */
  public long waiting() {
    return waiting.get();
  }

  /** How many records didn't fit. */
  public long lost() {
    return lost.get();
  }

  /** The oldest record; null if there is none. */
  public byte @Nullable [] take() {
    byte[] record = records.poll();
    if (record != null) {
      long _ = waiting.addAndGet(-room(record.length));
    }
    return record;
  }

  /** Room for a record; null if there is none. */
  byte @Nullable [] reserve(long length) {
    if (length < 0 || length > size || waiting.get() + room((int) length) > size) {
      long _ = lost.incrementAndGet();
      return null;
    }
    return new byte[(int) length];
  }

  void submit(byte[] record) {
    long _ = waiting.addAndGet(room(record.length));
    records.add(record);
  }

  private static int room(int length) {
    return length + HEADER_BYTES + 7 & ~7;
  }
}
