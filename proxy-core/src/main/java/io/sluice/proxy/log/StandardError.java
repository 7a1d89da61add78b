package io.sluice.proxy.log;

import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What the daemon says on standard error beside its log, like {@code ready}. It goes through the
 * log's queue: it keeps its place among the lines, is JSON where they are, and blocks nobody.
 */
public final class StandardError {
  /** The logger whose lines stand without time and level. */
  static final String LOGGER = "stderr";

  private static final int MAX_LINE_BYTES = 8 << 10;

  private StandardError() {}

  /** Says a line. Any thread. */
  public static void say(String line) {
    log().info(line);
  }

  /** Says that something is doubtful. Any thread. */
  public static void warn(String line) {
    log().warn(line);
  }

  /** Says that something is wrong. Any thread. */
  public static void problem(String line) {
    log().error(line);
  }

  /**
   * From now on, what anything in this process prints goes the same way: programs of users print on
   * event loops, and a {@code System.out} that is a pipe without reader would stop them.
   */
  public static void takePrints() {
    var _ = log(); // sets the log up, which may print
    System.setOut(new PrintStream(new Lines(), true, StandardCharsets.UTF_8));
    System.setErr(new PrintStream(new Lines(), true, StandardCharsets.UTF_8));
  }

  private static Logger log() {
    return LoggerFactory.getLogger(LOGGER);
  }

  /** Cuts what is printed into lines. Locked by its {@link PrintStream}; never waits. */
  private static final class Lines extends OutputStream {
    private final ByteArrayOutputStream line = new ByteArrayOutputStream();

    @Override
    public synchronized void write(int octet) {
      if (octet == '\n' || line.size() == MAX_LINE_BYTES) {
        say(line.toString(StandardCharsets.UTF_8));
        line.reset();
      }
      if (octet != '\n') {
        line.write(octet);
      }
    }
  }
}
