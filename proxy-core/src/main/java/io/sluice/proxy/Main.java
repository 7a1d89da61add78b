package io.sluice.proxy;

import io.sluice.proxy.cli.Commands;
import io.sluice.proxy.control.ExitCode;
import io.sluice.proxy.control.Foreground;
import java.nio.file.Path;

/** Where {@code bin/sluice} starts. */
public final class Main {
  private Main() {}

  /** Runs the command line, and exits with its code. */
  public static void main(String[] arguments) throws InterruptedException {
    System.exit(isPlainRun(arguments) ? run(arguments) : Commands.run(arguments));
  }

  /**
   * Whether it is the command line of services. What parses all others has to learn them first, by
   * reflection, which takes longer than the rest of the start.
   */
  private static boolean isPlainRun(String[] arguments) {
    return arguments.length > 0
        && arguments[0].equals("run")
        && (arguments.length == 1
            || (arguments.length == 3
                && (arguments[1].equals("-f") || arguments[1].equals("--file"))
                && !arguments[2].startsWith("-")
                && !arguments[2].startsWith("@")));
  }

  /** {@code run}, with or without {@code -f FILE}. */
  static int run(String... arguments) throws InterruptedException {
    String file = arguments.length == 1 ? Foreground.DEFAULT_FILE : arguments[2];
    try {
      return new Foreground(Path.of(file)).run();
    } catch (RuntimeException failure) {
      String message = failure.getMessage();
      System.err.println("sluice: " + (message == null ? failure : message));
      return ExitCode.FAILED;
    }
  }
}
