package io.sluice.proxy.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** A piece of off-heap memory for system calls to read into; belongs to one thread. */
public final class NativeBuffer {
  private static final long PAGE_BYTES = 4096;

  private final MemorySegment memory;

  /** Page-aligned memory that lives as long as the instance. */
  public NativeBuffer(long capacityBytes) {
    this.memory = Arena.ofAuto().allocate(capacityBytes, PAGE_BYTES);
  }

  public long address() {
    return memory.address();
  }

  /** One byte, 0–255. */
  public int at(long index) {
    return memory.get(ValueLayout.JAVA_BYTE, index) & 0xff;
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
