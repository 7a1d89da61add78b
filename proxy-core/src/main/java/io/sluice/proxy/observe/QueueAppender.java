package io.sluice.proxy.observe;

import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.UnsynchronizedAppenderBase;

/** What loggers have in place of what writes: it puts lines into the queue. Any thread. */
final class QueueAppender extends UnsynchronizedAppenderBase<ILoggingEvent> {
  private final LogQueue queue;
  private final LogSink sink;

  QueueAppender(LogQueue queue, LogSink sink) {
    this.queue = queue;
    this.sink = sink;
  }

  @Override
  protected void append(ILoggingEvent line) {
    boolean isAccess = line.getLoggerName().equals(LogSetup.ACCESS);
    queue.offer(line, isAccess ? LogKind.ACCESS : LogKind.LOG, sink);
  }
}
