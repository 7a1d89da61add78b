package io.sluice.proxy.observe;

import ch.qos.logback.classic.spi.ILoggingEvent;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;

/**
 * Stands between all who log and the one thread that writes, so that nobody but that thread ever
 * waits for a pipe, a disk or a terminal.
 *
 * <p>A ring of lines without locks: many put in, the writer takes out. A line that finds it full is
 * lost, and counted. Once there is room again, one line says how many were lost.
 */
final class LogQueue {
  /** The most lines that wait; a power of two. */
  static final int LINES = 8192;

  /** When so many characters wait, nothing more is taken: a line may be long. */
  static final int CHARACTERS = 4 << 20;

  private static final int STACK_TRACE_CHARACTERS = 4096;
  private static final long SAY_LOST_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(2);

  private final AtomicReferenceArray<@Nullable ILoggingEvent> lines =
      new AtomicReferenceArray<>(LINES);
  private final LogSink[] sinks = new LogSink[LINES]; // published by the line in the same place
  private final AtomicLong tail = new AtomicLong();
  private final AtomicInteger characters = new AtomicInteger();
  private final LongAdder[] lost = {new LongAdder(), new LongAdder()};
  private final LogSink standardError;
  private final Logger own;
  private final Thread writer;
  private volatile long head;
  private volatile long written;
  private volatile boolean isAsleep;

  // The writer's.
  private long lostAndSaid;
  private long saidNanos = System.nanoTime() - SAY_LOST_NANOS;

  /**
   * A queue whose writer has not started.
   *
   * @param standardError flushed whenever no line waits
   * @param own says what was lost, by this queue like all others
   */
  LogQueue(LogSink standardError, Logger own) {
    this.standardError = standardError;
    this.own = own;
    this.writer = new Thread(this::writeForEver, "sluice-log");
    writer.setDaemon(true);
  }

  void start() {
    writer.start();
  }

  /** Takes a line, or counts it as lost. Never blocks. Any thread. */
  void offer(ILoggingEvent line, LogKind kind, LogSink sink) {
    if (characters.get() >= CHARACTERS || tail.get() - head >= LINES) {
      lost(kind).increment();
      return;
    }
    line.prepareForDeferredProcessing(); // formats it: its arguments may change
    long place;
    do {
      place = tail.get();
      if (place - head >= LINES) {
        lost(kind).increment();
        return;
      }
    } while (!tail.compareAndSet(place, place + 1));
    characters.addAndGet(characters(line));
    int slot = slot(place);
    sinks[slot] = sink;
    lines.set(slot, line);
    if (isAsleep) {
      LockSupport.unpark(writer);
    }
  }

  /** Counts the lines that were lost. Any thread. */
  LongAdder lost(LogKind kind) {
    return lost[kind.ordinal()];
  }

  /**
   * Waits until all that was taken so far is written.
   *
   * @return false if that took longer than the bound
   */
  boolean awaitWritten(long boundNanos) {
    long until = tail.get();
    long start = System.nanoTime();
    while (written < until) {
      if (System.nanoTime() - start >= boundNanos) {
        return false;
      }
      LockSupport.parkNanos(this, POLL_NANOS);
    }
    return true;
  }

  private static int slot(long place) {
    return (int) place & (LINES - 1);
  }

  private static int characters(ILoggingEvent line) {
    String text = line.getFormattedMessage();
    return (text == null ? 0 : text.length())
        + (line.getThrowableProxy() == null ? 0 : STACK_TRACE_CHARACTERS);
  }

  private void writeForEver() {
    while (true) {
      try {
        writeNext();
      } catch (Throwable _) { // out of memory, or a fault of a sink: the next line may do better
        lost(LogKind.LOG).increment();
      }
    }
  }

  private void writeNext() {
    long place = head; // only this thread writes it
    int slot = slot(place);
    ILoggingEvent line = lines.get(slot);
    if (line == null) {
      standardError.flush();
      written = place;
      if (lines.get(slot) == null) { // else that line goes first: there may be no room for another
        sayLost();
        sleep(slot);
      }
      return;
    }
    LogSink sink = sinks[slot];
    lines.set(slot, null);
    characters.addAndGet(-characters(line));
    head = place + 1;
    sink.write(line);
  }

  /** Says how many were lost, at most once a second. */
  private void sayLost() {
    long access = lost(LogKind.ACCESS).sum();
    long log = lost(LogKind.LOG).sum();
    long now = System.nanoTime();
    if (access + log > lostAndSaid && now - saidNanos >= SAY_LOST_NANOS) {
      own.warn(
          "log lines lost={} accessRecordsInAll={} othersInAll={}",
          access + log - lostAndSaid,
          access,
          log);
      lostAndSaid = access + log;
      saidNanos = now;
    }
  }

  private void sleep(int slot) {
    isAsleep = true;
    if (lines.get(slot) == null) {
      boolean isUnsaid = lost(LogKind.ACCESS).sum() + lost(LogKind.LOG).sum() > lostAndSaid;
      if (isUnsaid) {
        LockSupport.parkNanos(this, SAY_LOST_NANOS);
      } else {
        LockSupport.park(this);
      }
    }
    isAsleep = false;
  }
}
