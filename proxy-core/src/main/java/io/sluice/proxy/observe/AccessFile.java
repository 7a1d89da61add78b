package io.sluice.proxy.observe;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Access records into a file, by a way that costs a connection little: a loop puts the record into
 * a ring, without locks and without waking anybody; one thread looks 50 times a second, writes what
 * there is as bytes, many lines by one system call. A ring that is full loses the record, and it is
 * counted; the disk holds up nobody but that thread.
 */
final class AccessFile implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(AccessFile.class);

  /** The most records that wait: at 20,000 a second, what comes in 1.6 s. A power of two. */
  static final int RECORDS = 1 << 15;

  private static final int BUFFER_BYTES = 256 << 10;
  private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(20);
  private static final long RETRY_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

  private final Path path;
  private final AccessFormat format;
  private final AtomicReferenceArray<@Nullable AccessRecord> ring =
      new AtomicReferenceArray<>(RECORDS);
  private final long[] endedMillis = new long[RECORDS]; // published by the record beside it
  private final AtomicLong tail = new AtomicLong();
  private final LongAdder lost = new LongAdder();
  private final Thread writer = new Thread(this::writeForEver, "sluice-access");
  private volatile long head;
  private volatile long written;
  private volatile boolean isToReopen;
  private volatile boolean isOver;

  // The writer's.
  private final LineBytes line = new LineBytes();
  private final ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
  private FileChannel channel;
  private boolean hasFailed;

  /**
   * Opens the file, or makes it; what it has stays.
   *
   * @throws IOException if it can't be written
   */
  AccessFile(Path path, AccessFormat format) throws IOException {
    this.path = path;
    this.format = format;
    this.channel = open(path);
    writer.setDaemon(true);
    writer.start();
  }

  private static FileChannel open(Path path) throws IOException {
    return FileChannel.open(
        path, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.APPEND);
  }

  /** Takes a record, or counts it as lost. Never waits. Any thread. */
  void add(AccessRecord ended) {
    long place;
    do {
      place = tail.get();
      if (place - head >= RECORDS) {
        lost.increment();
        return;
      }
    } while (!tail.compareAndSet(place, place + 1));
    int slot = slot(place);
    endedMillis[slot] = System.currentTimeMillis();
    ring.lazySet(slot, ended);
  }

  /** How many were lost. Any thread. */
  long lost() {
    return lost.sum();
  }

  /** Has the file opened anew by its name: the old one has been moved away. Any thread. */
  void reopen() {
    isToReopen = true;
    LockSupport.unpark(writer);
  }

  /** Waits until all that was taken so far is written; false if that took longer than the bound. */
  boolean awaitWritten(long boundNanos) {
    long until = tail.get();
    long start = System.nanoTime();
    LockSupport.unpark(writer);
    while (written < until) {
      if (System.nanoTime() - start >= boundNanos) {
        return false;
      }
      LockSupport.parkNanos(this, LOOK_NANOS / 10);
    }
    return true;
  }

  private void writeForEver() {
    while (!isOver) {
      try {
        writeAll();
      } catch (RuntimeException | OutOfMemoryError failure) {
        lost.increment();
        log.error("an access record could not be written", failure);
      }
      if (isToReopen) {
        isToReopen = false;
        openAnew();
      }
      LockSupport.parkNanos(this, LOOK_NANOS);
    }
  }

  private void writeAll() {
    long place = head;
    int slot = slot(place);
    AccessRecord record = ring.get(slot);
    while (record != null) {
      line.clear();
      format.write(record, endedMillis[slot], line);
      ring.lazySet(slot, null);
      place++;
      head = place; // only this thread writes it
      if (line.length() > buffer.remaining()) {
        flush();
      }
      line.copyTo(buffer);
      slot = slot(place);
      record = ring.get(slot);
    }
    flush();
    written = place;
  }

  private static int slot(long place) {
    return (int) place & RECORDS - 1;
  }

  /** Writes what was collected; tries again for as long as the disk is full. */
  private void flush() {
    buffer.flip();
    while (buffer.hasRemaining() && !isOver) {
      try {
        int _ = channel.write(buffer);
        hasFailed = false;
      } catch (IOException full) {
        if (!hasFailed) {
          hasFailed = true;
          log.error("access records can't be written file={} reason={}", path, full.getMessage());
        }
        if (isToReopen) {
          isToReopen = false;
          openAnew();
        }
        LockSupport.parkNanos(this, RETRY_NANOS);
      }
    }
    buffer.clear();
  }

  private void openAnew() {
    try {
      FileChannel next = open(path);
      channel.close();
      channel = next;
      log.info("access records file={} reopened", path);
    } catch (IOException failure) {
      log.error(
          "access records go on into the old file file={} reason={}", path, failure.getMessage());
    }
  }

  @Override
  public void close() {
    boolean _ = awaitWritten(TimeUnit.SECONDS.toNanos(1));
    isOver = true;
    LockSupport.unpark(writer);
  }
}
