package io.sluice.proxy.observe;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One record per session, at its end: into the log, or into a file of their own, which costs less.
 * Either loses records rather than hold an event loop up.
 */
public final class AccessLog {
  private static final Logger log = LoggerFactory.getLogger(LogSetup.ACCESS);
  private static final long LAST_LINES_NANOS = TimeUnit.SECONDS.toNanos(1);

  private static volatile @Nullable AccessFile file;

  private AccessLog() {}

  /** Whether records are written at all: ask before making one. */
  public static boolean isOn() {
    return log.isInfoEnabled();
  }

  /** Writes a record. */
  public static void add(AccessRecord ended) {
    AccessFile own = file;
    if (own != null) {
      own.add(ended);
    } else {
      log.info("{}", ended);
    }
  }

  /**
   * Has records go into the file that {@code SLUICE_ACCESS_FILE} names, in the form of {@code
   * SLUICE_ACCESS_FORMAT}, if it does. Before the first one.
   *
   * @throws IOException if it can't be written, or there is no such format
   */
  public static void open() throws IOException {
    String path = LogSetup.setting("SLUICE_ACCESS_FILE");
    String format = LogSetup.setting("SLUICE_ACCESS_FORMAT");
    if (path == null || path.isEmpty()) {
      return;
    }
    try {
      AccessFile opened =
          new AccessFile(Path.of(path), AccessFormat.parse(format == null ? "text" : format));
      file = opened;
      Runtime.getRuntime().addShutdownHook(new Thread(opened::close));
    } catch (IllegalArgumentException wrong) {
      throw new IOException("SLUICE_ACCESS_FORMAT: " + wrong.getMessage(), wrong);
    } catch (IOException failure) {
      throw new IOException("SLUICE_ACCESS_FILE: can't write " + failure.getMessage(), failure);
    }
  }

  /** Opens that file anew by its name, once it has been moved away. Any thread. */
  public static void reopen() {
    AccessFile own = file;
    if (own != null) {
      own.reopen();
    }
  }

  /** How many records of the file were lost. */
  static long lost() {
    AccessFile own = file;
    return own == null ? 0 : own.lost();
  }

  /** Waits until all are written, but for a second at most. */
  static void awaitWritten() {
    AccessFile own = file;
    if (own != null) {
      boolean _ = own.awaitWritten(LAST_LINES_NANOS);
    }
  }
}
