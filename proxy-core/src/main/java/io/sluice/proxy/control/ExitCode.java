package io.sluice.proxy.control;

/** With what the process ends. A full heap ends it with 3: the JVM does that. */
public final class ExitCode {
  /** Done. */
  public static final int DONE = 0;

  /** The answer is no, or it failed. */
  public static final int FAILED = 1;

  /** The command line or the environment is wrong. */
  public static final int WRONG_USAGE = 2;

  /** A loop, or another thread that nothing works without, has ended: EX_SOFTWARE. */
  static final int BROKEN = 70;

  /** The configuration is bad: EX_CONFIG of sysexits.h. */
  public static final int BAD_CONFIGURATION = 78;

  private ExitCode() {}
}
