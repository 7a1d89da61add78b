package io.sluice.proxy.observe;

import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
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

  /**
   * From now on, what anything in this process prints goes the same way: programs of users print on
   * event loops, and a {@code System.out} that is a pipe without reader would stop them.
   *
   * @return what {@code System.err} is now
   */
  public static PrintWriter takePrints() {
    var _ = log(); // sets the log up, which may print
    PrintStream lines = new PrintStream(new Lines(), true, StandardCharsets.UTF_8);
    System.setOut(lines);
    System.setErr(lines);
    return new PrintWriter(lines, true, StandardCharsets.UTF_8);
  }

  /** Waits until what was said is written, but not for long: for those who end the process. */
  public static void awaitWritten() {
    LogSetup.awaitWritten();
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
