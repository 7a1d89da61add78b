package io.sluice.proxy.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;

/** A piece of off-heap memory for system calls to read into; belongs to one thread. */
public final class NativeBuffer {
  private static final long PAGE_BYTES = 4096;

  private final MemorySegment memory;
  private final ByteBuffer bytes;

  /** Page-aligned memory that lives as long as the instance. */
  public NativeBuffer(long capacityBytes) {
    this.memory = Arena.ofAuto().allocate(capacityBytes, PAGE_BYTES);
    this.bytes = memory.asByteBuffer();
  }

  public long address() {
    return memory.address();
  }

  /**
   * The first bytes, big endian.
   *
   * @return the same object each time
   */
  public ByteBuffer bytes(int count) {
    return bytes.position(0).limit(count);
  }

  /** Copies a part of another buffer to the start of this one. */
  public void copyFrom(NativeBuffer source, long offset, long lengthBytes) {
    MemorySegment.copy(source.memory, offset, memory, 0, lengthBytes);
  }

  /** Copies bytes to the start. */
  public void copyFrom(byte[] source) {
    MemorySegment.copy(source, 0, memory, ValueLayout.JAVA_BYTE, 0, source.length);
  }
}
