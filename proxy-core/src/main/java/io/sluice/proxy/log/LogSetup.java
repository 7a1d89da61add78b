package io.sluice.proxy.log;

import ch.qos.logback.classic.AsyncAppender;
import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.Appender;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.encoder.Encoder;
import ch.qos.logback.core.spi.ContextAwareBase;
import net.logstash.logback.encoder.LogstashEncoder;
import org.jspecify.annotations.Nullable;

/**
 * Sets Logback up as the environment says: {@code SLUICE_LOG}, {@code SLUICE_LOG_LEVEL} and {@code
 * SLUICE_ACCESS_LOG}, or system properties of these names. In code, because reading Logback's XML
 * is a good part of a start. Logback finds it as a service; who wants another set-up names a file
 * by {@code -Dlogback.configurationFile}.
 */
public final class LogSetup extends ContextAwareBase implements Configurator {
  private static final String PATTERN =
      "%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %-5level %logger{0} %msg%n";
  private static final int ACCESS_RECORDS = 8192;

  @Override
  public ExecutionStatus configure(LoggerContext logback) {
    if (System.getProperty("logback.configurationFile") != null) {
      return ExecutionStatus.INVOKE_NEXT_IF_ANY;
    }
    Appender<ILoggingEvent> lines = lines(logback);
    Logger root = logback.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
    root.setLevel(level("SLUICE_LOG_LEVEL"));
    root.addAppender(lines);
    Logger access = logback.getLogger("access");
    access.setLevel(level("SLUICE_ACCESS_LOG"));
    access.setAdditive(false);
    access.addAppender(losing(logback, lines));
    logback.getLogger("io.netty").setLevel(Level.WARN);
    // Warns where there is only loopback; the number that it then makes up serves as well.
    logback.getLogger("io.netty.util.internal.MacAddressUtil").setLevel(Level.ERROR);
    return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
  }

  private static Appender<ILoggingEvent> lines(LoggerContext logback) {
    Encoder<ILoggingEvent> encoder = "json".equals(setting("SLUICE_LOG")) ? json() : text();
    encoder.setContext(logback);
    encoder.start();
    ConsoleAppender<ILoggingEvent> lines = new ConsoleAppender<>();
    lines.setContext(logback);
    lines.setName("lines");
    lines.setTarget("System.err");
    lines.setEncoder(encoder);
    lines.start();
    return lines;
  }

  private static Encoder<ILoggingEvent> text() {
    PatternLayoutEncoder text = new PatternLayoutEncoder();
    text.setPattern(PATTERN);
    return text;
  }

  private static Encoder<ILoggingEvent> json() {
    return new LogstashEncoder();
  }

  /** Access records come from event loops: rather lose some than hold traffic up. */
  private static Appender<ILoggingEvent> losing(
      LoggerContext logback, Appender<ILoggingEvent> lines) {
    AsyncAppender losing = new AsyncAppender();
    losing.setContext(logback);
    losing.setName("access");
    losing.setQueueSize(ACCESS_RECORDS);
    losing.setDiscardingThreshold(0);
    losing.setNeverBlock(true);
    losing.addAppender(lines);
    losing.start();
    return losing;
  }

  /** INFO if it isn't set, or to no level: of that {@code run} tells before it logs. */
  private static Level level(String name) {
    return Level.toLevel(setting(name), Level.INFO);
  }

  private static @Nullable String setting(String name) {
    String property = System.getProperty(name);
    return property != null ? property : System.getenv(name);
  }
}
