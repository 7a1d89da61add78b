package io.sluice.proxy.admin;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.CompositeByteBuf;
import io.netty.buffer.Unpooled;
import java.io.OutputStream;

/** Off-heap memory that grows by equal parts, so that nothing is copied. */
public final class Chunks extends OutputStream {
  private static final int CHUNK_BYTES = 256 << 10;

  private final CompositeByteBuf full = Unpooled.compositeBuffer(Integer.MAX_VALUE);
  private ByteBuf last = Unpooled.directBuffer(CHUNK_BYTES, CHUNK_BYTES);

  @Override
  public void write(int octet) {
    write(new byte[] {(byte) octet}, 0, 1);
  }

  @Override
  public void write(byte[] from) {
    write(from, 0, from.length);
  }

  @Override
  public void write(byte[] from, int offset, int length) {
    int done = 0;
    while (done < length) {
      if (!last.isWritable()) {
        full.addComponent(true, last);
        last = Unpooled.directBuffer(CHUNK_BYTES, CHUNK_BYTES);
      }
      int part = Math.min(length - done, last.writableBytes());
      last.writeBytes(from, offset + done, part);
      done += part;
    }
  }

  /** All of it; whoever gets it releases it. */
  public ByteBuf whole() {
    return full.addComponent(true, last);
  }
}
