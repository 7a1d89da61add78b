package io.sluice.bpf.isa;

import java.util.List;

/** An object or program that isn't taken: one clear line, and behind it the whole log. */
public final class RejectedException extends Exception {
  private static final long serialVersionUID = 1;

  private final transient List<String> log;

  /** A rejection without a log. */
  public RejectedException(String line) {
    this(line, List.of());
  }

  /**
   * @param line what is wrong and where
   * @param log what was found out before, a line each
   */
  public RejectedException(String line, List<String> log) {
    super(line);
    this.log = List.copyOf(log);
  }

  /** What is wrong, in one line. */
  public String line() {
    return String.valueOf(getMessage());
  }

  /** The verifier's log; empty if it wasn't reached. */
  public List<String> log() {
    return log == null ? List.of() : log;
  }
}
