package io.sluice.proxy.observe;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.encoder.Encoder;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Writes lines to a pipe, file or terminal, many at once. What can't be written now, because a disk
 * is full or a pipe has no reader, is kept and tried again: no line is cut, and none comes twice.
 * While that lasts the queue in front of it fills, and loses what comes next.
 */
final class LineChannel implements LogSink {
  private static final int BUFFER_BYTES = 64 << 10;
  private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  private final WritableByteChannel channel;
  private final Encoder<ILoggingEvent> encoder;
  private final ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);

  LineChannel(WritableByteChannel channel, Encoder<ILoggingEvent> encoder) {
    this.channel = channel;
    this.encoder = encoder;
  }

  @Override
  public void write(ILoggingEvent line) {
    byte[] bytes = encoder.encode(line);
    int done = 0;
    while (done < bytes.length) {
      int part = Math.min(bytes.length - done, buffer.remaining());
      buffer.put(bytes, done, part);
      done += part;
      if (!buffer.hasRemaining()) {
        flush();
      }
    }
  }

  @Override
  public void flush() {
    buffer.flip();
    try {
      while (buffer.hasRemaining()) {
        if (!isWritten()) {
          LockSupport.parkNanos(this, RETRY_NANOS);
        }
      }
    } finally {
      buffer.compact(); // empty, unless something was thrown
    }
  }

  /** Whether a part of the buffer could be written: 0 bytes are EAGAIN, which any pipe may say. */
  private boolean isWritten() {
    try {
      return channel.write(buffer) > 0;
    } catch (IOException _) { // ENOSPC, EPIPE, EIO, EBADF: the lines that wait will be counted
      return false;
    }
  }
}
