package io.sluice.proxy.observe;

import ch.qos.logback.classic.PatternLayout;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.Context;
import ch.qos.logback.core.encoder.EncoderBase;
import java.nio.charset.StandardCharsets;

/**
 * The log as text, in UTF-8: a time, the level, where it comes from, and the message. What {@link
 * StandardError} is told stands as it is. What could hide text or move it on a terminal is escaped.
 */
final class TextLines extends EncoderBase<ILoggingEvent> {
  private static final String PATTERN =
      "%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX} %-5level %logger{0} %msg%n";
  private static final byte[] NOTHING = {};

  private final PatternLayout layout = new PatternLayout();

  @Override
  public void setContext(Context context) {
    super.setContext(context);
    layout.setContext(context);
  }

  @Override
  public void start() {
    layout.setPattern(PATTERN);
    layout.start();
    super.start();
  }

  @Override
  public byte[] encode(ILoggingEvent line) {
    String text =
        line.getLoggerName().equals(StandardError.LOGGER)
            ? line.getFormattedMessage() + "\n"
            : layout.doLayout(line);
    return Quoted.printable(text).getBytes(StandardCharsets.UTF_8);
  }

  @Override
  public byte[] headerBytes() {
    return NOTHING;
  }

  @Override
  public byte[] footerBytes() {
    return NOTHING;
  }
}
