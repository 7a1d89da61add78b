package io.sluice.proxy.cli;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** Keys of the terminal, one by one; without a terminal there are none. */
final class Keys implements AutoCloseable {
  private static final Path TERMINAL = Path.of("/dev/tty");
  private static final int POLL_MILLIS = 50;

  private final boolean isTerminal;

  Keys() throws IOException, InterruptedException {
    isTerminal = hasTerminal() && stty("-icanon -echo min 0");
  }

  private static boolean hasTerminal() {
    return requireNonNull(System.console()).isTerminal(); // since JDK 22 there always is one
  }

  /** Waits for a key, for so long; 0 if none came. */
  char await(long millis) throws IOException, InterruptedException {
    long until = System.nanoTime() + millis * 1_000_000;
    InputStream in = System.in;
    while (System.nanoTime() < until) {
      if (isTerminal && in.available() > 0) {
        return (char) in.read();
      }
      Thread.sleep(Math.min(POLL_MILLIS, millis));
    }
    return 0;
  }

  private static boolean stty(String mode) throws IOException, InterruptedException {
    if (!Files.isReadable(TERMINAL)) {
      return false;
    }
    Process process =
        new ProcessBuilder(("stty " + mode).split(" ", -1))
            .redirectInput(TERMINAL.toFile())
            .redirectErrorStream(true)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    return process.waitFor(1, TimeUnit.SECONDS) && process.exitValue() == 0;
  }

  @Override
  public void close() throws IOException, InterruptedException {
    if (isTerminal) {
      boolean _ = stty("sane");
    }
  }
}
