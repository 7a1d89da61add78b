package io.sluice.proxy.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.sluice.steering.Payload;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/** The bytes of one slot of a {@link DatagramBatch}, which moves it from slot to slot. */
final class SlotPayload implements Payload {
  private final MemorySegment memory;
  long start;
  int length;

  SlotPayload(MemorySegment memory) {
    this.memory = memory;
  }

  @Override
  public int length() {
    return length;
  }

  @Override
  public int at(int index) {
    return memory.get(JAVA_BYTE, start + Objects.checkIndex(index, length)) & 0xff;
  }
}
