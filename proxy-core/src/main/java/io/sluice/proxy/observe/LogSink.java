package io.sluice.proxy.observe;

import ch.qos.logback.classic.spi.ILoggingEvent;

/** Where a line of the log goes in the end. Called by the queue's writer only; it may block. */
interface LogSink {
  void write(ILoggingEvent line);

  /** Writes what {@link #write} has only collected. */
  default void flush() {}
}
