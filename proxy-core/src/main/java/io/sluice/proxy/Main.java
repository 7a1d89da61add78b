package io.sluice.proxy;

/** Where {@code bin/sluice} starts. */
public final class Main {
  private Main() {}

  /** Runs the command line, and exits with its code. */
  public static void main(String[] arguments) {
    System.exit(Commands.run(arguments));
  }
}
