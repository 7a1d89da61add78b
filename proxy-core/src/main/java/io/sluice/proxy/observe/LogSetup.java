package io.sluice.proxy.observe;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.util.DefaultJoranConfigurator;
import ch.qos.logback.core.Appender;
import ch.qos.logback.core.encoder.Encoder;
import ch.qos.logback.core.spi.ContextAwareBase;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import net.logstash.logback.encoder.LogstashEncoder;
import org.jspecify.annotations.Nullable;

/**
 * Sets Logback up as the environment says: {@code SLUICE_LOG}, {@code SLUICE_LOG_LEVEL} and {@code
 * SLUICE_ACCESS_LOG}, or system properties of these names. In code, because reading Logback's XML
 * is a good part of a start. Logback finds it as a service. A file that {@code
 * -Dlogback.configurationFile} names replaces all of it but the queue, which stands in front of
 * that file's appenders too.
 */
public final class LogSetup extends ContextAwareBase implements Configurator {
  /** The logger of access records. */
  public static final String ACCESS = "access";

  private static final long LAST_LINES_NANOS = TimeUnit.SECONDS.toNanos(1);

  private static volatile @Nullable LogQueue queue;

  /** How many lines of a kind were lost because the log could not be written. Any thread. */
  public static long lost(LogKind kind) {
    LogQueue used = queue;
    return (used == null ? 0 : used.lost(kind).sum())
        + (kind == LogKind.ACCESS ? AccessLog.lost() : 0);
  }

  /** Waits until all lines are written, but for a second at most. */
  static void awaitWritten() {
    AccessLog.awaitWritten();
    LogQueue used = queue;
    if (used != null) {
      boolean _ = used.awaitWritten(LAST_LINES_NANOS);
    }
  }

  @Override
  public ExecutionStatus configure(LoggerContext logback) {
    LineChannel standardError = standardError(logback);
    LogQueue made = new LogQueue(standardError, logback.getLogger(LogQueue.class));
    queue = made;
    if (!isConfiguredByFile(logback, made)) {
      Appender<ILoggingEvent> lines = appender(logback, made, standardError);
      Logger root = logback.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
      root.setLevel(level("SLUICE_LOG_LEVEL"));
      root.addAppender(lines);
      logback.getLogger(ACCESS).setLevel(level("SLUICE_ACCESS_LOG"));
      logback.getLogger("io.netty").setLevel(Level.WARN);
      // Warns where there is only loopback; the number that it then makes up serves as well.
      logback.getLogger("io.netty.util.internal.MacAddressUtil").setLevel(Level.ERROR);
    }
    Logger said = logback.getLogger(StandardError.LOGGER);
    said.setLevel(Level.INFO);
    said.setAdditive(false);
    said.addAppender(appender(logback, made, standardError));
    made.start();
    Runtime.getRuntime().addShutdownHook(new Thread(LogSetup::awaitWritten));
    return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
  }

  /** Of the descriptor itself: {@code System.err} has a lock, which who is blocked would hold. */
  private static LineChannel standardError(LoggerContext logback) {
    Encoder<ILoggingEvent> encoder =
        "json".equals(setting("SLUICE_LOG")) ? new LogstashEncoder() : new TextLines();
    encoder.setContext(logback);
    encoder.start();
    return new LineChannel(new FileOutputStream(FileDescriptor.err).getChannel(), encoder);
  }

  private static Appender<ILoggingEvent> appender(
      LoggerContext logback, LogQueue queue, LogSink sink) {
    QueueAppender appender = new QueueAppender(queue, sink);
    appender.setContext(logback);
    appender.setName("queue");
    appender.start();
    return appender;
  }

  /**
   * Reads the file that the user names, if any, and puts the queue before each of its appenders.
   */
  private static boolean isConfiguredByFile(LoggerContext logback, LogQueue queue) {
    if (System.getProperty("logback.configurationFile") == null) {
      return false;
    }
    DefaultJoranConfigurator reader = new DefaultJoranConfigurator();
    reader.setContext(logback);
    if (reader.configure(logback) != ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY) {
      return false;
    }
    for (Logger logger : logback.getLoggerList()) {
      List<Appender<ILoggingEvent>> writing = new ArrayList<>();
      logger.iteratorForAppenders().forEachRemaining(writing::add);
      for (Appender<ILoggingEvent> it : writing) {
        logger.detachAppender(it);
        logger.addAppender(appender(logback, queue, it::doAppend));
      }
    }
    return true;
  }

  /** INFO if it isn't set, or to no level: of that {@code run} tells before it logs. */
  private static Level level(String name) {
    return Level.toLevel(setting(name), Level.INFO);
  }

  static @Nullable String setting(String name) {
    String property = System.getProperty(name);
    return property != null ? property : System.getenv(name);
  }
}
