package io.sluice.proxy.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/** A piece of off-heap memory for system calls to read into; belongs to one thread. */
public final class NativeBuffer {
  private static final long PAGE_BYTES = 4096;

  private final MemorySegment memory;
  private @Nullable ByteBuffer view;

  /** Page-aligned memory that lives as long as the instance. */
  public NativeBuffer(long capacityBytes) {
    this(Arena.ofAuto().allocate(capacityBytes, PAGE_BYTES));
  }

  private NativeBuffer(MemorySegment memory) {
    this.memory = memory;
  }

  /**
   * Memory of a mapping of its own, which lives until {@link #unmap}. Its pages take no memory
   * before they are written to.
   *
   * @return null if the kernel has none
   */
  public static @Nullable NativeBuffer map(Syscalls syscalls, long capacityBytes) {
    long address = syscalls.map(capacityBytes);
    return address < 0
        ? null
        : new NativeBuffer(MemorySegment.ofAddress(address).reinterpret(capacityBytes));
  }

  /** A part of a mapping, page-aligned; each part can be given back by its own {@link #unmap}. */
  public NativeBuffer part(long offsetBytes, long capacityBytes) {
    return new NativeBuffer(memory.asSlice(offsetBytes, capacityBytes));
  }

  /** Gives the memory of {@link #map} back to the kernel; nobody touches it any more. */
  public void unmap(Syscalls syscalls) {
    int _ = syscalls.unmap(memory.address(), memory.byteSize());
  }

  public long address() {
    return memory.address();
  }

  public int capacity() {
    return (int) memory.byteSize();
  }

  /** One byte, 0–255. */
  public int at(long index) {
    return memory.get(ValueLayout.JAVA_BYTE, index) & 0xff;
  }

  /** The whole of it, big endian; for those who read it. */
  public ByteBuffer bytes() {
    if (view == null) {
      view = memory.asByteBuffer().asReadOnlyBuffer();
    }
    return view;
  }

  /** Copies a part of another buffer, or of this one, to a place in this one. */
  public void copyFrom(NativeBuffer source, long offset, long to, long lengthBytes) {
    MemorySegment.copy(source.memory, offset, memory, to, lengthBytes);
  }

  /** Copies bytes to the start. */
  public void copyFrom(byte[] source) {
    copyFrom(source, 0, source.length);
  }

  /** Copies some bytes to the start. */
  public void copyFrom(byte[] source, int offset, int lengthBytes) {
    MemorySegment.copy(source, offset, memory, ValueLayout.JAVA_BYTE, 0, lengthBytes);
  }
}
